import sys

import pytest

from kd_teach._support.progress import bar


def watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if someone looked at a terminal, and no test was running."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.delenv("KD_TEACH_PROGRESS", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def test_silent_in_tests():
    assert bar(range(3)).disable


def test_shows_in_a_terminal(monkeypatch):
    watch(monkeypatch)
    shown = bar(range(3), desc="steps")
    assert not shown.disable
    assert list(shown) == [0, 1, 2]


def test_silent_when_asked_or_written_to_a_file(monkeypatch):
    watch(monkeypatch)
    monkeypatch.setenv("KD_TEACH_PROGRESS", "0")
    assert bar(range(3)).disable
    monkeypatch.delenv("KD_TEACH_PROGRESS")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert bar(range(3)).disable
