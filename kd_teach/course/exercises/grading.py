"""What a graded cell of the classroom calls: the check, and nothing of the pupil's in it.

A kernel runs the pupil's cells and the teacher's one after the other, and whatever a cell overwrites stays so. Hence
`grade` goes by what was there when this module was imported, which an assignment's first cell does.
"""

import math
import sys
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach.course.exercises import Exercise, Question, Verdict, check, get_exercise, list_exercises
from kd_teach.course.exercises.states import contents, put_back

NAMES = {"math": math, "torch": torch, "F": F, "nn": nn, "np": np}  # what an answer may use without importing it

EXERCISES = MappingProxyType({name: get_exercise(name) for name in list_exercises()})


class NotPassed(AssertionError):
    """What the checker says to an answer that earns nothing."""


def grade(name: str | Exercise | Question, mine: Any, *, seed: int | None = None) -> None:
    """Return for a right answer; for graders.

    A name that an answer uses (`F`, `torch`) may have been given away by a later cell, as in `F = 96485.0`. That costs
    nothing: what is wrong is checked once more with these names as they were.

    Args:
        name: of the exercise, or one of your own.
        mine: the pupil's function or value.
        seed: check a function on inputs that nobody has seen.

    Raises:
        NotPassed: with what is wrong.
    """
    put_back(OWN)
    exercise = EXERCISES.get(name, name) if isinstance(name, str) else name
    verdict = check(exercise, mine, seed=seed)
    if not verdict.passed and (theirs := getattr(mine, "__globals__", None)) and not NAMES.items() <= theirs.items():
        before = {key: theirs[key] for key in NAMES if key in theirs}
        theirs.update(NAMES)
        again = check(exercise, mine, seed=seed)
        for key in NAMES:
            theirs.pop(key)
        theirs.update(before)
        verdict = again if again.passed else verdict
    if not verdict.passed:
        raise NotPassed(str(verdict))


class Grading(ModuleType):
    """This module, in which nobody can put another `grade`."""

    @property
    def grade(self, grade=grade):
        return grade


sys.modules[__name__].__class__ = Grading
OWN = contents(
    [
        *(
            module
            for name, module in sys.modules.items()
            if name.startswith(("kd_teach.course.exercises", "kd_teach.methods"))
        ),
        *(Exercise, Question, Verdict),
    ]
)
