"""Right and wrong programs for the exercises of `pkt`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.pkt import cosines, off_diagonal, picks, softmax_of_others, with_picks
from kd_teach.methods.pkt import PKTLoss, pkt


def divergence(p_s, p_t):
    """Mean over the rows of KL(p_t || p_s)."""
    return (p_t * (p_t / p_s).log()).sum() / len(p_s)


def with_epsilon(s, t):
    p_s, p_t = picks(s), picks(t.detach())
    return (p_t * ((p_t + 1e-7) / (p_s + 1e-7)).log()).sum(dim=1).mean()


def self_pairs_too(s, t):
    return divergence(picks(s, self_pairs=True), picks(t.detach(), self_pairs=True))


RIGHT = {
    "pkt.probabilities": {
        "without the half, which cancels": (lambda e: picks(e, kernel=lambda e: cosines(e) + 1)),
        "cosine_similarity": (
            lambda e: picks(e, kernel=lambda e: (F.cosine_similarity(e[:, None], e[None], dim=2) + 1) / 2)
        ),
        "masked": (
            lambda e: F.normalize((cosines(e) + 1).masked_fill(torch.eye(len(e), dtype=torch.bool), 0), p=1, dim=1)
        ),
    },
    "pkt.loss": {
        "kl_div": (
            lambda s, t: F.kl_div(off_diagonal(picks(s)).log(), off_diagonal(picks(t.detach())), reduction="batchmean")
        ),
        "a difference of logarithms": (
            lambda s, t: (
                (
                    off_diagonal(picks(t.detach()))
                    * (off_diagonal(picks(t.detach())).log() - off_diagonal(picks(s)).log())
                )
                .sum(dim=1)
                .mean()
            )
        ),
        "without the half": (lambda s, t: with_picks(lambda e: picks(e, kernel=lambda e: cosines(e) + 1), s, t)),
        "1e-7 in the logarithm": with_epsilon,
        "the library": (lambda s, t: PKTLoss()(s, t)),
    },
}


WRONG = {
    "pkt.probabilities": [
        ("the diagonal is missing", lambda e: picks(e, self_pairs=True)),
        ("Your kernel uses inner products", lambda e: picks(e, kernel=lambda e: (e @ e.T + 1) / 2)),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over the last dimension",
            lambda e: picks(e, kernel=lambda e: (F.normalize(e, dim=0) @ F.normalize(e, dim=0).T + 1) / 2),
        ),
        (
            "scaled by the sum of absolute values, not to Euclidean length 1",
            lambda e: picks(e, kernel=lambda e: (F.normalize(e, p=1, dim=1) @ F.normalize(e, p=1, dim=1).T + 1) / 2),
        ),
        (
            "the sum of the limit, the divisor of the limit of the part with e, is missing",
            lambda e: (cosines(e) + 1) / 2 * (1 - torch.eye(len(e))),
        ),
        (
            "the sum runs over the dimensions (0, 1), not over dim=1",
            lambda e: picks(e) * (k := (cosines(e) + 1) / 2 * (1 - torch.eye(len(e)))).sum(1, keepdim=True) / k.sum(),
        ),
        ("the sum runs over the batch (dim=0), not over dim=1", lambda e: picks(e).T),
    ],
    "pkt.loss": [
        ("This is a softmax of the cosines over the others.", lambda s, t: with_picks(softmax_of_others, s, t)),
        (
            "Your kernel uses inner products; set the rows to length 1 first.",
            lambda s, t: with_picks(lambda e: picks(e, kernel=lambda e: (e @ e.T + 1) / 2), s, t),
        ),
        ("the mean stands where the sum belongs", lambda s, t: pkt(s, t) / len(s)),
        ("yours is too small by the factor N - 1", lambda s, t: pkt(s, t) / (len(s) - 1)),
        ("the diagonal is missing", self_pairs_too),
        (
            "the diagonal is missing; and the result is then too small by the factor N",
            lambda s, t: self_pairs_too(s, t) / len(s),
        ),
        (
            "e_s and e_t have changed places",
            lambda s, t: divergence(off_diagonal(picks(t.detach())), off_diagonal(picks(s))),
        ),
    ],
}
