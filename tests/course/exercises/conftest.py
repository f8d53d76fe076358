"""Hundreds of answers that end by themselves: a thread does for them, and saves a fork (some 50 ms) each."""

import pytest

from kd_teach.course.exercises import checking
from kd_teach.course.exercises.limits import in_a_thread, within


@pytest.fixture(autouse=True)
def in_threads(monkeypatch):
    monkeypatch.setattr(checking, "within", in_a_thread)


@pytest.fixture
def in_processes(in_threads, monkeypatch):
    """As learners have it, on Linux."""
    monkeypatch.setattr(checking, "within", within)
