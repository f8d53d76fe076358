"""The cases of an exercise leave no hole: a mutant that passes them all is equal to the reference elsewhere too."""

import inspect
import warnings

import pytest

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


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda e: e.name)
def test_mutants_that_differ_are_found(exercise):
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
    assert killed >= 10 and killed >= 0.98 * (killed + len(alive)), alive
