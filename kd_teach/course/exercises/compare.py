"""Exercises of `15_compare`."""

import math

import torch

from kd_teach.course.exercises.exercise import Exercise, Question


def paired_t(a, b):
    d = a - b
    return d.mean() / (d.std() / math.sqrt(len(d)))


def holm(p):
    m = len(p)
    order = p.argsort()
    scaled = p[order] * torch.arange(m, 0, -1)
    corrected = torch.empty_like(p)
    corrected[order] = scaled.cummax(dim=0).values.clamp(max=1)
    return corrected


def accuracies(seed, n):
    """Two methods whose seeds go up and down together, in per cent."""
    random = torch.Generator().manual_seed(seed)
    seeds = 2 * torch.randn(n, generator=random)
    return tuple(60 + gain + seeds + 0.5 * torch.randn(n, generator=random) for gain in (1.5, 0.0))


def paired_accuracies():
    import scipy.stats  # noqa: F401  so that an answer which uses it finds it loaded: that takes seconds

    return [accuracies(0, 5), accuracies(1, 9)]


def unpaired_t(a, b):
    return (a.mean() - b.mean()) / ((a.var() + b.var()) / len(a)).sqrt()


PAIRED_T = Exercise(
    name="compare.paired_t",
    prompt="The t statistic of paired runs: the mean of the differences a - b, divided by their standard error.\n"
    "a, b: (n,) accuracies of two methods; entry i of both comes from seed i. One number.",
    reference=paired_t,
    gradient=False,
    cases=paired_accuracies,
    mistakes={
        "That is the test of independent runs: it throws the pairs away. Take the differences first.": unpaired_t,
    },
    hints=[
        "Everything follows from the n differences within the seeds.",
        "Their standard error is their standard deviation (with n - 1) over the root of n.",
    ],
)


def ranks(p):
    return p.argsort().argsort()


def unsorted_running_maximum(p):
    return (p * torch.arange(len(p), 0, -1)).cummax(dim=0).values.clamp(max=1)


def benjamini_hochberg(p):
    m = len(p)
    scaled = p.sort(descending=True).values * m / torch.arange(m, 0, -1)
    return scaled.cummin(dim=0).values.clamp(max=1).flip(0)[ranks(p)]


HOLM = Exercise(
    name="compare.holm",
    prompt="Holm's correction: the smallest of the m p values times m, the next times m - 1, and so on; none below "
    "one that was smaller before, none above 1.\np: (m,) in any order. Returns (m,), in the order of p.",
    reference=holm,
    cases=lambda: [
        (torch.tensor([0.01, 0.04, 0.03, 0.005, 0.6, 0.7]),),
        (torch.tensor([0.2, 0.011, 0.01, 0.9]),),
    ],
    mistakes={
        "Every p was multiplied by m: that is Bonferroni, stricter than need be.": lambda p: (p * len(p)).clamp(max=1),
        "A corrected p must never be below one that was smaller before: take the running maximum.": (
            lambda p: (p * (len(p) - ranks(p))).clamp(max=1)
        ),
        "The factors m, m - 1, ... went to p as it came; they belong to the sorted values.": unsorted_running_maximum,
        "That is Benjamini and Hochberg's correction (m over the rank): it bounds the share of false discoveries, not "
        "the chance of a single one.": benjamini_hochberg,
        "The factors run the wrong way: the smallest p is multiplied by m, the largest by 1.": (
            lambda p: (p.sort().values * torch.arange(1, len(p) + 1)).cummax(dim=0).values.clamp(max=1)[ranks(p)]
        ),
    },
    hints=[
        "Sort first, and keep the order: it is needed again at the end.",
        "Multiply the sorted values by m, m - 1, ..., 1; then the running maximum; then cut at 1.",
        "out[order] = sorted_result puts everything back where it came from.",
    ],
    gradient=False,
)

DISCOVERY = Question(
    name="compare.false_discovery",
    prompt="None of 15 methods does anything, and each is tested at 5 % on runs of its own (baseline included). How "
    "likely is at least one false discovery? A number from 0 to 1.",
    answer=lambda: 1 - 0.95**15,
    wrong={
        "Chances of several events add up only if no two happen at once.": 15 * 0.05,
        "That is the chance of one test.": 0.05,
        "That is the chance of none; the question asks for at least one.": 0.95**15,
        "That is the chance that all 15 are wrong together.": 0.05**15,
    },
    hints=["Ask first how likely it is that all 15 tests stay silent.", "Each stays silent with 0.95, independently."],
    explanation="1 - 0.95^15 = 0.54. In the table the methods share one baseline, so that their errors come together: "
    "there it happens in fewer studies, and then several at once.",
)

SEEDS = Question(
    name="compare.more_seeds",
    prompt="You have many paired seeds already and want to find effects half as large. How many times as many seeds do "
    "you need?",
    answer=lambda: 4.0,
    wrong={
        "A mean of n differences scatters by sd / sqrt(n): twice the seeds shrink that by 1.4 only.": 2.0,
        "That is how much the standard error shrinks, not how many seeds it takes.": 2**0.5,
        "That would make it four times as fine.": 16.0,
    },
    hints=["The detectable effect is proportional to the standard error.", "sd / sqrt(c n) = (sd / sqrt(n)) / 2."],
    explanation="The standard error falls with the root of n, so half of it costs 2^2 = 4 times the seeds.",
)

EXERCISES = [DISCOVERY, PAIRED_T, HOLM, SEEDS]
