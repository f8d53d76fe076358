"""Right and wrong programs for the exercises of `nst`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.nst import discrepancies, mean_patterns, mmd, place_gram, unit


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
    },
    "nst.gram": {
        "einsum": (lambda f: torch.einsum("nca,ncb->nab", unit(f), unit(f)) / f.shape[1]),
        "mean of outer products": (lambda f: (unit(f)[..., :, None] * unit(f)[..., None, :]).mean(dim=1)),
    },
}
