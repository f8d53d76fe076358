"""The contract of every exercise: the reference passes, the stub does not, each mistake gets its own hint."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach.course import TAUGHT
from kd_teach.course.exercises import Exercise, Question, check, get_exercise, list_exercises
from tests.course.exercises.corpus import RIGHT, WRONG
from tests.course.exercises.corpus_measured import RIGHT as MEASURED_RIGHT
from tests.course.exercises.corpus_measured import WRONG as MEASURED_WRONG

ALL = [get_exercise(name) for name in list_exercises()]
FUNCTIONS = [e for e in ALL if isinstance(e, Exercise)]
QUESTIONS = [e for e in ALL if isinstance(e, Question)]
MISTAKES = [(e, hint) for e in FUNCTIONS for hint in e.mistakes]
VARIANTS = [(name, odd) for name, programs in RIGHT.items() for odd in programs]
VALUES = [(q, hint) for q in QUESTIONS for hint in q.wrong]
EXPLAINED = [(name, words, program) for name, programs in WRONG.items() for words, program in programs]


def name_of(x):
    if isinstance(x, Exercise | Question):
        return x.name
    return "program" if callable(x) else str(x)[:40]  # its address differs from process to process


def defined(source: str, name: str):
    """The function that a notebook cell with this source defines, with the imports that every notebook has."""
    space = {"torch": torch, "F": F, "nn": nn, "math": math}
    exec(source, space)
    return space[name]


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=name_of)
def test_reference_passes_and_stub_is_not_attempted(exercise):
    assert check(exercise.name, exercise.answer).passed
    assert check(exercise.name, exercise.answer, seed=1).passed
    assert check(exercise.name, defined(exercise.stub(), exercise.variable)).kind == "not attempted"
    assert check(exercise.name, defined(exercise.solution(), exercise.variable)).passed  # needs nothing from its file


@pytest.mark.parametrize(("exercise", "hint"), MISTAKES, ids=name_of)
def test_mistake_is_rejected_with_its_own_hint(exercise, hint):
    verdict = check(exercise.name, exercise.mistakes[hint])
    assert verdict.kind == "named mistake" and verdict.message.endswith(hint), verdict


@pytest.mark.parametrize(("name", "words", "program"), EXPLAINED, ids=name_of)
def test_what_nobody_wrote_down_is_explained(name, words, program):
    verdict = check(name, program)
    assert not verdict.passed and words in verdict.message, verdict


@pytest.mark.parametrize(("name", "odd"), VARIANTS)
def test_right_variant_passes(name, odd):
    verdict = check(name, RIGHT[name][odd])
    assert verdict.passed, verdict


@pytest.mark.parametrize("exercise", [e for e in FUNCTIONS if e.detached], ids=name_of)
def test_gradient_to_the_teacher_is_seen(exercise):
    """The solution with `detach` taken away: the same values, but the teacher would learn."""
    leaky = defined(exercise.solution().replace(".detach()", ""), exercise.variable)
    verdict = check(exercise.name, leaky)
    assert verdict.kind == "gradient" and "the teacher does not learn" in verdict.message, verdict


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=name_of)
def test_is_complete(exercise):
    assert len(exercise.cases()) >= 2
    assert len(exercise.hints) >= 2 and 1 <= exercise.stars <= 3
    told = " ".join([*exercise.hints[:-1], *exercise.mistakes])
    for line in exercise.body():
        assert len(line) < 25 or line.strip() not in told, f"a hint before the last gives away {line!r}"


@pytest.mark.parametrize(("question", "hint"), VALUES, ids=name_of)
def test_wrong_value_gets_its_hint(question, hint):
    verdict = check(question.name, question.wrong[hint])
    assert verdict.kind == "named mistake" and verdict.message.endswith(hint), verdict


@pytest.mark.parametrize("question", QUESTIONS, ids=name_of)
def test_right_value_passes(question):
    assert check(question.name, question.answer()).passed
    assert check(question.name, None).kind == check(question.name, ...).kind == "not attempted"
    assert question.explanation and len(question.hints) >= 2


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=name_of)
def test_the_corpus_holds_a_dozen_wrong_and_four_right_answers(exercise):
    name = exercise.name
    assert len(exercise.mistakes) + len(WRONG.get(name, [])) + len(MEASURED_WRONG.get(name, [])) >= 12
    assert len(RIGHT.get(name, [])) + len(MEASURED_RIGHT.get(name, [])) >= 4


@pytest.mark.parametrize("method", TAUGHT)
def test_every_lesson_has_three_exercises(method):
    exercises = [get_exercise(name) for name in list_exercises(method)]
    assert len(exercises) >= 3
    assert all(e.name.startswith(f"{method}.") for e in exercises)
    assert len({e.name for e in exercises}) == len(exercises)
