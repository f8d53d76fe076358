"""What the graded cells call: cells before them may have overwritten anything."""

import math

import pytest
import torch
import torch.nn.functional as F

import kd_teach.course.exercises as exercises
from kd_teach.course.exercises import Exercise, check, get_exercise, grading, kd
from kd_teach.course.exercises.grading import NotPassed, grade
from kd_teach.course.exercises.states import contents, put_back

RIGHT = get_exercise("kd.loss").solution()
WRONG = "def my_kd_loss(z_s, z_t, T): return 0 * z_s.sum()"


def defined(source, **names):
    """The function that a cell defines in a notebook with these names."""
    space = {"torch": torch, "F": F} | names
    exec(source, space)
    return space["my_kd_loss"]


@pytest.fixture
def kept():
    """Nothing that a test overwrites stays so."""
    before = contents([exercises, exercises.checking, exercises.checking.Verdict, exercises.limits, grading])
    yield
    put_back(before)


def test_right_passes_and_wrong_says_why():
    grade("kd.loss", defined(RIGHT))
    grade("kd.loss", defined(RIGHT), seed=1)
    grade("kd.without_t2", get_exercise("kd.without_t2").answer())
    for mine in (defined(WRONG), None, 3):
        with pytest.raises(NotPassed, match=r"^. kd\.loss: "):
            grade("kd.loss", mine)
    with pytest.raises(NotPassed, match="kd.without_t2"):
        grade("kd.without_t2", 1e9)


@pytest.mark.usefixtures("kept")
def test_a_replaced_checker_earns_nothing():
    always = lambda *args, **kwargs: exercises.Verdict("kd.loss", "correct", "correct.")
    exercises.check = exercises.checking.check_function = grading.check = always
    exercises.Verdict.passed = True
    exercises.checking.same = exercises.limits.within = lambda *args: True
    with pytest.raises(AttributeError):
        grading.grade = always
    with pytest.raises(NotPassed):
        grading.grade("kd.loss", defined(WRONG))
    assert check is exercises.check is not always and not exercises.Verdict("", "gap", "").passed


def test_a_replaced_exercise_earns_nothing():
    fake = Exercise("kd.loss", "", defined(WRONG), lambda: [(torch.ones(2, 2), torch.ones(2, 2), 1.0)])
    assert check(fake, fake.reference).passed and not check("kd.loss", fake.reference).passed
    kept = list(kd.EXERCISES)
    kd.EXERCISES[:] = [fake]
    try:
        with pytest.raises(NotPassed):
            grade("kd.loss", fake.reference)
    finally:
        kd.EXERCISES[:] = kept


@pytest.mark.parametrize("names", [{"F": 96485.0}, {"torch": 1, "F": None, "math": math}, {"T": 3, "check": 1}])
def test_a_name_used_twice_costs_nothing(names):
    mine = defined(RIGHT, **names)
    space = mine.__globals__
    space.update(names)
    before = dict(space)
    grade("kd.loss", mine)
    assert space == before
    with pytest.raises(NotPassed):
        grade("kd.loss", defined(WRONG, **names))
    del space["F"]
    grade("kd.loss", mine)
    assert "F" not in space
