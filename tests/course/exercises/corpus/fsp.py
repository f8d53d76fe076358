"""Right and wrong programs for the exercises of `fsp`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.fsp import by_gap, square_per_image
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
    },
}
