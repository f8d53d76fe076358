"""Right and wrong programs for the exercises of `ofd`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.ofd import below, density, lifted
from kd_teach.methods.ofd import partial_distance

RIGHT = {
    "ofd.partial_distance": {
        "a floor under the gap": (
            lambda s, t: torch.where(t > 0, s - t.detach(), (s - t.detach()).clamp(min=0)).square()
        ),
        "times a mask": (lambda s, t: (s - t.detach()).pow(2) * ((s > t) | (t > 0))),
        "two cases": (
            lambda s, t: (t > 0).float() * (s - t.detach()) ** 2 + (t <= 0).float() * F.relu(s - t.detach()) ** 2
        ),
    },
    "ofd.margin": {
        "torch.distributions": (
            lambda w, b: (
                b
                - w.abs()
                * torch.distributions.Normal(0.0, 1.0).log_prob(b / w.abs()).exp()
                / torch.distributions.Normal(0.0, 1.0).cdf(-b / w.abs())
            )
        ),
        "one minus the share above": (lambda w, b: b - w.abs() * density(b / w.abs()) / (1 - below(b / w.abs()))),
        "without underflow": (
            lambda w, b: b - w.abs() * math.sqrt(2 / math.pi) / torch.special.erfcx(b / w.abs() / math.sqrt(2))
        ),
    },
    "ofd.loss": {
        "mean over the batch of sums": (
            lambda s, t, m: partial_distance(s, lifted(t, m).detach()).flatten(1).sum(1).mean()
        ),
        "where instead of maximum": (
            lambda s, t, m: (
                partial_distance(s, torch.where(t > m.view(1, -1, 1, 1), t, m.view(1, -1, 1, 1)).detach()).sum()
                / len(s)
            )
        ),
        "a floor under the gap": (
            lambda s, t, m: (
                torch.where(t.detach() > 0, s - t.detach(), F.relu(s - lifted(t, m).detach())).square().sum() / len(s)
            )
        ),
    },
    "ofd.margin_of_batch": {
        "channel by channel": (
            lambda t: torch.stack([c[c < 0].mean() if (c < 0).any() else c.new_zeros(()) for c in t.transpose(0, 1)])
        ),
        "a small number under the division": (
            lambda t: t.clamp(max=0).sum((0, 2, 3)) / ((t < 0).sum((0, 2, 3)) + 1e-6)
        ),
    },
}
