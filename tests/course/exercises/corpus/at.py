"""Right and wrong programs for the exercises of `at`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.at import compare, energies, mean_length, pooled, unit_energies


def cell_by_cell(f, h, w):
    H, W = f.shape[2:]
    rows = [slice(i * H // h, -(-(i + 1) * H // h)) for i in range(h)]
    columns = [slice(j * W // w, -(-(j + 1) * W // w)) for j in range(w)]
    return torch.stack([torch.stack([f[:, :, r, c].mean(dim=(2, 3)) for c in columns], 2) for r in rows], 2)


RIGHT = {
    "at.map": {
        "mean over channels": (lambda f, p: F.normalize(f.abs().pow(p).mean(dim=1).flatten(1), dim=1)),
        "flattened first": (lambda f, p: F.normalize(f.flatten(2).abs().pow(p).sum(dim=1), dim=1)),
        "the p-norm to the power p": (
            lambda f, p: F.normalize(torch.linalg.vector_norm(f, ord=p, dim=1).pow(p).flatten(1), dim=1)
        ),
        "scaled beforehand": (
            lambda f, p: F.normalize(energies(f / f.abs().amax(dim=(1, 2, 3), keepdim=True), p), dim=1)
        ),
    },
    "at.loss": {
        "mean over channels": (
            lambda s, t: compare(s, t, lambda f: F.normalize(f.pow(2).mean(dim=1).flatten(1), dim=1))
        ),
        "from the cosine": (
            lambda s, t: (2 - 2 * F.cosine_similarity(energies(s), energies(t.detach()), dim=1)).sqrt().mean()
        ),
        "root by hand": (lambda s, t: compare(s, t, size=lambda d: d.square().sum(dim=1).sqrt().sum() / len(d))),
    },
    "at.pooled": {
        "area interpolation": (lambda s, t: compare(s, F.interpolate(t, size=s.shape[2:], mode="area"))),
        "cell by cell": (lambda s, t: compare(s, cell_by_cell(t, *s.shape[2:]))),
        "cosines of pooled maps": (
            lambda s, t: (
                (
                    2
                    - 2
                    * F.cosine_similarity(energies(s), energies(F.adaptive_avg_pool2d(t.detach(), s.shape[2:])), dim=1)
                )
                .sqrt()
                .mean()
            )
        ),
    },
}


WRONG = {
    "at.map": [
        (
            "the order is wrong: the sum is taken before the power or the absolute value",
            lambda f, p: F.normalize(f.sum(dim=1).abs().pow(p).flatten(1), dim=1),
        ),
        ("the scaling to length 1 of the flattening is missing", energies),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over the last dimension",
            lambda f, p: F.normalize(energies(f, p), dim=0),
        ),
        (
            "the scaling to length 1 runs over the dimensions (0, 1), not over the last dimension",
            lambda f, p: energies(f, p) / energies(f, p).norm(),
        ),
        ("the absolute value of f is missing", lambda f, p: F.normalize(f.pow(p).sum(dim=1).flatten(1), dim=1)),
        ("the power is missing: this takes the absolute value", lambda f, p: F.normalize(energies(f, 1), dim=1)),
        (
            "scaled by the sum of absolute values, not to Euclidean length 1",
            lambda f, p: F.normalize(energies(f, p), p=1, dim=1),
        ),
        (
            "the maximum stands where the sum belongs",
            lambda f, p: F.normalize(f.abs().pow(p).amax(dim=1).flatten(1), dim=1),
        ),
        (
            "the sum runs over the dimensions (2, 3), not over dim=1",
            lambda f, p: F.normalize(f.abs().pow(p).sum(dim=(2, 3)), dim=1),
        ),
    ],
    "at.loss": [
        (
            "the length is squared: a root is missing",
            lambda s, t: compare(s, t, size=lambda d: d.pow(2).sum(dim=1).mean()),
        ),
        (
            "the length is squared: a root is missing; and the result is then too small by the factor HW",
            lambda s, t: compare(s, t, size=lambda d: d.pow(2).mean()),
        ),
        ("the sum stands where the mean belongs", lambda s, t: compare(s, t, size=lambda d: d.norm(dim=1).sum())),
        ("the length runs over the dimensions (0, 1), not over dim=1", lambda s, t: compare(s, t, size=torch.norm)),
        (
            "absolute values are added up where a Euclidean length is asked for",
            lambda s, t: compare(s, t, size=lambda d: d.abs().sum(dim=1).mean()),
        ),
        ("the scaling to length 1 of the flattening is missing", lambda s, t: compare(s, t, energies)),
        (
            "the scaling to length 1 of the flattening is missing, for f_t alone",
            lambda s, t: mean_length(unit_energies(s) - energies(t.detach())),
        ),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over the last dimension",
            lambda s, t: compare(s, t, lambda f: F.normalize(energies(f), dim=0)),
        ),
        (
            "the power is missing: this takes the absolute value",
            lambda s, t: compare(s, t, lambda f: F.normalize(energies(f, 1), dim=1)),
        ),
        (
            "scaled by the sum of absolute values, not to Euclidean length 1",
            lambda s, t: compare(s, t, lambda f: F.normalize(energies(f), p=1, dim=1)),
        ),
        ("yours is too small by the factor 2", lambda s, t: compare(s, t) / 2),
    ],
    "at.pooled": [
        (
            "the pooling by maxima stands where the pooling by averages belongs",
            lambda s, t: compare(s, F.adaptive_max_pool2d(t, s.shape[2:])),
        ),
        (
            "keeping one pixel of each cell, the nearest stands where the pooling by averages belongs",
            lambda s, t: compare(s, F.interpolate(t, size=s.shape[2:])),
        ),
        (
            "the length is squared: a root is missing",
            lambda s, t: compare(s, pooled(t, s), size=lambda d: d.pow(2).sum(dim=1).mean()),
        ),
        (
            "the length is squared: a root is missing; and the result is then too small by the factor HW",
            lambda s, t: compare(s, pooled(t, s), size=lambda d: d.pow(2).mean()),
        ),
        ("the scaling to length 1 of the flattening is missing", lambda s, t: compare(s, pooled(t, s), energies)),
    ],
}
