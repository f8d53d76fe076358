"""Right and wrong programs for the exercises of `cc`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.cc import correlation, gap, mean_square, repeat_classes
from kd_teach.methods.cc import cosines, neighbour_product


def taylor(c, gamma, order, first=0):
    """The kernel of numbers c that need not be cosines, from the term of power `first` on."""
    terms = [(2 * gamma * c) ** p / math.factorial(p) for p in range(first, order + 1)]
    return math.exp(-2 * gamma) * torch.stack(terms).sum(dim=0)


def horner(e, gamma, order):
    x = 2 * gamma * cosines(e)
    series = torch.ones_like(x)
    for p in range(order, 0, -1):
        series = 1 + x * series / p
    return math.exp(-2 * gamma) * series


def no_prefactor(e, gamma, order):
    return math.exp(2 * gamma) * correlation(e, gamma, order)


def no_factorial(e, gamma, order):
    x = 2 * gamma * cosines(e)
    return math.exp(-2 * gamma) * torch.stack([x**p for p in range(order + 1)]).sum(dim=0)


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
        "a diagonal of all products": (lambda s, t: ((s - t).abs() @ (s - t).abs().T).diagonal(1).mean()),
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


WRONG = {
    "cc.correlation": [
        ("the scaling to length 1 of e is missing", lambda e, gamma, order: taylor(e @ e.T, gamma, order)),
        (
            "the exponential of the part with gamma, a factor of the sum of the part with e and order and",
            no_prefactor,
        ),
        ("the factorial p!, the divisor of the part with e and gamma, is missing", no_factorial),
        (
            "the number 2, a factor of gamma, is missing",
            lambda e, gamma, order: math.exp(-2 * gamma) * math.exp(gamma) * correlation(e, gamma / 2, order),
        ),
        ("the series is missing", lambda e, gamma, order: cosines(e)),
        ("the last term is missing", lambda e, gamma, order: taylor(cosines(e), gamma, order - 1)),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over the last dimension",
            lambda e, gamma, order: taylor(F.normalize(e, dim=0) @ F.normalize(e, dim=0).T, gamma, order),
        ),
        (
            "the first term (number 0) of the sum is missing",
            lambda e, gamma, order: taylor(cosines(e), gamma, order, first=1),
        ),
    ],
    "cc.loss": [
        ("the scaling to length 1 is missing", mean_square(lambda e, g, p: taylor(e @ e.T, g, p))),
        ("the sum stands where the mean belongs", lambda s, t, g, p: gap(s, t, g, p).pow(2).sum()),
        (
            "the mean runs over dim=1, then the sum over the rest: mean and sum are mixed differently (a",
            lambda s, t, g, p: gap(s, t, g, p).pow(2).sum(dim=1).mean(),
        ),
        ("a root is applied to the result", lambda s, t, g, p: gap(s, t, g, p).norm() / len(s)),
        (
            "a root is applied to the result; and the result is then too small by the factor N",
            lambda s, t, g, p: gap(s, t, g, p).norm() / len(s) ** 2,
        ),
        (
            "the exponential of the part with gamma, a factor of the sum of the part with order and gamma,",
            mean_square(no_prefactor),
        ),
        ("the factorial p!, the divisor of the part with gamma, is missing", mean_square(no_factorial)),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over the last dimension",
            mean_square(lambda e, g, p: taylor(F.normalize(e, dim=0) @ F.normalize(e, dim=0).T, g, p)),
        ),
    ],
    "cc.neighbours": [
        (
            "the absolute value of the part with e_s and e_t is missing",
            lambda s, t: ((s - t)[:-1] * (s - t)[1:]).sum(dim=1).mean(),
        ),
        (
            "the mean runs over all entries: the sum inside it is missing, so that a size divides too much",
            lambda s, t: neighbour_product(s, t) / s.shape[1],
        ),
        ("yours is too small by the factor N / (N - 1)", lambda s, t: neighbour_product(s, t) * (len(s) - 1) / len(s)),
        ("the sum stands where the mean belongs", lambda s, t: neighbour_product(s, t) * (len(s) - 1)),
    ],
    "cc.repeat_classes": [
        (
            "the selection of a part is missing: all entries are taken",
            lambda y, classes, each: torch.cat([(y == k).nonzero().flatten() for k in classes]),
        ),
        (
            "a sorting (not in the order of the input) is applied to the result",
            lambda y, classes, each: repeat_classes(y, classes, each).sort().values,
        ),
        (
            "y is compared with a part the wrong way round (not = for =)",
            lambda y, classes, each: torch.cat([(y != k).nonzero().flatten()[:each] for k in classes]),
        ),
        (
            "yours returns a tensor of shape (2,) of int64; expected a tensor of shape (4,) of int64",
            lambda y, classes, each: torch.cat([(y == k).nonzero().flatten()[each:] for k in classes]),
        ),
        (
            "a reversal of the order is applied to the result",
            lambda y, classes, each: torch.cat([(y == k).nonzero().flatten()[:each] for k in classes]).flip(0),
        ),
        (
            "yours returns a tensor of shape (2,) of int64; expected a tensor of shape (4,) of int64",
            lambda y, classes, each: torch.cat([(y == k).nonzero().flatten()[: each - 1] for k in classes]),
        ),
    ],
}
