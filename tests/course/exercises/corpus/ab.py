"""Right and wrong programs for the exercises of `ab`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.ab import turned
from kd_teach.methods.ab import hinge

RIGHT = {
    "ab.hinge": {
        "as the paper writes it": (
            lambda s, t, mu: (t > 0).float() * F.relu(mu - s) ** 2 + (1 - (t > 0).float()) * F.relu(mu + s) ** 2
        ),
        "one hinge on the turned value": (lambda s, t, mu: (mu - turned(s, t)).clamp(min=0).pow(2)),
        "to the nearest value that is free": (
            lambda s, t, mu: (s - torch.where(t > 0, s.detach().clamp(min=mu), s.detach().clamp(max=-mu))).square()
        ),
        "mask and square together": (
            lambda s, t, mu: (s - mu) ** 2 * ((s < mu) & (t > 0)) + (s + mu) ** 2 * ((s > -mu) & (t <= 0))
        ),
    },
    "ab.loss": {
        "mean over the batch of sums": (lambda s, t, mu: hinge(s, t, mu).flatten(1).sum(dim=1).mean()),
        "squared norm": (lambda s, t, mu: torch.linalg.vector_norm(F.relu(mu - turned(s, t))) ** 2 / len(s)),
        "only the neurons that are wrong": (
            lambda s, t, mu: (
                ((s[(t > 0) & (s < mu)] - mu).pow(2).sum() + (s[(t <= 0) & (s > -mu)] + mu).pow(2).sum()) / s.shape[0]
            )
        ),
    },
    "ab.agreement": {
        "one minus the wrong": (lambda s, t: 1 - ((s > 0) ^ (t > 0)).double().mean().float()),
        "both or neither": (lambda s, t: (((s > 0) & (t > 0)) | ((s <= 0) & (t <= 0))).float().mean()),
    },
    "ab.stage_weights": {
        "with 0.5": (lambda stages: [0.5**k for k in reversed(range(stages))]),
    },
}
