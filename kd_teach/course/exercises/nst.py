"""Exercises of `12_nst`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import loud_maps
from kd_teach.methods.nst import nst, patterns, polynomial


def nst_loss(f_s, f_t):
    return nst(patterns(f_s), patterns(f_t), polynomial)


def linear_mmd(f_s, f_t):
    x = F.normalize(f_s.flatten(2), dim=2).mean(dim=1)  # (N, HW): the mean pattern
    y = F.normalize(f_t.flatten(2), dim=2).mean(dim=1)
    return (x - y).pow(2).sum(dim=1).mean()


def place_gram(f):
    x = F.normalize(f.flatten(2), dim=2)  # (N, C, HW)
    return x.mT @ x / f.shape[1]


def pairs():
    """Student and teacher on one grid."""
    return [
        (loud_maps(1, 3, 4, 2, 5), loud_maps(2, 3, 6, 2, 5)),
        (loud_maps(3, 2, 6, 3, 4), loud_maps(4, 2, 5, 3, 4)),
        (loud_maps(5, 1, 3, 2, 4).abs(), loud_maps(6, 1, 5, 2, 4).abs()),
    ]


def unit(f):
    return F.normalize(f.flatten(2), dim=2)


def all_pairs(kernel_values):
    return kernel_values.mean(dim=(1, 2))


def other_pairs(kernel_values):
    """The mean without the diagonal."""
    count = kernel_values.shape[1]
    rest = kernel_values.sum(dim=(1, 2)) - kernel_values.diagonal(dim1=1, dim2=2).sum(dim=1)
    return rest / (count * (count - 1))


def discrepancies(f_s, f_t, kernel=torch.square, normalise=unit, own=all_pairs, cross=all_pairs):
    """The three terms of MMD², each (N): student with student, teacher with teacher, student with teacher."""
    x, y = normalise(f_s), normalise(f_t.detach())
    return own(kernel(x @ x.mT)), own(kernel(y @ y.mT)), cross(kernel(x @ y.mT))


def mmd(f_s, f_t, **how):
    ss, tt, st = discrepancies(f_s, f_t, **how)
    return (ss + tt - 2 * st).mean()


def terms(f_s, f_t, combine):
    return combine(*discrepancies(f_s, f_t)).mean()


def by_rows(kernel_values):
    return kernel_values.sum(dim=(1, 2)) / kernel_values.shape[1]


PATTERNS = Exercise(
    name="nst.patterns",
    prompt="The patterns (N, C, HW) of feature maps f (N, C, H, W): each channel of each image, flattened and brought "
    "to Euclidean length 1 over its places.",
    reference=patterns,
    cases=lambda: [(loud_maps(1, 3, 4, 2, 5),), (loud_maps(2, 2, 6, 3, 5),), (loud_maps(3, 1, 3, 2, 4).abs(),)],
    mistakes={
        "The mean was taken away first (a correlation): the pattern keeps its level.": (
            lambda f: F.normalize(f.flatten(2) - f.flatten(2).mean(dim=2, keepdim=True), dim=2)
        ),
    },
    hints=[
        "Two steps: make the places of a channel one row, divide the row by its length.",
        "flatten(2) makes (N, C, HW). Which of its three dimensions holds the places?",
        "x = f.flatten(2), then x divided by x.norm(dim=2, keepdim=True).",
    ],
    stars=1,
)

LOSS = Exercise(
    name="nst.loss",
    prompt="The NST loss of one stage: MMD² between the channel patterns of student and teacher under the kernel "
    "k(x, y) = (x.y)², all pairs counted, averaged over the images: one number.\n"
    "f_s, f_t: (N, C_s, H, W) and (N, C_t, H, W). No gradient may reach f_t.",
    reference=nst_loss,
    cases=pairs,
    detached=("f_t",),
    steps={patterns: PATTERNS},
    mistakes={
        "The square is missing: this is the linear kernel x.y, which compares mean patterns only.": (
            lambda s, t: mmd(s, t, kernel=lambda cosine: cosine)
        ),
        "The teacher's own term is missing: the loss goes below 0 and says nothing at 0. The gradient is right.": (
            lambda s, t: terms(s, t, lambda ss, tt, st: ss - 2 * st)
        ),
        "Only the pairs of student and teacher are here; MMD² also needs each network's pairs with itself.": (
            lambda s, t: terms(s, t, lambda ss, tt, st: -2 * st)
        ),
        "A mean over all pairs divides by both numbers of channels; yours divides by the first only.": (
            lambda s, t: mmd(s, t, own=by_rows, cross=by_rows)
        ),
        "A channel is paired with itself too: do not leave out the diagonal.": lambda s, t: mmd(s, t, own=other_pairs),
        "You squared the mean: every x.y is squared first, then comes the mean.": (
            lambda s, t: mmd(
                s, t, kernel=lambda k: k, own=lambda k: all_pairs(k) ** 2, cross=lambda k: all_pairs(k) ** 2
            )
        ),
        "This is MMD, the root; the loss is MMD².": lambda s, t: terms(
            s, t, lambda ss, tt, st: (ss + tt - 2 * st).sqrt()
        ),
    },
    hints=[
        "Unit patterns x (N, C_s, HW) and y (N, C_t, HW); then three means of squared products.",
        "x @ y.mT holds all products of a student's with a teacher's channel: (N, C_s, C_t).",
        "ss, tt, st = the means of (x @ x.mT)², (y @ y.mT)², (x @ y.mT)² over dim=(1, 2); ss + tt - 2 st; mean over N.",
    ],
)

LINEAR = Exercise(
    name="nst.linear",
    prompt="MMD² of one stage under the linear kernel x.y, averaged over the images, without a matrix of channel "
    "pairs: the squared distance between the mean pattern of the student and that of the teacher.\n"
    "f_s, f_t: (N, C_s, H, W) and (N, C_t, H, W). No gradient may reach f_t.",
    reference=linear_mmd,
    cases=pairs,
    detached=("f_t",),
    mistakes={
        "You normalised the mean pattern; the channels are normalised, one by one, before the mean.": lambda s, t: (
            (F.normalize(s.flatten(2).mean(dim=1), dim=1) - F.normalize(t.detach().flatten(2).mean(dim=1), dim=1))
            .pow(2)
            .sum(dim=1)
            .mean()
        ),
        "The patterns are added up: take their mean, since C_s and C_t may differ.": lambda s, t: (
            (unit(s).sum(dim=1) - unit(t.detach()).sum(dim=1)).pow(2).sum(dim=1).mean()
        ),
        "This is the polynomial kernel (x.y)²: the linear one needs no square of the products.": mmd,
    },
    hints=[
        "mean_i mean_i' x_i.x_i' is the product of the mean x with itself.",
        "So all three terms are products of two mean patterns: |a|² + |b|² - 2 a.b = ?",
        "Unit patterns, their mean over dim=1, the difference of the networks, its squares added up over the places.",
    ],
)


GRAM = Exercise(
    name="nst.gram",
    prompt="Which places are liked by the same channels: the matrices (N, HW, HW) X'X / C of feature maps f "
    "(N, C, H, W), where X (C, HW) holds the unit patterns of one image.",
    reference=place_gram,
    cases=lambda: [(loud_maps(1, 3, 4, 2, 5),), (loud_maps(2, 2, 6, 3, 4),), (loud_maps(3, 1, 3, 2, 4).abs(),)],
    hints=[
        "Entry (a, b) of one image: the mean over its channels of x[a] times x[b].",
        "With x (N, C, HW), x.mT is (N, HW, C): in which order gives the product (N, HW, HW)?",
        "x = the unit patterns; x.mT @ x, divided by the number of channels.",
    ],
    stars=3,
)

NEGATIVE = Question(
    name="nst.negative",
    prompt="A teacher has 4 channels, no two of which react at the same place. The student is identical. What is the "
    "polynomial loss of a program that leaves out the teacher's own term?",
    answer=lambda: 1 / 4 - 2 * 1 / 4,
    wrong={
        "That is the whole MMD². Here mean k(y, y') is missing.": 0.0,
        "Only 4 of the 16 pairs are 1; the mean counts all.": -1.0,
        "The pairs of student and teacher count twice.": 0.25,
    },
    hints=[
        "Which of the 16 pairs (x_i, y_j) have a product other than 0?",
        "Each of the three means is 4 / 16; two of them are left, one with the factor -2.",
    ],
    explanation="mean k(x, x') - 2 mean k(x, y) = 1/4 - 2/4. The missing term is a constant: the gradient stays right, "
    "but 0 is no longer the goal.",
    stars=2,
)

MEMORY = Question(
    name="nst.memory",
    prompt="A naive program multiplies every channel with every other, place by place, before it sums: a tensor "
    "(N, C, C, HW). How many gigabytes (10⁹ bytes) is it in float32 for N = 64, C = 64 and 32 × 32 places?",
    answer=lambda: 64 * 64 * 64 * 32 * 32 * 4 / 1e9,
    wrong={
        "That is the number of entries; a float32 has 4 bytes.": 64 * 64 * 64 * 32 * 32 / 1e9,
        "That is (N, C, HW), the features themselves; the pairs have C twice.": 64 * 64 * 32 * 32 * 4 / 1e9,
        "That is the (N, C, C) matrix of x @ x.mT, which is the cure.": 64 * 64 * 64 * 4 / 1e9,
    },
    hints=["Multiply the four sizes.", "Then bytes: 4 each."],
    explanation="64 · 64 · 64 · 1024 entries of 4 bytes: per kernel and stage. x @ x.mT sums while it multiplies and "
    "needs (N, C, C) only.",
)

EXERCISES = [PATTERNS, LOSS, LINEAR, GRAM, NEGATIVE, MEMORY]
