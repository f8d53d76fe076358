"""Right and wrong programs for the exercises of `kd`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.kd import divergence
from kd_teach.methods.kd import soften


def by_hand(z_s, z_t, T):
    p_s, p_t = soften(z_s, T), soften(z_t.detach(), T)
    return T**2 * (p_t * (p_t.log() - p_s.log())).sum() / len(z_s)


RIGHT = {
    "kd.soften": {
        "written with exp": (lambda z, T: torch.exp(z / T) / torch.exp(z / T).sum(dim=1, keepdim=True)),
    },
    "kd.loss": {
        "by hand": by_hand,
        "log_target": (
            lambda s, t, T: divergence(F.log_softmax(s / T, 1), F.log_softmax(t.detach() / T, 1), T, log_target=True)
        ),
        "mean over samples of sums": (
            lambda s, t, T: (
                T * T * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="none").sum(1).mean()
            )
        ),
        "cross-entropy minus entropy": (
            lambda s, t, T: (
                T**2
                * (
                    F.cross_entropy(s / T, soften(t.detach(), T))
                    - F.cross_entropy(t.detach() / T, soften(t.detach(), T))
                )
            )
        ),
    },
    "kd.total": {
        "from parts": (lambda s, t, y, T, alpha, gamma: alpha * by_hand(s, t, T) + gamma * F.cross_entropy(s, y)),
    },
}
