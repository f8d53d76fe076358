"""Exercises of `05_cc`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.cc import cc, cosines, neighbour_product, rbf_taylor


def correlation(e, gamma, order):
    return rbf_taylor(cosines(e), gamma, order)


def cc_loss(e_s, e_t, gamma, order):
    return cc(e_s, e_t, lambda cosine: rbf_taylor(cosine, gamma, order))


def repeat_classes(y, classes, each):
    return torch.cat([(y == k).nonzero().flatten()[:each] for k in classes])


def embeddings(seed, *shape):
    """Random embeddings (N, D) of which a third is negative, with louder and quieter samples."""
    return (noise(seed + 100, shape[0], 1) / 2).exp() * (0.4 + noise(seed, *shape))


def exact(e, gamma, order):
    x = F.normalize(e, dim=1)
    return torch.exp(-gamma * (x[:, None] - x[None, :]).square().sum(dim=2))


def sp_matrix(e, gamma, order):
    return F.normalize(e @ e.T, dim=1)


def gap(s, t, gamma, order, matrix=correlation):
    """What is squared in the loss, with another matrix in the place of C."""
    return matrix(s, gamma, order) - matrix(t.detach(), gamma, order)


def mean_square(matrix):
    return lambda s, t, gamma, order: gap(s, t, gamma, order, matrix).pow(2).mean()


EXACT = "This is the exact kernel, with all powers; the exercise wants its series cut off after the given order."

CORRELATION = Exercise(
    name="cc.correlation",
    prompt="The kernel matrix C (N, N) of embeddings e (N, D): exp(-2 gamma) times the sum over p = 0..order of "
    "(2 gamma c)^p / p!, where c is the cosine of two samples.",
    reference=correlation,
    cases=lambda: [
        (embeddings(1, 5, 4), 0.4, 2),
        (embeddings(2, 4, 6), 1.0, 3),
        (embeddings(3, 1, 5).abs() + 1, 0.7, 4),
    ],
    mistakes={
        EXACT: exact,
    },
    hints=[
        "Four steps: unit rows, all their inner products, the series of each entry, the factor in front.",
        "F.normalize has a dim; the inner products are one matrix product. The series starts with p = 0, a 1.",
        "sum((2 * gamma * cosine)**p / math.factorial(p) for p in range(order + 1)), times math.exp(-2 * gamma).",
    ],
)

LOSS = Exercise(
    name="cc.loss",
    prompt="1/N^2 times the sum of all squared differences of the two kernel matrices: one number.\n"
    "e_s (N, D_s), e_t (N, D_t): embeddings of student and teacher. No gradient may reach e_t.",
    reference=cc_loss,
    cases=lambda: [  # in one, equal widths, for formulas that go by the name of CC and need them
        (embeddings(3, 5, 4), embeddings(4, 5, 4), 0.4, 2),
        (embeddings(5, 4, 6), embeddings(6, 4, 3), 1.0, 3),
        (embeddings(7, 6, 3), embeddings(8, 6, 5), 0.7, 4),
        (embeddings(9, 1, 5), embeddings(10, 1, 3), 0.5, 2),
    ],
    detached=("e_t",),
    mistakes={
        "This multiplies neighbours in the batch, the formula in RepDistiller: it depends on the order of the samples. "
        "The paper compares two kernel matrices.": lambda s, t, g, p: neighbour_product(s, t.detach()),
        "This is SP, which normalises the rows of the matrix. CC normalises the samples and takes a kernel.": (
            mean_square(sp_matrix)
        ),
        "This is SP divided by the length of the whole matrix. Surveys print it as CC, but there is no kernel in it.": (
            mean_square(lambda e, g, p: e @ e.T / (e @ e.T).norm())
        ),
        EXACT: mean_square(exact),
        "This is the cosine itself, the bilinear kernel: put it into the series.": mean_square(
            lambda e, g, p: cosines(e)
        ),
    },
    hints=[
        "Your kernel matrix, once for each network; the teacher's embeddings are detached.",
        "Both matrices are (N, N) whatever the widths: subtract, square, and average over all entries.",
        "F.mse_loss(correlation(e_s, ...), correlation(e_t.detach(), ...)), with the matrix of the exercise before.",
    ],
)

NEIGHBOURS = Exercise(
    name="cc.neighbours",
    prompt="RepDistiller's formula: with d[i] = |e_s[i] - e_t[i]|, number by number, the mean over i = 1..N-1 of the "
    "inner product of d[i] and d[i+1].\n"
    "e_s, e_t (N, D): what two linear layers give, both of which learn. So nothing is detached here.",
    reference=neighbour_product,
    called="neighbour_loss",
    cases=lambda: [
        (embeddings(7, 5, 4), embeddings(8, 5, 4)),
        (embeddings(9, 4, 6), embeddings(10, 4, 6)),
        (embeddings(11, 2, 3), embeddings(12, 2, 3)),
    ],
    mistakes={
        "Each difference is multiplied by itself, a squared distance; multiply it by the next sample's.": (
            lambda s, t: (s - t).square().sum(dim=1).mean()
        ),
        "The last sample is paired with the first: roll goes round. There are N-1 pairs.": (
            lambda s, t: ((s - t).abs() * (s - t).abs().roll(-1, dims=0)).sum(dim=1).mean()
        ),
        "You pair neighbouring numbers of one sample; pair neighbouring samples.": (
            lambda s, t: ((s - t).abs()[:, :-1] * (s - t).abs()[:, 1:]).sum(dim=1).mean()
        ),
    },
    hints=[
        "All but the last sample, times all but the first.",
        "d[:-1] and d[1:] are neighbours. Sum over the D numbers, then average over the pairs.",
        "gap = (e_s - e_t).abs(), then (gap[:-1] * gap[1:]).sum(dim=1).mean().",
    ],
)

PAIRS = Question(
    name="cc.pairs",
    prompt="A batch of 64 images holds 16 classes with 4 images each. How many pairs of images share a class?",
    answer=lambda: 16 * math.comb(4, 2),
    wrong={
        "You counted every pair twice.": 16 * 4 * 3,
        "An image is no pair with itself.": 16 * 4 * 4,
        "These are all pairs of the batch, whatever their class.": math.comb(64, 2),
        "That is one class alone.": math.comb(4, 2),
    },
    hints=["How many pairs do 4 images form?", "Every class adds as many."],
    explanation=f"4 images form {math.comb(4, 2)} pairs, 16 classes {16 * math.comb(4, 2)}, of "
    f"{math.comb(64, 2)} in the batch. 64 images drawn from 100 classes hold about {math.comb(64, 2) / 100:.0f}.",
)

SAMPLER = Exercise(
    name="cc.repeat_classes",
    prompt="Which samples form a batch in which classes repeat: for every class of the list `classes`, in its order, "
    "the positions in y (n) of its first `each` samples. One tensor of whole numbers.",
    reference=repeat_classes,
    cases=lambda: [
        (torch.tensor([0, 2, 1, 2, 0, 1, 0, 2, 1, 1]), [2, 0], 2),
        (torch.tensor([3, 1, 1, 3, 0, 0, 1, 3, 0]), [1, 3, 0], 3),
        (torch.tensor([1, 0, 1, 1, 0, 0, 2, 2]), [1, 2], 2),
    ],
    mistakes={
        "You cut after joining, so that the first class fills the batch: cut each class by itself.": (
            lambda y, classes, each: torch.cat([(y == k).nonzero().flatten() for k in classes])[: each * len(classes)]
        ),
        "These are class numbers; the positions of the samples are asked for.": (
            lambda y, classes, each: torch.cat([y[y == k][:each] for k in classes])
        ),
    },
    hints=[
        "Where is y equal to k? nonzero() turns True into positions.",
        "flatten() the positions of each class and keep the first; torch.cat joins the classes.",
        "torch.cat([(y == k).nonzero().flatten()[:each] for k in classes])",
    ],
    gradient=False,
    stars=3,
)

EXERCISES = [CORRELATION, LOSS, NEIGHBOURS, PAIRS, SAMPLER]
