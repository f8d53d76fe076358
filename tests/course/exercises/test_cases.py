"""The cases of an exercise leave no hole: a mutant that passes them all is equal to the reference elsewhere too.

`python -m tests.course.exercises.test_cases` prints how many of the mutants that differ are found.
"""

import inspect
import warnings

import pytest
import torch

from kd_teach.course.exercises import Exercise, get_exercise, list_exercises
from kd_teach.course.exercises.mutation import mutants
from kd_teach.course.exercises.observing import observe, same, shaken

FUNCTIONS = [e for e in map(get_exercise, list_exercises()) if isinstance(e, Exercise)]


def behaves(exercise, function, cases, expected):
    try:
        return all(
            same(observe(function, case, exercise.gradient), one, exercise.rtol)
            for case, one in zip(cases, expected, strict=True)
        )
    except Exception:  # a mutant need not run
        return False


def found(exercise):
    """How many mutants the cases tell from the reference, and the words of those that only fresh cases do."""
    cases = exercise.cases()
    fresh = [case for seed in (1, 2) for case in shaken(cases, seed)]
    expected, elsewhere = ([observe(exercise.reference, c, exercise.gradient) for c in cs] for cs in (cases, fresh))
    killed, alive = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for mutant in mutants(exercise.reference, list(inspect.signature(exercise.reference).parameters)):
            if not behaves(exercise, mutant.function, cases, expected):
                killed += 1
            elif not behaves(exercise, mutant.function, fresh, elsewhere):
                alive.append(mutant.words)
    return killed, alive


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda e: e.name)
def test_mutants_that_differ_are_found(exercise):
    killed, alive = found(exercise)
    assert killed >= 10 and killed >= 0.98 * (killed + len(alive)), alive


def tensors(case):
    return [x for x in case if torch.is_tensor(x)]


MAPS = [e for e in FUNCTIONS if any(x.ndim > 1 for case in e.cases() for x in tensors(case))]
PAIRED = (
    "compare",
    "rkd",
    "pkt",
    "cc.neighbours",
    "cc.repeat_classes",
    "sp.contrast",
)  # nothing to pair for one sample


@pytest.mark.parametrize("exercise", MAPS, ids=lambda e: e.name)
def test_sizes_differ_in_a_case_and_one_sample_is_among_them(exercise):
    square = exercise.name == "sp.contrast"  # of samples with samples
    cases = [tensors(case) for case in exercise.cases()]
    assert any(all(len(set(x.shape)) == x.ndim for x in case if x.ndim != 2 or not square) for case in cases)
    assert exercise.name.startswith(PAIRED) or any(len(x) == 1 for case in cases for x in case)
    four = [x for case in cases for x in case if x.ndim == 4]
    assert all(x.shape[2] != x.shape[3] for x in four)
    assert not four or (any((x >= 0).all() for x in four) and any((x < 0).any() for x in four))


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda e: e.name)
def test_temperatures_are_three_among_others(exercise):
    names = list(inspect.signature(exercise.reference).parameters)
    for i in (i for i, name in enumerate(names) if name in ("T", "tau")):
        values = {case[i] for case in exercise.cases()}
        assert 3 in values and len(values) >= 2


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda e: e.name)
def test_unseen_cases_have_other_numbers_and_sizes(exercise):
    cases = exercise.cases()
    for case, *others in zip(cases, shaken(cases, 1), shaken(cases, 2), strict=True):
        if x := tensors(case):
            assert {len(tensors(other)[0]) - len(x[0]) for other in others} == {1, 2}
            floats = [(a, b) for a, b in zip(x, tensors(others[0]), strict=True) if a.is_floating_point() and a.any()]
            assert not any(torch.equal(a, b[tuple(slice(n) for n in a.shape)]) for a, b in floats)


if __name__ == "__main__":
    counts = [found(exercise) for exercise in FUNCTIONS]
    killed, alive = sum(n for n, _ in counts), sum(len(words) for _, words in counts)
    print(f"{killed} of {killed + alive} mutants that differ are found: {killed / (killed + alive):.2%}")
