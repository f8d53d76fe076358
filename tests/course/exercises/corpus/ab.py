"""Right and wrong programs for the exercises of `ab`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.ab import sides_agree, summed, turned
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


WRONG = {
    "ab.hinge": [
        ("the square of the ReLU is missing", lambda s, t, mu: F.relu(mu - turned(s, t))),
        (
            "yours is right everywhere but where t <= 0: look at how this case is treated",
            lambda s, t, mu: torch.where(t > 0, F.relu(mu - s) ** 2, 0.0),
        ),
        (
            "yours is right everywhere but where t > 0: look at how this case is treated",
            lambda s, t, mu: torch.where(t > 0, 0.0, F.relu(mu + s) ** 2),
        ),
        ("mu plays no part (1 stands in its place)", lambda s, t, mu: F.relu(1 - turned(s, t)) ** 2),
        ("mu, from which the part with s and t is subtracted, is missing", lambda s, t, mu: F.relu(-turned(s, t)) ** 2),
        (
            "t is compared with the number 0 so that equal values fall into the other case (>= for >)",
            lambda s, t, mu: torch.where(t >= 0, F.relu(mu - s), F.relu(mu + s)) ** 2,
        ),
        ("yours is right everywhere but where t", lambda s, t, mu: F.relu(mu - s * t.sign()) ** 2),
        ("a ReLU is applied to s and t first", lambda s, t, mu: F.relu(mu - turned(s.relu(), t)) ** 2),
    ],
    "ab.loss": [
        ("the square of the ReLU is missing", lambda s, t, mu: F.relu(mu - turned(s, t)).sum() / len(s)),
        (
            "The sides have changed places: where the teacher fires, a student far above 0 must cost nothing.",
            lambda s, t, mu: summed(F.relu(mu - turned(-s, t)), s),
        ),
        ("The hinge is missing", lambda s, t, mu: summed(mu - turned(s, t), s)),
        ("This compares the values.", lambda s, t, mu: (s - t).pow(2).sum() / len(s)),
        (
            "the number of all entries stands where the number of samples N belongs",
            lambda s, t, mu: hinge(s, t, mu).mean(),
        ),
        (
            "the number of samples N, the divisor of the sum of the part with s and t and mu, is missing",
            lambda s, t, mu: hinge(s, t, mu).sum(),
        ),
        ("yours is too small by the factor HW", lambda s, t, mu: hinge(s, t, mu).mean(dim=(0, 2, 3)).sum()),
        (
            "a root is applied to the result; and the result is then too small by the factor the root of N",
            lambda s, t, mu: hinge(s, t, mu).sum().sqrt() / len(s),
        ),
        ("a root is taken of each sample's sum", lambda s, t, mu: hinge(s, t, mu).flatten(1).sum(dim=1).sqrt().mean()),
        ("mu plays no part (1 stands in its place)", lambda s, t, mu: summed(F.relu(1 - turned(s, t)), s)),
        (
            "t is compared with the number 0 so that equal values fall into the other case (>= for >)",
            lambda s, t, mu: summed(torch.where(t >= 0, F.relu(mu - s), F.relu(mu + s)), s),
        ),
    ],
    "ab.agreement": [
        (
            "the part with s is compared with the part with t the wrong way round (not = for =)",
            lambda s, t: ((s > 0) != (t > 0)).float().mean(),
        ),
        ("the sum stands where the mean belongs", lambda s, t: ((s > 0) == (t > 0)).float().sum()),
        ("a factor 100 (percent) is applied to the result", lambda s, t: 100 * sides_agree(s, t)),
        (
            "t is compared with the number 0 so that equal values fall into the other case (>= for >)",
            lambda s, t: ((s > 0) == (t >= 0)).float().mean(),
        ),
    ],
    "ab.stage_weights": [
        (
            "a minus (the sign is turned, the negative) is applied to the result",
            lambda stages: [-(2.0 ** (i + 1 - stages)) for i in range(stages)],
        ),
    ],
}
