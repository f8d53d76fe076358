"""Right and wrong programs for the exercises of `at`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.at import compare, energies


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
    },
}
