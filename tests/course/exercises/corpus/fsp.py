"""Right and wrong programs for the exercises of `fsp`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.fsp import by_gap, cosine_flow, pooled_flow, square_per_image
from kd_teach.methods.fsp import flow


def einsum_flow(f1, f2):
    return torch.einsum("nihw,njhw->nij", f1, f2) / f1[0, 0].numel()


def looped_flow(f1, f2):
    return torch.stack([(f1 * f2[:, j : j + 1]).mean(dim=(2, 3)) for j in range(f2.shape[1])], dim=2)


RIGHT = {
    "fsp.flow": {
        "einsum": einsum_flow,
        "loops": looped_flow,
        "broadcast": (lambda f1, f2: (f1[:, :, None] * f2[:, None]).mean(dim=(3, 4))),
        "bmm": (lambda f1, f2: torch.bmm(f1.flatten(2), f2.flatten(2).transpose(1, 2)).div(f1[0, 0].numel())),
    },
    "fsp.loss": {
        "transposed": (by_gap(square_per_image, lambda f1, f2: flow(f2, f1))),
        "einsum": (by_gap(square_per_image, einsum_flow)),
        "mse times m n": (by_gap(lambda gap: gap.pow(2).mean() * gap[0].numel())),
        "norm squared": (by_gap(lambda gap: torch.linalg.matrix_norm(gap).pow(2).mean())),
        "sum by N": (by_gap(lambda gap: gap.pow(2).sum() / len(gap), looped_flow)),
    },
    "fsp.pooled_flow": {
        "max_pool2d": (
            lambda f1, f2: einsum_flow(F.max_pool2d(f1, (f1.shape[2] // f2.shape[2], f1.shape[3] // f2.shape[3])), f2)
        ),
        "unflatten": (
            lambda f1, f2: flow(f1.unflatten(3, (f2.shape[3], -1)).unflatten(2, (f2.shape[2], -1)).amax(dim=(3, 5)), f2)
        ),
        "all cells at once": (
            lambda f1, f2: einsum_flow(
                F.adaptive_max_pool2d(f1.flatten(0, 1), f2.shape[2:]).view(*f1.shape[:2], *f2.shape[2:]), f2
            )
        ),
    },
}


WRONG = {
    "fsp.flow": [
        ("the height, a factor of the width, is missing", lambda f1, f2: flow(f1, f2) * f1.shape[2]),
        ("f1 and f2 have changed places", lambda f1, f2: flow(f2, f1)),
        (
            "a mean over dim=0, the batch is applied to the result; and the result is then too large by the",
            lambda f1, f2: torch.einsum("nihw,njhw->ij", f1, f2) / f1[0, 0].numel(),
        ),
        ("rows and columns are exchanged (transposed) in f2 first", lambda f1, f2: flow(f1, f2.mT.reshape(f2.shape))),
        ("f1 is used in place of f2", lambda f1, f2: flow(f1, f1)),
        ("f2 is used in place of f1", lambda f1, f2: flow(f2, f2)),
    ],
    "fsp.loss": [
        ("The channels were scaled to length 1: FSP does not normalise", by_gap(square_per_image, cosine_flow)),
        (
            "the mean runs over all entries: the sum inside it is missing, so that a size divides too much",
            by_gap(lambda gap: gap.pow(2).mean()),
        ),
        ("the sum stands where the mean belongs", by_gap(lambda gap: gap.pow(2).sum())),
        (
            "a root is taken of each sample's value, before the mean",
            by_gap(lambda gap: gap.flatten(1).norm(dim=1).mean()),
        ),
        ("the absolute value stands where the square belongs", by_gap(lambda gap: gap.abs().sum(dim=(1, 2)).mean())),
        (
            "The division by the number of places, h·w, is missing",
            by_gap(square_per_image, lambda f1, f2: f1.flatten(2) @ f2.flatten(2).mT),
        ),
        (
            "This multiplies the channels' means.",
            by_gap(square_per_image, lambda f1, f2: flow(*(f.mean(dim=(2, 3), keepdim=True) for f in (f1, f2)))),
        ),
    ],
    "fsp.pooled_flow": [
        (
            "the pooling by averages stands where the pooling by maxima belongs",
            lambda f1, f2: flow(F.adaptive_avg_pool2d(f1, f2.shape[2:]), f2),
        ),
        (
            "The division by the number of places, h·w, is missing",
            lambda f1, f2: pooled_flow(f1, f2) * f2[0, 0].numel(),
        ),
        (
            "a size of f1, as after a division by the wrong size",
            lambda f1, f2: pooled_flow(f1, f2) * f2[0, 0].numel() / f1[0, 0].numel(),
        ),
        (
            "keeping one pixel of each cell, the nearest stands where the pooling by maxima belongs",
            lambda f1, f2: flow(f1[:, :, :: f1.shape[2] // f2.shape[2], :: f1.shape[3] // f2.shape[3]], f2),
        ),
        ("the absolute value is taken of f1 first", lambda f1, f2: pooled_flow(f1.abs(), f2)),
        ("the pooling by maxima and f2 have changed places", lambda f1, f2: pooled_flow(f1, f2).mT),
    ],
}
