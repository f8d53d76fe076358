"""Mistakes that nobody wrote down are explained, and the corpus that is only measured is judged rightly."""

import dataclasses
import inspect
import re
import sys

import pytest
import torch
import torch.nn.functional as F

from kd_teach.course.exercises import Exercise, check, checking
from kd_teach.course.exercises.checking import check_function
from kd_teach.course.exercises.mutation import mutants
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


@pytest.mark.parametrize(
    ("name", "mine", "says"),
    [
        # kinds that the blind set showed to be missing
        ("fitnet.loss", lambda g, u: 0.5 * (g[0] - u[0].detach()).square().sum() / len(g), "only the first sample"),
        ("kd.soften", lambda z, T: (z / T).softmax(1)[:1].expand(z.shape), "only the first sample"),
        ("kd.soften", lambda z, T: (z / T).flatten().softmax(0).view_as(z), "the whole batch at once"),
        ("kd.soften", lambda z, T: z.softmax(1) ** (1 / T), "rows that sum to 1"),
        ("at.map", lambda f, p: F.normalize(f.abs().sum(1).pow(p).flatten(1)), "the order is wrong"),
        ("at.map", lambda f, p: F.normalize(f.abs().pow(p).sum(1)).flatten(1), "dim=1|length 1"),
        ("vid.variance", lambda alpha, floor: F.softplus(alpha + floor), "floor comes in before the softplus"),
        ("vid.best_variance", lambda mu, f: (f - mu).var((0, 2, 3)), "the mean is subtracted before the square"),
        ("ab.hinge", lambda s, t, mu: torch.where(t > mu, mu - s, mu + s).relu().square(), "compared with mu"),
        ("ofd.loss", lambda s, t, m: partly(s, (t + m[:, None, None]).detach()), "added, not compared"),
        ("cc.repeat_classes", lambda y, k, n: torch.cat([(y == c).nonzero()[-n:, 0] for c in k]), "the last entries"),
        ("cc.repeat_classes", lambda y, k, n: torch.cat([(y == c).nonzero()[:n, 0] for c in sorted(k)]), "is sorted"),
        ("compare.holm", lambda p: holm(p)[p.argsort()], "put back the wrong way round"),
        ("compare.paired_t", lambda a, b: (a - b).mean() * (len(a) - 1) ** 0.5 / (a - b).std(), "root of N / \\(N - 1"),
        ("fitnet.loss", lambda g, u: 0.5 * (g - u.detach()).square().sum() / g.shape[1], "the wrong size"),
        ("start.share", lambda s, t: 1 / (1 + size(t) / size(s)), "the divisor is the sum of both"),
    ],
)
def test_kinds_of_the_blind_set(name, mine, says):
    exercise = get_exercise(name)
    verdict = check_function(dataclasses.replace(exercise, mistakes={}), of(exercise, mine))
    assert not verdict and re.search(says, verdict.message), verdict


def of(exercise, mine):
    """Under the names that the exercise gives its arguments."""
    mine.__signature__ = inspect.signature(exercise.reference)
    return mine


def partly(s, target):
    return (((s > target) | (target > 0)) * (s - target).square()).sum() / len(s)


def holm(p):
    return (p.sort().values * torch.arange(len(p), 0, -1)).cummax(0).values.clamp(max=1)


def size(network):
    return sum(p.numel() for p in network.parameters())


def test_a_gradient_that_is_not_finite_hides_no_slip():
    def mine(s, t, T):
        return T * gap(s, t).abs().sum(1).mean() * 2 + 0 * (s * 0).sum().sqrt()

    assert check_function(OWN, mine).kind in ("mutation", "relation")


def test_a_detach_that_changes_places_too_hides_no_exchange():
    verdict = check("kd.loss", lambda s, t, T: get_exercise("kd.loss").reference(t, s.detach(), T))
    assert verdict.kind == "mutation" and "z_s and z_t have changed places" in verdict.message, verdict


def test_a_size_over_itself_is_no_factor():
    """A floor that is added, not cut at, is right but for the small variances: 1 times the right result."""
    own = dataclasses.replace(get_exercise("vid.variance"), mistakes={})
    assert "over N" not in check_function(own, lambda alpha, floor: F.softplus(alpha).clamp(min=floor)).message


def test_two_changes_of_one_place_are_no_likewise():
    """z_s in place of z_t and z_t in place of z_s cannot both be made."""
    for mutant in mutants(get_exercise("kd.loss").reference, ["z_s", "z_t", "T"]):
        first, _, second = mutant.words.partition(" and likewise: ")
        assert not ("belongs as well" in first and "belongs as well" in second), mutant.words


def test_where_only_the_form_is_wrong_no_slip_is_made_up():
    verdict = check_function(OWN, lambda s, t, T: energy_gap(s, t.detach(), T).reshape(1))
    assert verdict.kind == "wrong form" and "slip" not in verdict.message and "factor" not in verdict.message


@pytest.mark.usefixtures("in_processes")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread of this process runs it")
def test_a_wrong_answer_never_runs_in_our_process():
    here = []

    def mine(s, t, T):
        here.append(1)
        return (s - t.detach()).pow(3).sum()

    assert not check_function(OWN, mine) and not here


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
