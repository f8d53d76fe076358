"""Exercises of `14_ofd`."""

import math

import torch

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.ofd import batch_margin, ofd, partial_distance


def margin(weight, bias):
    s = weight.abs()
    x = bias / s
    density = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    share_below_0 = torch.erfc(x / math.sqrt(2)) / 2
    return bias - s * density / share_below_0


def values(seed, *shape):
    return 1.5 * noise(seed, *shape)


def by_table():
    """The worked table behind the margin -1, and pairs on the borders of what is free."""
    s = torch.tensor([0.5, -3.0, -0.5, 0.1, -1.0, -2.0, 0.5, -1.0, -0.5])
    return s, torch.tensor([-1.0, -1.0, -0.2, -0.2, 1.0, 0.0, 0.0, -1.0, -1.0])


def charged(s, target, free):
    """The square of the gap, 0 where `free`."""
    return torch.where(free, 0.0, s - target) ** 2


def lifted(t, m):
    return torch.maximum(t, m[:, None, None])


def density(x):
    return torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def below(x):
    """Share of a standard Gaussian below x."""
    return torch.erfc(-x / math.sqrt(2)) / 2


def of_authors(weight, bias):
    s = weight.abs()
    return torch.where(below(-bias / s) > 0.001, margin(weight, bias), -3 * s)


DISTANCE = Exercise(
    name="ofd.partial_distance",
    prompt="What each neuron costs: (s - target)^2, but 0 where s <= target <= 0. A tensor of the shape of s.\n"
    "s: the student's values behind its connector; target: the teacher's, already lifted to the margin. No gradient "
    "may reach target.",
    reference=partial_distance,
    cases=lambda: [
        by_table(),
        (values(1, 3, 2, 4), values(2, 3, 2, 4)),
        (values(3, 1, 3, 2), values(4, 1, 3, 2).abs()),
    ],
    detached=("target",),
    mistakes={
        "This is the full squared distance: a student below a target that is not positive must be left in peace.": (
            lambda s, t: (s - t.detach()) ** 2
        ),
        "Both at most 0 is not enough: between a negative target and 0 the student is charged.": (
            lambda s, t: charged(s, t.detach(), (s <= 0) & (t <= 0))
        ),
        "These are the free neurons; the others are to be charged.": (
            lambda s, t: (s - t.detach()) ** 2 * ((s <= t) & (t <= 0))
        ),
    },
    hints=[
        "The squared difference everywhere, then a mask of what is free.",
        "Two conditions must hold at once for a neuron to be free: one on s and target, one on target alone.",
        "free = (s <= target) & (target <= 0); torch.where puts 0 there. The difference uses target.detach().",
    ],
)

MARGIN = Exercise(
    name="ofd.margin",
    prompt="The margin of each channel, (C,): the mean of the negative part of a Gaussian N(bias, weight^2).\n"
    "weight, bias: (C,), of the batch norm; a weight may be negative, none is 0.",
    reference=margin,
    cases=lambda: [
        (torch.tensor([1.0, 1.0, 0.5, -1.0]), torch.tensor([0.0, 0.5, -1.0, 2.0])),
        (torch.tensor([-0.4, 2.0, 0.5]), torch.tensor([0.3, -0.7, 1.6])),
    ],
    gradient=False,
    rtol=5e-3,
    mistakes={
        "This is E[min(x, 0)], which counts every positive value as 0. The mean of the negative ones alone divides by "
        "their share.": lambda w, b: b * below(-b / w.abs()) - w.abs() * density(b / w.abs()),
        "This is the mean of the positive part.": lambda w, b: b + w.abs() * density(b / w.abs()) / below(b / w.abs()),
        "You divide by the share above 0; divide by the share below.": (
            lambda w, b: b - w.abs() * density(b / w.abs()) / below(b / w.abs())
        ),
        "weight is the standard deviation, not the variance: no root.": lambda w, b: margin(w.abs().sqrt(), b),
        "The density was taken at bias, not at bias / |weight|.": (
            lambda w, b: b - w.abs() * density(b) / below(-b / w.abs())
        ),
        "This jumps to -3 |weight| where few values are negative, as the authors' code does; follow the equation.": (
            of_authors
        ),
    },
    hints=[
        "Standardise first: the boundary 0 lies at -bias / |weight| of a standard Gaussian.",
        "Below a point -x the mean of a standard Gaussian is minus its density there, over its share below there.",
        "m = bias - |weight| * phi(x) / Phi(-x) with x = bias / |weight|; Phi(-x) = erfc(x / sqrt(2)) / 2.",
    ],
    stars=3,
)

LOSS = Exercise(
    name="ofd.loss",
    prompt="The OFD loss of one stage: partial distances to the teacher's map lifted to its margins, summed over "
    "channels and places, mean over the batch: one number.\n"
    "s, t: maps (N, C, H, W) before the ReLU; m: margins (C,), each below 0. No gradient may reach t or m.",
    reference=ofd,
    called="ofd_loss",
    cases=lambda: [  # one as wide as it has channels, so that a margin along the wrong axis is seen for what it is
        (values(1, 4, 3, 2, 3), values(2, 4, 3, 2, 3), torch.tensor([-0.4, -0.9, -1.6])),
        (values(3, 3, 2, 5, 4), values(4, 3, 2, 5, 4), torch.tensor([-1.2, -0.3])),
        (values(5, 1, 2, 3, 4), values(6, 1, 2, 3, 4).relu(), torch.tensor([-0.5, -0.8])),
    ],
    detached=("t", "m"),
    steps={partial_distance: DISTANCE},
    mistakes={
        "The margin runs along the last axis, the width: it belongs to the channels. Give it two more axes.": (
            lambda s, t, m: partial_distance(s, torch.maximum(t, m)).sum() / len(s)
        ),
        "The student was lifted to the margin too: then it never gets far enough below to be free.": (
            lambda s, t, m: partial_distance(lifted(s, m), lifted(t, m)).sum() / len(s)
        ),
        "The mask looks at the teacher's raw value; it must look at the lifted one.": (
            lambda s, t, m: charged(s, lifted(t, m).detach(), (s <= t) & (t <= 0)).sum() / len(s)
        ),
    },
    hints=[
        "First the target: the teacher's map, nowhere lower than its channel's margin.",
        "A tensor (C,) meets a map (N, C, H, W) from the right; it needs two more axes to lie along the channels.",
        "Your partial distance to torch.maximum(t, m[:, None, None]), detached; its sum divided by len(s).",
    ],
)

BATCH = Exercise(
    name="ofd.margin_of_batch",
    prompt="The rewrite's margin (C,): the mean of the negative values of each channel of the map t (N, C, H, W), over "
    "images and places; 0 for a channel without any.",
    reference=batch_margin,
    called="margin_of_batch",
    cases=lambda: [
        (values(1, 3, 4, 2, 5) + torch.tensor([0.0, 9.0, -1.0, 1.0])[:, None, None],),
        (values(3, 1, 2, 3, 4).abs(),),
        (values(2, 2, 3, 5, 4) + torch.tensor([9.0, 1.0, 0.0])[:, None, None],),
    ],
    gradient=False,
    mistakes={
        "This is the mean of min(t, 0): the positive values count as 0. Divide by how many are negative.": (
            lambda t: t.clamp(max=0).mean(dim=(0, 2, 3))
        ),
        "A channel without negative values gives 0 / 0: NaN, and it spreads to all weights.": (
            lambda t: t.clamp(max=0).sum(dim=(0, 2, 3)) / (t < 0).sum(dim=(0, 2, 3))
        ),
        "One margin for all channels: each channel has its own.": lambda t: t[t < 0].mean().expand(t.shape[1]),
        "One margin per image: a channel's runs over all images of the batch.": (
            lambda t: t.clamp(max=0).sum(dim=(2, 3)) / (t < 0).sum(dim=(2, 3)).clamp(min=1)
        ),
        "This is the sum of the negative values: divide by how many there are.": (
            lambda t: t.clamp(max=0).sum(dim=(0, 2, 3))
        ),
        "This is the lowest value, not the mean of the negative ones.": lambda t: t.amin(dim=(0, 2, 3)).clamp(max=0),
        "This is the mean of all values: leave out the positive ones.": lambda t: t.mean(dim=(0, 2, 3)),
    },
    hints=[
        "Two numbers per channel: the sum of its negative values and how many there are.",
        "Sum over dim=(0, 2, 3); where the count is 0, a count of 1 gives 0 as well.",
    ],
)

FREE = Question(
    name="ofd.free",
    prompt="A channel has the margin m = -1. One of the teacher's neurons stands at -2. Up to which value may the "
    "student's neuron rise and still cost nothing?",
    answer=lambda: max(-2.0, -1.0),
    wrong={
        "The teacher's value is lifted to the margin first.": -2.0,
        "It would be on the right side of its boundary, which is all that AB asks. OFD also asks for the target.": 0.0,
        "That is +1; the target of a silent neuron is negative.": 1.0,
    },
    hints=["What is the target, max(t, m)?", "The student is free where s <= target <= 0."],
    explanation="The target is max(-2, -1) = -1. At or below it the student is free, above it it pays (s + 1)².",
)

EXERCISES = [DISTANCE, MARGIN, LOSS, FREE, BATCH]
