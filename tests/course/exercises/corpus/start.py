"""Right and wrong programs for the exercises of `start`."""

import math

import torch

from kd_teach.course.exercises.start import count

RIGHT = {
    "start.share": {
        "one long vector": (
            lambda s, t: (
                torch.cat([p.flatten() for p in s.parameters()]).numel()
                / len(torch.cat([p.flatten() for p in t.parameters()]))
            )
        ),
        "by shapes": (
            lambda s, t: (
                sum(math.prod(p.shape) for p in s.parameters()) / sum(math.prod(p.shape) for p in t.parameters())
            )
        ),
    },
}


WRONG = {
    "start.share": [
        ("student and teacher have changed places", lambda s, t: count(t) / count(s)),
        ("the divisor is the sum of both", lambda s, t: count(s) / (count(s) + count(t))),
        ("complement", lambda s, t: 1 - count(s) / count(t)),
        ("a square is applied to the result", lambda s, t: (count(s) / count(t)) ** 2),
        (
            "the part with student and teacher is multiplied where it should be divided",
            lambda s, t: count(s) * count(t),
        ),
    ],
}
