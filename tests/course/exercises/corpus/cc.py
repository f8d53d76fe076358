"""Right and wrong programs for the exercises of `cc`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.cc import correlation, gap, mean_square, taylor
from kd_teach.methods.cc import cosines


def horner(e, gamma, order):
    x = 2 * gamma * cosines(e)
    series = torch.ones_like(x)
    for p in range(order, 0, -1):
        series = 1 + x * series / p
    return math.exp(-2 * gamma) * series


RIGHT = {
    "cc.correlation": {
        "by Horner's rule": horner,
        "cosine_similarity": (
            lambda e, gamma, order: taylor(F.cosine_similarity(e[:, None], e[None, :], dim=2), gamma, order)
        ),
        "from distances": (
            lambda e, gamma, order: taylor(
                1 - (F.normalize(e, dim=1)[:, None] - F.normalize(e, dim=1)[None]).square().sum(dim=2) / 2, gamma, order
            )
        ),
    },
    "cc.loss": {
        "without the term p = 0, which cancels": (mean_square(lambda e, g, p: taylor(cosines(e), g, p, first=1))),
        "by Horner's rule": (mean_square(horner)),
        "squared norm over N²": (lambda s, t, g, p: gap(s, t, g, p).norm() ** 2 / len(s) ** 2),
        "mse_loss": (lambda s, t, g, p: F.mse_loss(correlation(s, g, p), correlation(t.detach(), g, p))),
    },
    "cc.neighbours": {
        "einsum": (lambda s, t: torch.einsum("id,id->", (s - t)[:-1].abs(), (s - t)[1:].abs()) / (len(s) - 1)),
        "absolute value of the products": (lambda s, t: ((s - t)[:-1] * (s - t)[1:]).abs().sum(dim=1).mean()),
    },
    "cc.repeat_classes": {
        "with where": (lambda y, classes, each: torch.cat([torch.where(y == k)[0][:each] for k in classes])),
        "with loops": (
            lambda y, classes, each: torch.tensor(
                [i for k in classes for i in [j for j in range(len(y)) if y[j] == k][:each]]
            )
        ),
    },
}
