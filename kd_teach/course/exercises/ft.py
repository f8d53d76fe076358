"""Exercises of `10_ft`."""

import math

import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.ft import ft, reconstruction, unit_factor


def ft_loss(F_s, F_t):
    gap = unit_factor(F_s) - unit_factor(F_t)
    return gap.abs().mean()


def collapsed(F_s, F_t):
    e_s = F_s.square().mean(dim=1)  # (N, H, W)
    e_t = F_t.square().mean(dim=1)
    return ft(e_s, e_t, p=1)


def two_pairs():
    return [
        (noise(1, 4, 3, 5, 2), noise(2, 4, 3, 5, 2)),
        (2 * noise(3, 2, 6, 4, 3), 0.1 * noise(4, 2, 6, 4, 3)),
        (noise(5, 1, 2, 3, 5).abs(), noise(6, 1, 2, 3, 5).abs()),
    ]


def gap(s, t, scale=unit_factor):
    """The difference of two scaled factors, a row per sample."""
    return (scale(s) - scale(t.detach())).flatten(1)


def per_pixel(f):
    return F.normalize(f, dim=1)


def unit_energy(f):
    return F.normalize(f.pow(2).mean(dim=1).flatten(1), dim=1)


RECONSTRUCTION = Exercise(
    name="ft.reconstruction",
    prompt="The mean over the batch of ||x_t - rebuilt||^2: one number.\n"
    "x_t, rebuilt: the teacher's map and what the decoder makes of its factor, both (N, C, H, W).\n"
    "No gradient may reach x_t.",
    reference=reconstruction,
    cases=two_pairs,
    detached=("x_t",),
    hints=[
        "||.||^2 of a sample: take the gap, square it, add up everything that belongs to the sample.",
        "Sum over dimensions 1, 2 and 3; that leaves one number per sample, (N). Then the mean.",
        "gap = rebuilt - x_t.detach(); its square, .sum(dim=(1, 2, 3)), .mean().",
    ],
    stars=1,
)

UNIT = Exercise(
    name="ft.unit",
    prompt="Each sample's factor scaled to length 1, as one long vector; the shape stays (N, C, H, W).\n"
    "f: factors (N, C, H, W), none of them zero.",
    reference=unit_factor,
    cases=lambda: [(noise(1, 4, 3, 5, 2),), (5 * noise(2, 2, 6, 4, 3),), (noise(3, 1, 2, 3, 5).abs() + 1,)],
    mistakes={
        "You scale the channels at each pixel: then an empty corner counts as much as the object. The whole factor of "
        "a sample is one vector: flatten it first.": per_pixel,
        "You divide by the root mean square: use the sum of squares under the root, not their mean.": (
            lambda f: f / f.pow(2).mean(dim=(1, 2, 3), keepdim=True).sqrt()
        ),
        "The channels are gone: you scaled a map of energy, as RepDistiller does. It cannot tell which channel says "
        "what. Keep the factor whole.": (unit_energy),
    },
    hints=[
        "A sample's factor is one vector of C·H·W numbers. How long is it?",
        "flatten(1) makes rows of C·H·W numbers; .norm(dim=1) of these gives N lengths.",
        "Divide f by the lengths, after giving these three dimensions of size 1: length[:, None, None, None].",
    ],
    stars=1,
)

LOSS = Exercise(
    name="ft.loss",
    prompt="Factor transfer with p = 1, as the authors' code has it: the mean over samples and entries of the absolute "
    "differences of two factors, each sample's scaled to length 1 as one vector.\n"
    "F_s, F_t: factors (N, C, H, W) of student and teacher. No gradient may reach F_t.",
    reference=ft_loss,
    cases=two_pairs,
    detached=("F_t",),
    steps={unit_factor: UNIT},
    mistakes={
        "You sum over the entries: this is the norm itself, M = C·H·W times the mean. The weight 500 belongs to the "
        "mean.": lambda s, t: gap(s, t).abs().sum(dim=1).mean(),
        "This is p = 2, a Euclidean norm per sample: the exercise asks for p = 1.": (
            lambda s, t: gap(s, t).norm(dim=1).mean()
        ),
    },
    hints=[
        "Three steps: both factors to length 1, their difference, the mean of its absolute values.",
        "flatten(1) makes a sample's factor one vector; F.normalize(..., dim=1) gives it length 1. Detach F_t.",
        "a and b are the two scaled, flattened factors; the loss is (a - b).abs().mean().",
    ],
)

COLLAPSED = Exercise(
    name="ft.collapsed",
    prompt="RepDistiller's distance: the mean over samples and pixels of the absolute differences of two maps of "
    "energy, each sample's scaled to length 1. Energy: at each pixel, the mean of squares over the channels.\n"
    "F_s, F_t: factors (N, C, H, W) of student and teacher. No gradient may reach F_t.",
    reference=collapsed,
    cases=two_pairs,
    detached=("F_t",),
    mistakes={
        "The differences are squared: that is AT's distance. Here it is absolute values.": (
            lambda s, t: gap(s, t, unit_energy).pow(2).mean()
        ),
        "Nothing was collapsed: this is the paper's distance between whole factors.": ft_loss,
    },
    hints=[
        "Square, then average over dimension 1: what is left is one number per pixel, (N, H, W).",
        "From there on it is your ft.loss: flatten, length 1, mean of absolute differences.",
        "e = f.pow(2), averaged over dim=1, then flatten(1); F.normalize(e, dim=1) for both; detach F_t.",
    ],
)

COSINE = Question(
    name="ft.cosine",
    prompt="The cosine between a student's and a teacher's factor is 0.28. What is the paper's distance with p = 2?",
    answer=lambda: math.sqrt(2 - 2 * 0.28),
    wrong={
        "That is the square of the distance: the norm has a root.": 2 - 2 * 0.28,
        "1 - cos is half of the squared distance. Multiply out ||a - b||^2 for two vectors of length 1.": 1 - 0.28,
    },
    hints=[
        "Multiply out ||a - b||^2.",
        "a and b have length 1, and their product is the cosine: ||a - b||^2 = 1 + 1 - 2 cos.",
    ],
    explanation="||a - b||^2 = ||a||^2 + ||b||^2 - 2 a·b = 2 - 2 cos. So p = 2 is a cosine distance, between 0 and 2.",
)

BOUND = Question(
    name="ft.bound",
    prompt="With p = 1 as a mean over entries: how large can the loss become for factors of M = 2048 entries?",
    answer=lambda: 2 / math.sqrt(2048),
    wrong={
        "That bounds the sum over the entries; the loss is their mean.": 2 * math.sqrt(2048),
        "The norms of two unit vectors of M entries are 1 in the Euclidean sense; their sums of absolute values can be "
        "as large as the root of M.": 2 / 2048,
        "The Euclidean distance is at most 2; p = 1 as a mean is something else.": 2.0,
    },
    hints=[
        "Of all vectors of length 1, which has the largest sum of absolute values?",
        "The one whose entries are all of size 1 / sqrt(M). Let the other factor be its opposite.",
    ],
    explanation="Entries of size 1 / sqrt(M) against -1 / sqrt(M): every entry differs by 2 / sqrt(M), and so does the "
    "mean. That is why the loss needs a weight of hundreds, and why that weight depends on the size of the factor.",
    stars=2,
)

EXERCISES = [RECONSTRUCTION, UNIT, LOSS, COLLAPSED, COSINE, BOUND]
