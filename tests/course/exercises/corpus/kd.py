"""Right and wrong programs for the exercises of `kd`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.kd import divergence, kd_total
from kd_teach.methods.kd import kd, soften


def by_hand(z_s, z_t, T):
    p_s, p_t = soften(z_s, T), soften(z_t.detach(), T)
    return T**2 * (p_t * (p_t.log() - p_s.log())).sum() / len(z_s)


RIGHT = {
    "kd.soften": {
        "written with exp": (lambda z, T: torch.exp(z / T) / torch.exp(z / T).sum(dim=1, keepdim=True)),
        "shifted by the maximum": (
            lambda z, T: (
                ((z - z.amax(1, keepdim=True)) / T).exp()
                / ((z - z.amax(1, keepdim=True)) / T).exp().sum(1, keepdim=True)
            )
        ),
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
        "the weights inside": (
            lambda s, t, y, T, alpha, gamma: kd(s, t.detach(), T) * alpha + F.nll_loss(F.log_softmax(s, 1), y) * gamma
        ),
        "mean of samples": (
            lambda s, t, y, T, alpha, gamma: torch.stack(
                [kd_total(s[i : i + 1], t[i : i + 1].detach(), y[i : i + 1], T, alpha, gamma) for i in range(len(y))]
            ).mean()
        ),
    },
}


WRONG = {
    "kd.soften": [
        ("T comes in after the softmax, not before it", lambda z, T: F.softmax(z, dim=1) / T),
        ("the softmax runs over the batch (dim=0), not over dim=1", lambda z, T: F.softmax(z / T, dim=0)),
        ("T is multiplied where it should be divided", lambda z, T: F.softmax(z * T, dim=1)),
        ("T, the divisor of z, is missing", lambda z, T: F.softmax(z, dim=1)),
        ("the logarithm of the softmax stands where the softmax belongs", lambda z, T: F.log_softmax(z / T, dim=1)),
        ("the sign of what goes into the softmax is turned (a minus)", lambda z, T: F.softmin(z / T, dim=1)),
        ("rows that sum to 1", lambda z, T: F.softmax(z, dim=1) ** (1 / T)),
    ],
    "kd.loss": [
        (
            "the mean is taken over all entries, classes too, not per sample",
            lambda s, t, T: kd(s, t.detach(), T) / s.shape[1],
        ),
        (
            "the square of T, a factor of the KL divergence, is missing; and the result is then too small",
            lambda s, t, T: kd(s, t.detach(), T) / s.shape[1] / T**2,
        ),
        ("summed without dividing by the batch size N", lambda s, t, T: kd(s, t.detach(), T) * len(s)),
        (
            "the softmax stands where the logarithm of the softmax belongs",
            lambda s, t, T: divergence(F.softmax(s / T, 1), F.softmax(t.detach() / T, 1), T),
        ),
        (
            "T, the divisor of z_t, is missing",
            lambda s, t, T: divergence(F.log_softmax(s / T, 1), F.softmax(t.detach(), 1), T),
        ),
        (
            "T, the divisor of z_s, is missing",
            lambda s, t, T: divergence(F.log_softmax(s, 1), F.softmax(t.detach() / T, 1), T),
        ),
        (
            "the logarithm of the softmax runs over the batch (dim=0), not over dim=1",
            lambda s, t, T: divergence(F.log_softmax(s / T, 0), F.softmax(t.detach() / T, 0), T),
        ),
        ("the square of T is missing", lambda s, t, T: kd(s, t.detach(), T) / T),
    ],
    "kd.total": [
        ("alpha and gamma have changed places", lambda s, t, y, T, alpha, gamma: kd_total(s, t, y, T, gamma, alpha)),
        ("gamma plays no part in your result", lambda s, t, y, T, alpha, gamma: kd_total(s, t, y, T, alpha, 1 - alpha)),
        (
            "T² is missing: without it the gradient fades as T grows.",
            lambda s, t, y, T, alpha, gamma: kd_total(s, t, y, T, alpha / T**2, gamma),
        ),
    ],
}
