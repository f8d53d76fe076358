"""Right and wrong programs for the exercises of `rkd`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.rkd import cosines, fixed_mu, naive_root, over_mean, parts, raw_angles, squares
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


WRONG = {
    "rkd.distances": [
        ("the length is squared: a root is missing", lambda e: over_mean(squares(e))),
        (
            "a factor 2 is too many or a ½ is missing, at the sum of the differences and the part with e",
            lambda e: distance_ratios(e) / 2,
        ),
        (
            "the maximum stands where the sum belongs; and the result is then too small by the factor N (N",
            lambda e: torch.cdist(e, e) / torch.cdist(e, e).max(),
        ),
        (
            "absolute values are added up where a Euclidean length is asked for",
            lambda e: over_mean(torch.cdist(e, e, p=1)),
        ),
    ],
    "rkd.angles": [
        ("the arc cosine (acos: an angle, not its cosine)", lambda e: angles(e).clamp(-1, 1).acos()),
        ("The differences were not set to length 1", raw_angles),
        (
            "the scaling to length 1 runs over dim=1, not over dim=2",
            lambda e: cosines(e, unit=lambda edges: F.normalize(edges, dim=1)),
        ),
        (
            "scaled by the sum of absolute values, not to Euclidean length 1",
            lambda e: cosines(e, unit=lambda edges: F.normalize(edges, p=1, dim=2)),
        ),
        ("the indices of one factor are exchanged: direction or vertex of an edge is another", lambda e: -angles(e)),
        (
            "the indices of the result are in another order (two axes exchanged, transposed)",
            lambda e: cosines(e, contract="ijd,ikd->ijk"),
        ),
        (
            "e, what is subtracted from the part with e, is missing",
            lambda e: (F.normalize(e, dim=1) @ F.normalize(e, dim=1).T)[:, None].expand(-1, len(e), -1),
        ),
    ],
    "rkd.loss": [
        (
            "The division by the mean distance is missing",
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, ratios=lambda e: torch.cdist(e, e)),
        ),
        (
            "The value is right, but the mean is detached.",
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, ratios=fixed_mu),
        ),
        (
            "The value is right, but the gradient is NaN: the root has an infinite slope at the zeros of the diagonal.",
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, ratios=naive_root),
        ),
        ("(N - 2), a factor of N · (N - 1), is missing", lambda s, t, w_d, w_a: parts(s, t, w_d, w_a * (len(s) - 2))),
        (
            "the squared difference (mse) stands where Huber's function belongs",
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, gap=F.mse_loss),
        ),
        (
            "the absolute difference (l1) stands where Huber's function belongs",
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, gap=F.l1_loss),
        ),
        ("w_d and w_a have changed places", lambda s, t, w_d, w_a: parts(s, t, w_a, w_d)),
        (
            "Your mean runs over all N² entries.",
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, ratios=lambda e: torch.cdist(e, e) / torch.cdist(e, e).mean()),
        ),
        (
            "the length is squared: a root is missing",
            lambda s, t, w_d, w_a: parts(s, t, w_d, w_a, ratios=lambda e: over_mean(squares(e))),
        ),
    ],
}
