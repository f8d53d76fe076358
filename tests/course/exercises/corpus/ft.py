"""Right and wrong programs for the exercises of `ft`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.ft import gap, per_pixel, unit_energy
from kd_teach.methods.ft import reconstruction, unit_factor


def per_channel(f):
    return F.normalize(f.flatten(2), dim=2).view_as(f)


def per_batch(f):
    return f / f.norm()


def by_sum(f):
    return F.normalize(f.flatten(1), p=1, dim=1).view_as(f)


def over_samples(f):
    return F.normalize(f, dim=0)


def energy_gap(s, t, power=2, dim=1, scale=lambda e: F.normalize(e, dim=1)):
    """The difference of two maps of energy, a row per sample."""
    return scale(s.abs().pow(power).mean(dim=dim).flatten(1)) - scale(t.detach().abs().pow(power).mean(dim).flatten(1))


RIGHT = {
    "ft.reconstruction": {
        "sum over all by N": (lambda r, t: F.mse_loss(r, t.detach(), reduction="sum") / len(r)),
        "norm squared": (lambda r, t: (t.detach() - r).flatten(1).norm(dim=1).pow(2).mean()),
        "mean times entries": (lambda r, t: F.mse_loss(r, t.detach()) * r[0].numel()),
    },
    "ft.unit": {
        "F.normalize": (lambda f: F.normalize(f.flatten(1), dim=1).view_as(f)),
        "three dimensions": (lambda f: f / f.pow(2).sum(dim=(1, 2, 3), keepdim=True).sqrt()),
        "vector_norm": (lambda f: f / torch.linalg.vector_norm(f, dim=(1, 2, 3), keepdim=True)),
    },
    "ft.loss": {
        "l1_loss": (lambda s, t: F.l1_loss(unit_factor(s), unit_factor(t.detach()))),
        "the norm over M": (lambda s, t: gap(s, t).norm(p=1, dim=1).mean() / s[0].numel()),
        "channels last": (lambda s, t: gap(s.movedim(1, -1), t.movedim(1, -1)).abs().mean()),
        "teacher first": (lambda s, t: (unit_factor(t.detach()) - unit_factor(s)).abs().mean()),
    },
    "ft.collapsed": {
        "sum over channels": (
            lambda s, t: (
                (unit_factor(s.pow(2).sum(1, keepdim=True)) - unit_factor(t.detach().pow(2).sum(1, keepdim=True)))
                .abs()
                .mean()
            )
        ),
        "l1_loss": (
            lambda s, t: F.l1_loss(
                F.normalize((s**2).mean(1).flatten(1)), F.normalize((t.detach() ** 2).mean(1).flatten(1))
            )
        ),
        "cut into rows": (
            lambda s, t: torch.stack(
                [
                    (F.normalize(a.square().sum(0).flatten(), dim=0) - F.normalize(b.square().sum(0).flatten(), dim=0))
                    .abs()
                    .mean()
                    for a, b in zip(s, t.detach(), strict=True)
                ]
            ).mean()
        ),
    },
}


WRONG = {
    "ft.reconstruction": [
        (
            "the number of all entries stands where the number of samples N belongs",
            lambda r, t: F.mse_loss(r, t.detach()),
        ),
        (
            "the number of samples N, the divisor of the sum of the square, is missing",
            lambda r, t: F.mse_loss(r, t.detach(), reduction="sum"),
        ),
        (
            "the absolute value stands where the square belongs; and the result is then too small by the",
            lambda r, t: F.l1_loss(r, t.detach()),
        ),
        (
            "the absolute value stands where the square belongs",
            lambda r, t: (r - t.detach()).abs().flatten(1).sum(1).mean(),
        ),
        ("a root is taken of each sample's sum", lambda r, t: (r - t.detach()).flatten(1).norm(dim=1).mean()),
        (
            "a ½ is too many, at the sum of the square and the number of samples N",
            lambda r, t: reconstruction(r, t) / 2,
        ),
    ],
    "ft.unit": [
        ("the scaling to length 1 runs over the batch (dim=0)", over_samples),
        ("flattened from dim=2 on (every channel by itself), not from dim=1", per_channel),
        ("the scaling to length 1 runs over the dimensions (0, 1), not over the last dimension", per_batch),
        ("scaled by the sum of absolute values, not to Euclidean length 1", by_sum),
        (
            "divided by the squared length, not by the length (a root is missing)",
            lambda f: f / f.pow(2).sum(dim=(1, 2, 3), keepdim=True),
        ),
        (
            "yours returns a tensor of shape (4, 30); expected a tensor of shape (4, 3, 5, 2)",
            lambda f: unit_factor(f).flatten(1),
        ),
    ],
    "ft.loss": [
        ("The channels are gone", lambda s, t: gap(s, t, unit_energy).abs().mean()),
        ("You scale the channels at each pixel", lambda s, t: gap(s, t, per_pixel).abs().mean()),
        ("the scaling to length 1 of the flattening is missing", lambda s, t: (s - t.detach()).abs().mean()),
        ("the scaling to length 1 of F_s is missing", lambda s, t: (s - unit_factor(t.detach())).abs().mean()),
        ("the scaling to length 1 of F_t is missing", lambda s, t: (unit_factor(s) - t.detach()).abs().mean()),
        ("the sum stands where the mean belongs", lambda s, t: gap(s, t).abs().sum()),
        ("the square stands where the absolute value belongs", lambda s, t: gap(s, t).pow(2).mean()),
        (
            "the square stands where the absolute value belongs; and the result is then too large by the",
            lambda s, t: gap(s, t).pow(2).sum(dim=1).mean(),
        ),
        (
            "flattened from dim=2 on (every channel by itself), not from dim=1",
            lambda s, t: gap(s, t, per_channel).abs().mean(),
        ),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over the last dimension",
            lambda s, t: gap(s, t, over_samples).abs().mean(),
        ),
        (
            "the scaling to length 1 runs over the dimensions (0, 1), not over the last dimension",
            lambda s, t: gap(s, t, per_batch).abs().mean(),
        ),
        (
            "scaled by the sum of absolute values, not to Euclidean length 1",
            lambda s, t: gap(s, t, by_sum).abs().mean(),
        ),
        ("the absolute value of the part with F_s and F_t is missing", lambda s, t: gap(s, t).mean()),
    ],
    "ft.collapsed": [
        (
            "the square of F_s is missing and likewise: the square of F_t is missing",
            lambda s, t: (
                (F.normalize(s.mean(dim=1).flatten(1), dim=1) - F.normalize(t.detach().mean(dim=1).flatten(1), dim=1))
                .abs()
                .mean()
            ),
        ),
        ("the absolute value stands where the square belongs", lambda s, t: energy_gap(s, t, power=1).abs().mean()),
        (
            "the scaling to length 1 of the flattening is missing",
            lambda s, t: energy_gap(s, t, scale=lambda e: e).abs().mean(),
        ),
        (
            "the mean runs over the dimensions (2, 3), not over dim=1",
            lambda s, t: energy_gap(s, t, dim=(2, 3)).abs().mean(),
        ),
        (
            "the number of all entries of the part with F_t and F_s, the divisor of the mean of the length,",
            lambda s, t: energy_gap(s, t).abs().sum(dim=1).mean(),
        ),
        (
            "the scaling to length 1 runs over the dimensions (0, 1), not over the last dimension",
            lambda s, t: energy_gap(s, t, scale=per_batch).abs().mean(),
        ),
    ],
}
