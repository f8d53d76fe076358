"""Right and wrong programs for the exercises of `rkd`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.rkd import cosines, over_mean, parts, squares
from kd_teach.methods.rkd import RKDLoss, angles, distance_ratios


def from_gram(e):
    """No (N, N, D) tensor: inner products of differences out of inner products of the centred samples."""
    e = e - e.mean(dim=0)
    gram = e @ e.T
    inner = gram[:, None, :] - gram[:, :, None] - gram + gram.diagonal()[:, None]  # (N, N, N)
    d = torch.cdist(e, e)
    product = d[:, :, None] * d
    return torch.where(product > 0, inner / torch.where(product > 0, product, 1), 0)


def one_at_a_time(s, t, w_d, w_a):
    """The equation read aloud: loops over samples that differ."""
    n, t = len(s), t.detach()
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    r_s, r_t = distance_ratios(s), distance_ratios(t)
    loss_d = sum(F.huber_loss(r_s[i, j], r_t[i, j]) for i, j in pairs) / len(pairs)
    triples = [(i, j, k) for i, j in pairs for k in range(n) if k not in (i, j)]
    cosine = [[F.cosine_similarity(e[i] - e[j], e[k] - e[j], dim=0) for i, j, k in triples] for e in (s, t)]
    return w_d * loss_d + w_a * F.huber_loss(torch.stack(cosine[0]), torch.stack(cosine[1]))


RIGHT = {
    "rkd.distances": {
        "norm of the differences": (lambda e: over_mean(torch.linalg.vector_norm(e[:, None] - e[None], dim=2))),
        "clamped before the root": (lambda e: over_mean(squares(e).clamp(min=1e-14).sqrt())),
        "mean of the positive entries": (lambda e: torch.cdist(e, e) / torch.cdist(e, e)[torch.cdist(e, e) > 0].mean()),
        "mean by pdist": (lambda e: torch.cdist(e, e) / torch.pdist(e).mean()),
    },
    "rkd.angles": {
        "both differences turned": (lambda e: cosines(e, unit=lambda edges: -F.normalize(edges, dim=2))),
        "batched product": (
            lambda e: (
                F.normalize(e[None] - e[:, None], dim=2) @ F.normalize(e[None] - e[:, None], dim=2).mT
            ).transpose(0, 1)
        ),
        "from the Gram matrix": from_gram,
        "cosine_similarity": (
            lambda e: F.cosine_similarity(
                (e[:, None] - e[None])[:, :, None], (e[:, None] - e[None]).transpose(0, 1)[None], dim=3
            )
        ),
    },
    "rkd.loss": {
        "one at a time": one_at_a_time,
        "another vertex": (
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, angle=lambda e: cosines(e, contract="ijd,ikd->ijk"))
        ),
        "one difference turned in both networks": (
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, angle=lambda e: -angles(e))
        ),
        "huber_loss": (lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, gap=F.huber_loss)),
        "the library": (lambda s, t, w_d, w_a: RKDLoss(distance=w_d, angle=w_a)(s, t)),
    },
}
