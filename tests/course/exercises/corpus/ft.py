"""Right and wrong programs for the exercises of `ft`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.ft import gap
from kd_teach.methods.ft import unit_factor

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
    },
}
