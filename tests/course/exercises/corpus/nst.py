"""Right and wrong programs for the exercises of `nst`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.nst import discrepancies, mmd, place_gram, terms, unit


def naive(f_s, f_t):
    x, y = unit(f_s), unit(f_t.detach())
    k = lambda a, b: (a[:, :, None] * b[:, None]).sum(dim=3).pow(2).mean(dim=(1, 2))
    return (k(x, x) + k(y, y) - 2 * k(x, y)).mean()


def by_einsum(f_s, f_t):
    x, y = unit(f_s), unit(f_t.detach())
    k = lambda a, b: torch.einsum("nip,njp->nij", a, b).square().sum() / (len(a) * a.shape[1] * b.shape[1])
    return k(x, x) - 2 * k(x, y) + k(y, y)


def by_places(f_s, f_t):
    return (place_gram(f_s) - place_gram(f_t.detach())).pow(2).sum(dim=(1, 2)).mean()


def by_mean_patterns(f_s, f_t):
    a, b = mean_patterns(f_s, f_t)
    return sum(sign * (p * q).sum(dim=1).mean() for sign, p, q in ((1, a, a), (1, b, b), (-2, a, b)))


def summed(kernel_values):
    return kernel_values.sum(dim=(1, 2))


def mean_patterns(f_s, f_t, normalise=unit):
    return normalise(f_s).mean(dim=1), normalise(f_t.detach()).mean(dim=1)


RIGHT = {
    "nst.patterns": {
        "normalise": (lambda f: F.normalize(f.flatten(2), dim=2)),
        "normalised on the grid": (lambda f: (f / f.norm(dim=(2, 3), keepdim=True)).flatten(2)),
        "scaled beforehand": (lambda f: F.normalize((f / f.abs().amax(dim=(2, 3), keepdim=True)).flatten(2), dim=2)),
    },
    "nst.loss": {
        "all pairs, one by one": naive,
        "places instead of channels": by_places,
        "einsum": by_einsum,
        "means over the batch first": (
            lambda s, t: sum(sign * term.mean() for sign, term in zip((1, 1, -2), discrepancies(s, t), strict=True))
        ),
    },
    "nst.linear": {
        "from the pairs": (lambda s, t: mmd(s, t, kernel=lambda cosine: cosine)),
        "three products of mean patterns": by_mean_patterns,
        "mean of squares times the places": (lambda s, t: F.mse_loss(*mean_patterns(s, t)) * s[0, 0].numel()),
    },
    "nst.gram": {
        "einsum": (lambda f: torch.einsum("nca,ncb->nab", unit(f), unit(f)) / f.shape[1]),
        "mean of outer products": (lambda f: (unit(f)[..., :, None] * unit(f)[..., None, :]).mean(dim=1)),
        "one image at a time": (
            lambda f: torch.stack(
                [(x / x.norm(dim=1, keepdim=True)).T @ (x / x.norm(dim=1, keepdim=True)) / len(x) for x in f.flatten(2)]
            )
        ),
    },
}


WRONG = {
    "nst.patterns": [
        ("the scaling to length 1 of the flattening is missing", lambda f: f.flatten(2)),
        ("the scaling to length 1 runs over dim=1, not over dim=2", lambda f: F.normalize(f.flatten(2), dim=1)),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over dim=2",
            lambda f: F.normalize(f.flatten(2), dim=0),
        ),
        (
            "the scaling to length 1 runs over the dimensions (1, 2), not over dim=2",
            lambda f: F.normalize(f.flatten(1), dim=1).unflatten(1, (f.shape[1], -1)),
        ),
        (
            "the scaling to length 1 runs over the dimensions (0, 1, 2), not over dim=2",
            lambda f: f.flatten(2) / f.norm(),
        ),
        (
            "scaled by the sum of absolute values, not to Euclidean length 1",
            lambda f: F.normalize(f.flatten(2), p=1, dim=2),
        ),
        (
            "divided by the squared length, not by the length (a root is missing)",
            lambda f: f.flatten(2) / f.flatten(2).pow(2).sum(dim=2, keepdim=True),
        ),
        (
            "scaled by the largest entry, not to Euclidean length 1",
            lambda f: f.flatten(2) / f.flatten(2).abs().amax(dim=2, keepdim=True),
        ),
    ],
    "nst.loss": [
        (
            "the scaling to length 1 of the flattening is missing",
            lambda s, t: mmd(s, t, normalise=lambda f: f.flatten(2)),
        ),
        (
            "the scaling to length 1 runs over dim=1, not over dim=2",
            lambda s, t: mmd(s, t, normalise=lambda f: F.normalize(f.flatten(2), dim=1)),
        ),
        (
            "the scaling to length 1 runs over the dimensions (1, 2), not over dim=2",
            lambda s, t: mmd(s, t, normalise=lambda f: f.flatten(2) / f.flatten(1).norm(dim=1)[:, None, None]),
        ),
        (
            "the mean of the part with f_s, a term beside the mean of the part with f_t, is missing",
            lambda s, t: terms(s, t, lambda ss, tt, st: tt - 2 * st),
        ),
        (
            "the part with f_s and f_t is halved, the other term is not",
            lambda s, t: terms(s, t, lambda ss, tt, st: ss + tt - st),
        ),
        (
            "the sum runs over the entries of a sample, then the mean over the batch: a size divides too",
            lambda s, t: mmd(s, t, own=summed, cross=summed),
        ),
        (
            "the mean runs over the entries of a sample, then the sum over the batch: a size divides too",
            lambda s, t: len(s) * mmd(s, t),
        ),
        ("yours is too small by the factor 2", lambda s, t: mmd(s, t) / 2),
    ],
    "nst.linear": [
        (
            "the scaling to length 1 of the flattening is missing",
            lambda s, t: (s.flatten(2).mean(dim=1) - t.detach().flatten(2).mean(dim=1)).pow(2).sum(dim=1).mean(),
        ),
        (
            "a root is taken of each sample's value, before the mean",
            lambda s, t: torch.sub(*mean_patterns(s, t)).norm(dim=1).mean(),
        ),
        (
            "the mean runs over all entries: the sum inside it is missing, so that a size divides too much",
            lambda s, t: F.mse_loss(*mean_patterns(s, t)),
        ),
        ("the sum stands where the mean belongs", lambda s, t: len(s) * mmd(s, t, kernel=lambda cosine: cosine)),
    ],
    "nst.gram": [
        (
            "the part with f and the scaling to length 1 of the flattening have changed places, so that it",
            lambda f: unit(f) @ unit(f).mT / f.shape[1],
        ),
        (
            "the part with f and the scaling to length 1 of the flattening have changed places, so that it",
            lambda f: unit(f) @ unit(f).mT,
        ),
        ("a size of f, the divisor of the part with f, is missing", lambda f: unit(f).mT @ unit(f)),
        (
            "a size of f, as after a division by the wrong size",
            lambda f: unit(f).mT @ unit(f) / f[0, 0].numel(),
        ),
        ("the scaling to length 1 of the flattening is missing", lambda f: f.flatten(2).mT @ f.flatten(2) / f.shape[1]),
        (
            "the scaling to length 1 runs over dim=1, not over dim=2; and the result is then too large by",
            lambda f: F.normalize(f.flatten(2), dim=1).mT @ F.normalize(f.flatten(2), dim=1),
        ),
        (
            "the scaling to length 1 runs over dim=1, not over dim=2",
            lambda f: F.normalize(f.flatten(2), dim=1).mT @ F.normalize(f.flatten(2), dim=1) / f.shape[1],
        ),
        ("a square is applied to the result", lambda f: place_gram(f).pow(2)),
    ],
}
