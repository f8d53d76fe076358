"""Exercises of `07_rkd`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.rkd import angles, distance_ratios, rkd


def cloud(seed, n, d):
    return noise(seed, n, d) + 1


def squares(e):
    return (e[:, None] - e[None]).pow(2).sum(dim=2)


def over_mean(d):
    return d / (d.sum() / (len(d) * (len(d) - 1)))


def naive_root(e):
    return over_mean(squares(e).sqrt())


def fixed_mu(e):
    return torch.cdist(e, e) / over_mean_of(e).detach()


def over_mean_of(e):
    return torch.cdist(e, e).sum() / (len(e) * (len(e) - 1))


def raw_angles(e):
    return cosines(e, unit=lambda edges: edges)


def cosines(e, unit=lambda edges: F.normalize(edges, dim=2), contract="ijd,kjd->ijk"):
    edges = unit(e[:, None] - e[None])
    return torch.einsum(contract, edges, edges)


def parts(s, t, w_d, w_a, *, ratios=distance_ratios, angle=angles, gap=F.smooth_l1_loss):
    """The reference, with a step exchanged; `gap` sums over all entries."""
    n, t = len(s), t.detach()
    loss_d = gap(ratios(s), ratios(t), reduction="sum") / (n * (n - 1))
    loss_a = gap(angle(s), angle(t), reduction="sum") / (n * (n - 1) * (n - 2))
    return w_d * loss_d + w_a * loss_a


def half_square(x, y, reduction):
    return 0.5 * F.mse_loss(x, y, reduction=reduction)


DISTANCES = Exercise(
    name="rkd.distances",
    prompt="Distances between the rows of e (N, D), divided by their mean over the pairs of two different samples: "
    "(N, N), zero on the diagonal.",
    reference=distance_ratios,
    called="distances",
    cases=lambda: [(cloud(1, 5, 3),), (cloud(2, 4, 6),), (cloud(3, 3, 2),)],
    mistakes={
        "The division by the mean distance is missing: a student with twice the scale would be punished for it.": (
            lambda e: torch.cdist(e, e)
        ),
        "Your mean runs over all N² entries. The N zeros of the diagonal make it too small: leave them out.": (
            lambda e: torch.cdist(e, e) / torch.cdist(e, e).mean()
        ),
        "Every row has a mean of its own here. One number, the mean of all pairs, belongs to the whole batch.": (
            lambda e: torch.cdist(e, e) / (torch.cdist(e, e).sum(1, keepdim=True) / (len(e) - 1))
        ),
        "The value is right, but the mean is detached. It depends on the student, so gradient must pass through it.": (
            fixed_mu
        ),
        "The value is right, but the gradient is NaN: the root has an infinite slope at the zeros of the diagonal. "
        "Use cdist or a norm, or clamp the squares to something above zero before the root.": naive_root,
    },
    hints=[
        "Two steps: the matrix of distances, then one number to divide it by.",
        "torch.cdist compares every row of one tensor with every row of another; here both are e.",
        "The matrix holds every pair twice and N zeros: its sum has N (N - 1) distances.",
    ],
    stars=1,
)

ANGLES = Exercise(
    name="rkd.angles",
    prompt="Cosines of all angles between the rows of e (N, D): (N, N, N), where [i, j, k] belongs to the angle at "
    "sample j between samples i and k. Zero where i or k is j.",
    reference=angles,
    # two of the seven are close
    cases=lambda: [(cloud(1, 4, 3),), (cloud(5, 7, 2),), (cloud(3, 3, 6),)],
    gradient=False,  # at a zero difference torch's normalize has a slope of 1e12; in the loss it meets a zero
    mistakes={
        "The differences were not set to length 1: these are no cosines.": raw_angles,
        "You normalised the samples. It is their differences that must have length 1.": (
            lambda e: cosines(F.normalize(e, dim=1), unit=lambda edges: edges)
        ),
    },
    hints=[
        "Three steps: all differences, (N, N, D); their lengths set to 1; products of two differences that share j.",
        "e[:, None] - e[None] has at [i, j] the difference e_i - e_j. Which dim holds its coordinates?",
        'torch.einsum("ijd,kjd->ijk", edges, edges) multiplies edge [i, j] with edge [k, j] and sums over d.',
    ],
)

LOSS = Exercise(
    name="rkd.loss",
    prompt="w_d times the mean of l over the N (N-1) ordered pairs, plus w_a times the mean of l over the "
    "N (N-1) (N-2) ordered triples of different samples; l is Huber's function (F.smooth_l1_loss).\n"
    "e_s (N, D_s), e_t (N, D_t): embeddings of student and teacher. No gradient may reach e_t.",
    reference=rkd,
    called="rkd_loss",
    cases=lambda: [
        (cloud(1, 5, 3), cloud(2, 5, 4), 25.0, 50.0),
        (cloud(3, 4, 6), cloud(4, 4, 2), 1.0, 2.0),
        (cloud(5, 6, 2), cloud(6, 6, 3), 3.0, 1.0),
    ],
    detached=("e_t",),
    steps={distance_ratios: DISTANCES, angles: ANGLES},
    mistakes={
        "Plain means also count the zeros of samples that meet themselves: both terms are too small. Sum, and divide "
        "by the number of pairs and of triples. (RepDistiller's code does as you did.)": (
            lambda s, t, w_d, w_a: (
                w_d * F.smooth_l1_loss(distance_ratios(s), distance_ratios(t.detach()))
                + w_a * F.smooth_l1_loss(angles(s), angles(t.detach()))
            )
        ),
        "These are sums, as the paper writes them: the loss grows with the batch. Divide by the number of pairs and of "
        "triples.": lambda s, t, w_d, w_a: parts(
            s, t, w_d * len(s) * (len(s) - 1), w_a * len(s) * (len(s) - 1) * (len(s) - 2)
        ),
        "Half squares everywhere: Huber's function goes on as a straight line where the gap is more than 1.": (
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, gap=half_square)
        ),
        "The angles are missing.": lambda s, t, w_d, w_a: parts(s, t, w_d, 0.0),
        "The distances are missing.": lambda s, t, w_d, w_a: parts(s, t, 0.0, w_a),
        "The student's distances are divided by the teacher's mean. Each network has its own.": (
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, ratios=lambda e: torch.cdist(e, e) / over_mean_of(t.detach()))
        ),
        "The differences behind the angles were not set to length 1: these are no cosines.": (
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, angle=raw_angles)
        ),
        "The embeddings were set to length 1 first: that moves the points, and with them all distances and angles.": (
            lambda s, t, w_d, w_a: parts(F.normalize(s, dim=1), F.normalize(t, dim=1), w_d, w_a)
        ),
    },
    hints=[
        "Your two functions give four tensors, two per network; detach the teacher's embeddings first.",
        'F.smooth_l1_loss(student, teacher, reduction="sum") adds up l; entries where samples meet are zero in both.',
        "Divide the first sum by N (N - 1), the second by N (N - 1) (N - 2); weigh them and add.",
    ],
)

TRIPLES = Question(
    name="rkd.triples",
    prompt="A batch of 64: how many ordered triples (i, j, k) of three different samples has it?",
    answer=lambda: math.perm(64, 3),
    wrong={
        "That counts triples in which a sample comes twice: they make no angle.": 64**3,
        "That counts every set of three once. It has three vertices, and (i, j, k) and (k, j, i) both count.": (
            math.comb(64, 3)
        ),
        "That counts every angle once; in the sum (i, j, k) and (k, j, i) are two triples.": math.perm(64, 3) // 2,
        "That is the number of ordered pairs.": math.perm(64, 2),
    },
    hints=["How many choices has i? Then j? Then k?", "64 for the first, one fewer for each of the next."],
    explanation="64 * 63 * 62. RepDistiller divides by 64³ all the same: its mean is 4.6 % smaller.",
)

SAME_CLASS = Question(
    name="rkd.same_class",
    prompt="64 images drawn at random from 100 equally frequent classes: how many of the 64 * 63 / 2 unordered pairs "
    "share a class, on average? (One decimal.)",
    answer=lambda: math.comb(64, 2) / 100,
    wrong={
        "That counts every pair twice.": math.perm(64, 2) / 100,
        "That is the images per class, not the pairs.": 0.64,
        "That is the share of the pairs, in per cent.": 1.0,
    },
    hints=["Take one pair: how likely is it that the second image has the class of the first?", "2016 pairs."],
    explanation="Each pair shares a class with probability 1/100. With 10 classes it would be ten times as many.",
    stars=2,
)

EXERCISES = [DISTANCES, ANGLES, LOSS, TRIPLES, SAME_CLASS]
