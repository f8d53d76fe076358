"""Right and wrong programs for the exercises of `vid`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.vid import best_variance, channelwise, cost

RIGHT = {
    "vid.variance": {
        "logaddexp": (lambda a, floor: torch.logaddexp(a, torch.zeros_like(a)) + floor),
        "by hand, safe": (lambda a, floor: a.clamp(min=0) + torch.log1p(torch.exp(-a.abs())) + floor),
        "minus the logarithm of a sigmoid": (lambda a, floor: floor - F.logsigmoid(-a)),
    },
    "vid.loss": {
        "gaussian_nll_loss": (lambda mu, t, v: F.gaussian_nll_loss(mu, t.detach(), channelwise(v).expand_as(mu))),
        "residuals averaged first": (
            lambda mu, t, v: 0.5 * (v.log() + (mu - t.detach()).square().mean(dim=(0, 2, 3)) / v).mean()
        ),
        "with log sigma": (
            lambda mu, t, v: (channelwise(v).sqrt().log() + (t.detach() - mu) ** 2 / (2 * channelwise(v))).mean()
        ),
    },
    "vid.best_variance": {
        "channels first": (lambda mu, t: (mu - t).transpose(0, 1).flatten(1).square().mean(dim=1)),
        "expanded square": (lambda mu, t: (t * t - 2 * t * mu + mu * mu).mean(dim=(0, 2, 3))),
    },
}


WRONG = {
    "vid.variance": [
        ("floor, a term beside the softplus of alpha, is missing", lambda a, floor: F.softplus(a)),
        ("a root is applied to the result", lambda a, floor: torch.sqrt(F.softplus(a) + floor)),
        ("the ReLU stands where the softplus belongs", lambda a, floor: F.relu(a) + floor),
    ],
    "vid.loss": [
        (
            "the part with mu and f_t and variance, a term beside the part with variance, is missing",
            lambda mu, t, v: 0.5 * v.log().mean(),
        ),
        (
            "the root of variance is taken",
            lambda mu, t, v: 0.5 * (channelwise(v).log() + (t.detach() - mu) ** 2 / channelwise(v).sqrt()).mean(),
        ),
        ("a square is taken of variance first", lambda mu, t, v: cost(mu, t, channelwise(v) ** 2).mean()),
        (
            "variance is divided where it should be multiplied",
            lambda mu, t, v: 0.5 * (channelwise(v).log() + (t.detach() - mu) ** 2 * channelwise(v)).mean(),
        ),
        (
            "the part with mu and f_t and variance is doubled, the other term is not",
            lambda mu, t, v: (0.5 * channelwise(v).log() + (t.detach() - mu) ** 2 / channelwise(v)).mean(),
        ),
        (
            "yours is too large by the factor 2: a ½ is missing, or it is in twice",
            lambda mu, t, v: 2 * cost(mu, t, channelwise(v)).mean(),
        ),
        ("yours is too large by the factor NCHW", lambda mu, t, v: cost(mu, t, channelwise(v)).sum()),
        (
            "yours is too large by the factor CHW",
            lambda mu, t, v: cost(mu, t, channelwise(v)).sum(dim=(1, 2, 3)).mean(),
        ),
        (
            "a minus (the sign is turned, the negative) is applied to the result",
            lambda mu, t, v: -cost(mu, t, channelwise(v)).mean(),
        ),
    ],
    "vid.best_variance": [
        (
            "the order is wrong: the mean is taken before the power or the absolute value",
            lambda mu, t: (t - mu).mean(dim=(0, 2, 3)) ** 2,
        ),
        (
            "the mean is subtracted before the square (a variance about it, var or std)",
            lambda mu, t: (t - mu).var(dim=(0, 2, 3), correction=0),
        ),
        ("a root is applied to the result", lambda mu, t: best_variance(mu, t).sqrt()),
        ("mu plays no part in your result", lambda mu, t: t.var(dim=(0, 2, 3), correction=0)),
        ("the power is missing: this takes the absolute value", lambda mu, t: (t - mu).abs().mean(dim=(0, 2, 3))),
        ("the sum stands where the mean belongs", lambda mu, t: (t - mu).pow(2).sum(dim=(0, 2, 3))),
        (
            "the mean runs over the dimensions (1, 2, 3), not over the dimensions (0, 2, 3)",
            lambda mu, t: (t - mu).pow(2).mean(dim=(1, 2, 3)),
        ),
        (
            "the mean runs over the dimensions (0, 1, 2), not over the dimensions (0, 2, 3)",
            lambda mu, t: (t - mu).pow(2).mean(dim=(0, 1, 2)),
        ),
    ],
}
