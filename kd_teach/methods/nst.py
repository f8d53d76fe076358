r"""Neuron Selectivity Transfer (NST): match what the channels are selective for, as two sets of patterns.

Paper     Huang & Wang, "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", 2017.
          https://arxiv.org/abs/1707.01219
Idea      A channel, brought to unit length over its pixels, is a sample: the pattern that this neuron likes. Teacher
          and student hold two sets of such samples; the Maximum Mean Discrepancy (MMD) compares their
          distributions, so no channel needs a partner and C may differ.
Equation  x_i = f_s[n, i] / |f_s[n, i]|,  y_j = f_t[n, j] / |f_t[n, j]|   (unit vectors of length HW)
          MMD^2 = mean_ii' k(x_i, x_i') + mean_jj' k(y_j, y_j') - 2 mean_ij k(x_i, y_j),  L = mean over n of MMD^2
          k(x, y) = (x.y)^2 polynomial, x.y linear, exp(-|x - y|^2 / (2 sigma^2)) Gaussian
          Under the polynomial kernel it is also | 1/C_s X'X - 1/C_t Y'Y |^2, a comparison of places.
Shapes    f_s (N, C_s, H, W), f_t (N, C_t, H, W) -> scalar, summed over stages; the larger grid is pooled.
Differs   There is one variant: RepDistiller computes the polynomial MMD^2 that stands here, over three stages. The
          paper writes lambda / 2 in front; that is the weight. Leaving out mean k(y, y'), a constant, as the
          authors' own code does, lets the loss become negative (-mean k(y, y') for equal maps). sigma^2 is "the mean
          squared distance of the pairs": we take the student-teacher pairs of each image, as a constant without
          gradient (unverified).
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import check_maps, in_full_precision, match_size, unit
from kd_teach.methods.changes import BATCH, SCALES
from kd_teach.methods.recipe import Recipe, Variant


def nst(x: Tensor, y: Tensor, k: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """MMD^2 of one stage, mean over images: the student's patterns x (N, C_s, HW), the teacher's y (N, C_t, HW)."""
    # mean_ii' k(x_i, x_i')  +  mean_jj' k(y_j, y_j')  -  2 mean_ij k(x_i, y_j)
    return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()


def patterns(f: Tensor) -> Tensor:
    """What each channel likes: maps f (N, C, H, W) -> unit vectors (N, C, HW); a dead channel is the zero vector."""
    # x_i = f[n, i] / |f[n, i]|
    return unit(f.flatten(2), dim=2)


def polynomial(x: Tensor, y: Tensor) -> Tensor:
    """k(x_i, y_j) = (x_i . y_j)^2 of all pairs: (N, C, HW), (N, C', HW) -> (N, C, C')."""
    return (x @ y.mT) ** 2


def linear(x: Tensor, y: Tensor) -> Tensor:
    """k(x_i, y_j) = x_i . y_j of all pairs."""
    return x @ y.mT


def gaussian(x: Tensor, y: Tensor, variance: float | Tensor) -> Tensor:
    """k(x_i, y_j) = exp(-|x_i - y_j|^2 / (2 sigma^2)) of all pairs; the variance may differ by image: (N, 1, 1)."""
    return torch.exp(-square_distances(x, y) / (2 * variance))


def square_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 of all pairs: (N, C, HW), (N, C', HW) -> (N, C, C')."""
    # |x - y|^2 = |x|^2 + |y|^2 - 2 x.y
    return x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None, :] - 2 * x @ y.mT


LEAST_VARIANCE = 1e-3  # of the Gaussian: below, float32's rounding of 2 - 2 x.y would be read as distance


def of_these_patterns(x: Tensor, y: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The Gaussian whose sigma^2 is the mean of |x_i - y_j|^2 over each image's student-teacher pairs, a constant."""
    variance = square_distances(x, y).detach().mean(dim=(1, 2), keepdim=True).clamp(min=LEAST_VARIANCE)
    return partial(gaussian, variance=variance)


KERNELS = {  # what makes k for two sets of patterns
    "polynomial": lambda x, y: polynomial,
    "linear": lambda x, y: linear,
    "gaussian": of_these_patterns,
}


class NSTLoss(nn.Module):
    """MMD^2 between the sets of channel patterns of student and teacher: mean over images, sum over stages.

    Args:
        kernel: "polynomial" (d = 2, c = 0), "linear" or "gaussian" (variance from the data).

    Shapes:
        f_s, f_t: sequences of maps (N, C, H, W), one per stage; C and the grids may differ. Returns a scalar >= 0 up
        to rounding, at most 2 per stage on maps >= 0 (4 for the linear kernel on signed ones); no gradient reaches
        f_t. A dead channel is the zero vector: it still counts in the means.

    Raises:
        ValueError: an unknown kernel; different numbers of maps, different batches, NaN, or an empty batch.
        TypeError: a tensor instead of a sequence of them, or one that is not floating point.

    Example:
        >>> import torch
        >>> left, right = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0]]]])  # one image, 1 x 1 x 2
        >>> NSTLoss()([left], [right])
        tensor(2.)
    """

    def __init__(self, *, kernel: str = "polynomial") -> None:
        super().__init__()
        if kernel not in KERNELS:
            raise unknown("kernel of NSTLoss", kernel, KERNELS)
        self.kernel = kernel
        self.equation = nst

    def forward(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(f_s, f_t))

    @in_full_precision
    def per_stage(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> list[Tensor]:
        """The terms of the sum, one scalar per stage."""
        check_maps(f_s, f_t)
        pairs = [match_size(s, t.detach()) for s, t in zip(f_s, f_t, strict=True)]
        return [self._mmd(patterns(s), patterns(t)) for s, t in pairs]

    def _mmd(self, x: Tensor, y: Tensor) -> Tensor:
        return self.equation(x, y, KERNELS[self.kernel](x, y))

    def extra_repr(self) -> str:
        return f"kernel={self.kernel!r}"


RECIPE = Recipe(
    name="nst",
    title="Neuron Selectivity Transfer",
    paper="Huang & Wang, arXiv 2017",
    knowledge="feature",
    tap=lambda f: f.stages,
    build=lambda f_s, f_t, context, *, variant, **options: NSTLoss(**options),
    equation=nst,
    variants={
        "paper": Variant(
            weight=50.0,
            source="RepDistiller's CIFAR-100 runs, polynomial kernel (the paper's lambda / 2); the others have none",
            blind_to={"channel permutation", "channel sign flip", "per-channel scale"} | SCALES | BATCH,
        )
    },
)
