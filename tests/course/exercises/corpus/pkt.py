"""Right and wrong programs for the exercises of `pkt`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.pkt import cosines, off_diagonal, picks, with_picks
from kd_teach.methods.pkt import PKTLoss


def with_epsilon(s, t):
    p_s, p_t = picks(s), picks(t.detach())
    return (p_t * ((p_t + 1e-7) / (p_s + 1e-7)).log()).sum(dim=1).mean()


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
