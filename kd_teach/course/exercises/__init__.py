"""Exercises that know your mistake: `check`, `hint`, `solution`.

    check("kd.loss", my_kd_loss)    correct, or what is wrong with it
    hint("kd.loss")                 one more step each time
    solution("kd.loss")             the answer

One file per notebook holds its exercises as data; the checker behind them all is `checking.py`.
"""

from importlib import import_module
from typing import Any

from kd_teach._support.errors import unknown
from kd_teach.course import TAUGHT
from kd_teach.course.exercises.checking import Verdict, check_function, check_value, wrapped
from kd_teach.course.exercises.exercise import Exercise, Question

__all__ = ["Exercise", "Question", "Verdict", "check", "get_exercise", "hint", "list_exercises", "solution"]

TOPICS = ("start", *TAUGHT, "compare", "own", "questions")

_hints_given: dict[str, int] = {}
_own: dict[str, Exercise | Question] = {}  # those that `check` was given


class Text(str):
    """Text that a notebook cell shows as it reads, not in quotes."""

    def __repr__(self) -> str:
        return str(self)


def list_exercises(topic: str | None = None) -> list[str]:
    """Names of all exercises, or of those of one notebook ("kd"), in their order."""
    if topic is not None and topic not in TOPICS:
        raise unknown("topic", topic, TOPICS)
    return [e.name for t in ([topic] if topic else TOPICS) for e in _exercises(t)]


def get_exercise(name: str) -> Exercise | Question:
    """The exercise called `name`; ValueError with the nearest name for an unknown one."""
    topic = name.partition(".")[0]
    found = [e for e in (*(_exercises(topic) if topic in TOPICS else []), *_own.values()) if e.name == name]
    if not found:
        raise unknown("exercise", name, list_exercises(topic) if topic in TOPICS else list_exercises())
    return found[0]


def check(name: str | Exercise | Question, mine: Any, *, seed: int | None = None) -> Verdict:
    """Say whether an answer is right, and if not, what is wrong with it.

    Args:
        name: of the exercise, as the notebook gives it; or an exercise of your own, which `hint` and `solution` then
            know by its name.
        mine: your function, or for a question your value.
        seed: for graders: check a function on other inputs than those everybody sees, drawn from this seed.

    Returns:
        A `Verdict`; a cell that ends in it shows the block, and `.passed` is True only for a right answer.
    """
    exercise = get_exercise(name) if isinstance(name, str) else name
    _own[exercise.name] = exercise
    return check_value(exercise, mine) if isinstance(exercise, Question) else check_function(exercise, mine, seed=seed)


def hint(name: str) -> Text:
    """One more step towards the solution each time, from the first again after the last."""
    steps = get_exercise(name).hints
    given = _hints_given.get(name, 0) % len(steps)
    _hints_given[name] = given + 1
    last = f' After this only solution("{name}") is left.' if given + 1 == len(steps) else ""
    return Text(wrapped(f"Step {given + 1} of {len(steps)}: {steps[given]}{last}"))


def solution(name: str) -> Text:
    """The answer: try `hint` first."""
    return Text(get_exercise(name).solution())


def _exercises(topic: str) -> list[Exercise | Question]:
    return import_module(f"kd_teach.course.exercises.{topic}").EXERCISES
