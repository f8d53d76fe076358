"""Hundreds of answers that end by themselves: a thread does for them, and saves a fork (some 50 ms) each."""

import pytest

from kd_teach.course.exercises import checking, diagnosis
from kd_teach.course.exercises.limits import in_a_thread, within


@pytest.fixture(autouse=True)
def in_threads(monkeypatch):
    for module in (checking, diagnosis):
        monkeypatch.setattr(module, "within", in_a_thread)


@pytest.fixture
def in_processes(in_threads, monkeypatch):
    """As learners have it, on Linux."""
    for module in (checking, diagnosis):
        monkeypatch.setattr(module, "within", within)
