"""Right and wrong programs for the exercises of `ofd`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.ofd import below, charged, density, lifted, margin
from kd_teach.methods.ofd import batch_margin, partial_distance

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


WRONG = {
    "ofd.partial_distance": [
        (
            "the absolute value stands where the square belongs",
            lambda s, t: torch.where((s <= t) & (t <= 0), 0.0, s - t.detach()).abs(),
        ),
        (
            "s is compared with target the wrong way round (< for >)",
            lambda s, t: charged(s, t.detach(), (s >= t) & (t <= 0)),
        ),
        (
            "the part with s and target, a condition beside the part with target, is missing",
            lambda s, t: charged(s, t.detach(), t <= 0),
        ),
        ("the ReLU is taken of what goes into the square", lambda s, t: charged(s, t.detach(), s <= t)),
        (
            "target is compared with the number 0 so that equal values fall into the other case (>= for >)",
            lambda s, t: charged(s, t.detach(), (s <= t) & (t < 0)),
        ),
        ("a ReLU is applied to s and target first", lambda s, t: (s.relu() - t.detach().relu()) ** 2),
    ],
    "ofd.margin": [
        ("the absolute value of weight is missing", lambda w, b: b - w * density(b / w) / below(-b / w)),
        ("the square stands where the absolute value belongs", lambda w, b: margin(w**2, b)),
        (
            "the absolute value of weight, a factor of the part with bias and weight, is missing",
            lambda w, b: b - density(b / w.abs()) / below(-b / w.abs()),
        ),
        ("bias plays no part in your result", lambda w, b: -w.abs() * math.sqrt(2 / math.pi)),
    ],
    "ofd.loss": [
        (
            "This is the full squared distance: a student below a target that is not positive must be left in peace.",
            lambda s, t, m: (s - lifted(t, m).detach()).pow(2).sum() / len(s),
        ),
        (
            "the absolute value stands where the square belongs",
            lambda s, t, m: (
                charged(s, lifted(t, m).detach(), (s <= lifted(t, m)) & (lifted(t, m) <= 0)).sqrt().sum() / len(s)
            ),
        ),
        ("the larger of the two (maximum) is missing", lambda s, t, m: partial_distance(s, t).sum() / len(s)),
        (
            "the smaller of the two (minimum) stands where the larger of the two (maximum) belongs",
            lambda s, t, m: partial_distance(s, torch.minimum(t, m[:, None, None])).sum() / len(s),
        ),
        ("a ReLU is applied to t first", lambda s, t, m: partial_distance(s, t.relu()).sum() / len(s)),
        (
            "m plays no part in your result",
            lambda s, t, m: partial_distance(s, lifted(t, batch_margin(t))).sum() / len(s),
        ),
        (
            "s is compared with the part with t and m the wrong way round (< for >)",
            lambda s, t, m: charged(s, lifted(t, m).detach(), (s >= lifted(t, m)) & (lifted(t, m) <= 0)).sum() / len(s),
        ),
        (
            "the number of all entries stands where the number of samples N belongs",
            lambda s, t, m: partial_distance(s, lifted(t, m)).mean(),
        ),
        (
            "the number of samples N, the divisor of the sum of the part with s and t and m, is missing",
            lambda s, t, m: partial_distance(s, lifted(t, m)).sum(),
        ),
    ],
}
