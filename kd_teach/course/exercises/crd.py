"""Exercises of `13_crd`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.crd import crd, log_odds


def critic(score, tau, k, n):
    return torch.sigmoid(log_odds(score, tau, torch.tensor(k), n))


def crd_side(positive, negative, tau, n):
    strangers = torch.ones_like(negative, dtype=torch.bool)  # all of them
    return crd(positive, negative, strangers, tau, strangers.sum(dim=1), n)


def renew(rows, index, new, momentum):
    rows = rows.clone()
    blend = momentum * rows[index] + (1 - momentum) * new
    rows[index] = F.normalize(blend, dim=1)
    return rows


def scores(seed, *shape):
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 1


def units(seed, *shape):
    return F.normalize(noise(seed, *shape), dim=1)


def written(rows, index, values):
    rows = rows.clone()
    rows[index] = values
    return rows


CRITIC = Exercise(
    name="crd.critic",
    prompt="h: the probability that two embeddings are partners, from their score a·b (any shape).\n"
    "tau: temperature; k: strangers per partner; n: size of the training set.",
    reference=critic,
    cases=lambda: [(scores(1, 6), 0.5, 4, 10), (scores(2, 3, 4), 0.2, 30, 100), (scores(3, 1), 3.0, 7, 50)],
    hints=[
        "Write the fraction of the equation as it stands, with torch.exp.",
        "Numerator: exp(score / tau). Denominator: the same plus k / n.",
    ],
    stars=1,
)

SIDE = Exercise(
    name="crd.side",
    prompt="L_side: minus the mean over anchors of log h(partner) plus the sum over strangers of log(1 - h).\n"
    "positive (N,), negative (N, K): scores a·b; tau: temperature; n: size of the training set. One number.",
    reference=crd_side,
    cases=lambda: [
        (scores(1, 6), scores(2, 6, 4), 0.5, 10),
        (scores(3, 3), scores(4, 3, 8), 0.7, 20),
        (scores(5, 1), scores(6, 1, 5), 3.0, 30),
    ],
    mistakes={
        "This is InfoNCE: it picks the partner among K + 1. CRD judges each pair by itself.": (
            lambda p, q, tau, n: F.cross_entropy(
                torch.cat([p[:, None], q], dim=1) / tau, torch.zeros(len(p), dtype=torch.long)
            )
        ),
        "Only the partners count here: h would answer yes to everything.": (
            lambda p, q, tau, n: -F.logsigmoid(p / tau - math.log(q.shape[1] / n)).mean()
        ),
    },
    hints=[
        "K is negative.shape[1]. Take your h for the partners and for the strangers.",
        "log h of each partner (N,), plus the sum over dim=1 of log(1 - h) of its strangers (N,).",
        "The mean over the N anchors, with a minus. F.logsigmoid is the exact way to write log h and log(1 - h).",
    ],
    stars=2,
)

RENEW = Exercise(
    name="crd.renew",
    prompt="The memory bank after a step: rows (n, D) with those of `index` (N,) renewed by `new` (N, D).\n"
    "A renewed row is momentum * old + (1 - momentum) * new, brought back to length 1. Leave the argument as it is.",
    reference=renew,
    cases=lambda: [
        (units(1, 6, 4), torch.tensor([4, 0]), units(2, 2, 4), 0.5),
        (units(3, 5, 2), torch.tensor([1, 2, 3]), units(4, 3, 2), 0.8),
        (units(5, 7, 3), torch.tensor([2]), units(6, 1, 3), 0.3),
    ],
    gradient=False,
    mistakes={
        "You return the renewed rows only; the bank keeps all n.": (
            lambda rows, index, new, m: F.normalize(m * rows[index] + (1 - m) * new, dim=1)
        ),
        "Other rows were renewed than those of `index`: these are the first N.": (
            lambda rows, index, new, m: written(
                rows, torch.arange(len(index)), F.normalize(m * rows[index] + (1 - m) * new, dim=1)
            )
        ),
    },
    hints=[
        "Start from rows.clone(), so that the argument stays as it is.",
        "Blend rows[index] and new, then normalise over dim=1.",
        "Assign the result to the rows of index and return the whole bank.",
    ],
    stars=2,
)

CHANCE = Question(
    name="crd.chance",
    prompt="Someone who cannot tell partners from strangers does best to answer h = 1/(1 + K) to every pair. "
    "What is L_side then for K = 4?",
    answer=lambda: math.log(1 + 4) + 4 * math.log(1 + 1 / 4),
    wrong={
        "That is the partner's term alone (InfoNCE's start); every stranger adds one of its own.": math.log(5),
        "That counts one stranger; there are K of them.": math.log(5) + math.log(5 / 4),
        "That is both sides together; the question is about one.": 2 * (math.log(5) + 4 * math.log(5 / 4)),
    },
    hints=["The partner's term is -log h.", "Each stranger's is -log(1 - h) = -log(K / (K + 1)), and there are K."],
    explanation="log(1 + K) + K log(1 + 1/K), near log K + 1 for many strangers. So the bound log K - L_side "
    "starts near -1: it says nothing until the loss has fallen below log K.",
)

CEILING = Question(
    name="crd.ceiling",
    prompt="The bound on the mutual information is log K - L_side. However good the student: what can it not exceed, "
    "in nats, for K = 256?",
    answer=lambda: math.log(256),
    wrong={
        "In bits that is right; the loss uses the natural logarithm.": 8,
        "L_side is not 0 at chance, but for a perfect critic it can come near 0.": math.log(256) - 1,
        "That is K itself; the bound holds its logarithm.": 256,
    },
    hints=["L_side is a sum of -log of probabilities: what is its smallest value?", "It cannot be below 0."],
    explanation="L_side >= 0, so the bound never exceeds log K: to certify more, take more strangers.",
)

EXERCISES = [CRITIC, SIDE, RENEW, CHANCE, CEILING]
