"""Mistakes that nobody wrote down are explained, and the corpus that is only measured is judged rightly."""

import pytest
import torch

from kd_teach.course.exercises import Exercise, check, checking
from kd_teach.course.exercises.checking import check_function
from tests.course.exercises.corpus_measured import RIGHT, WRONG
from tests.course.exercises.measure import explained, function, get_exercise, measured


def maps(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def energy_gap(s, t, T):
    gap = s.square().mean(dim=1) - t.square().mean(dim=1)
    return T * gap.abs().flatten(1).sum(dim=1).mean()


OWN = Exercise(
    "toy.energy",
    "T times the sum over places, mean over images, of the absolute difference of two maps of energy.",
    energy_gap,
    lambda: [(maps(1, 4, 3, 2, 5), maps(2, 4, 3, 2, 5), 3.0), (maps(3, 2, 5, 4, 3), maps(4, 2, 5, 4, 3), 0.5)],
    detached=("t",),
)


def gap(s, t, power=2, dim=1):
    return (s.abs().pow(power).mean(dim) - t.detach().abs().pow(power).mean(dim)).flatten(1)


@pytest.mark.parametrize(
    ("mine", "kind", "says"),
    [
        (lambda s, t, T: gap(s, t).abs().sum(1).mean(), "mutation", "T, a factor of the mean of the sum, is missing"),
        (
            lambda s, t, T: T * gap(s, t).abs().mean(),
            "mutation",
            "the mean runs over all entries: the sum inside it is missing",
        ),
        (lambda s, t, T: T * gap(s, t).abs().sum(), "mutation", "the sum stands where the mean belongs"),
        (
            lambda s, t, T: T * gap(s, t, 1).abs().sum(1).mean(),
            "mutation",
            "the absolute value stands where the square",
        ),
        (
            lambda s, t, T: T * gap(s, t).square().sum(1).mean(),
            "mutation",
            "the square stands where the absolute value",
        ),
        (lambda s, t, T: -T * gap(s, t).abs().sum(1).mean(), "mutation", "the sign is turned"),
        (
            lambda s, t, T: T * gap(s.relu(), t).abs().sum(1).mean(),
            "mutation",
            "the ReLU is taken of what goes into the square",
        ),
        (lambda s, t, T: T * (s.sum() + t.sum()) * 0, "relation", "yours is 0 in every case"),
        (lambda s, t, T: 7 * T * gap(s, t).abs().sum(1).mean(), "gap", "yours is 7 times"),
        (lambda s, t, T: T * gap(s, t).abs().sum(1).mean() * len(s) * s.shape[3], "mutation", "two slips"),
        (lambda s, t, T: gap(s, t).abs().mean(), "relation", "T plays no part"),
    ],
)
def test_a_mistake_without_a_name_is_explained(mine, kind, says):
    verdict = check_function(OWN, mine)
    assert verdict.kind == kind and says in verdict.message, verdict
    assert "square()" not in verdict.message


def test_only_what_holds_on_unseen_cases_is_said():
    """Right on the inputs that everybody sees, but for one slip; elsewhere something else."""
    known = {float(s.sum()) for s, _, _ in OWN.cases()}

    def mine(s, t, T):
        return gap(s, t).abs().sum(1).mean() if float(s.detach().sum()) in known else 0 * s.sum()

    assert check_function(OWN, mine).kind != "mutation"


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_fail_and_right_ones_pass(name, monkeypatch):
    monkeypatch.setattr(checking, "diagnose", lambda *given: None)
    exercise = get_exercise(name)
    assert not [body for body, _ in WRONG[name] if check(name, function(exercise, body))]
    assert not [body for body in RIGHT[name] if not check(name, function(exercise, body))]


def test_most_wrong_answers_are_explained():
    count, _, _ = measured(["vid.loss", "sp.loss", "ft.loss", "fsp.flow", "own.centred"])
    assert explained(count) >= 0.7 and not count["misleading"]
