r"""Neuron Selectivity Transfer (NST): match what the channels are selective for, as two sets of patterns.

Paper     Huang & Wang, "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", 2017.
          https://arxiv.org/abs/1707.01219
Idea      A channel, brought to unit length over its pixels, is a sample: the pattern that this neuron likes. Teacher
          and student hold two sets of such samples; the Maximum Mean Discrepancy (MMD) compares their
          distributions, so no channel needs a partner and C may differ.
Equation  x_i = f_s[n, i] / |f_s[n, i]|,  y_j = f_t[n, j] / |f_t[n, j]|   (unit vectors of length HW)
          MMD^2 = mean_ii' k(x_i, x_i') + mean_jj' k(y_j, y_j') - 2 mean_ij k(x_i, y_j),  L = mean over n of MMD^2
          k(x, y) = (x.y)^2 polynomial, x.y linear, exp(-|x - y|^2 / (2 sigma^2)) Gaussian
Fast      polynomial: | 1/C_s X'X - 1/C_t Y'Y |^2 over pixel pairs, or the three C x C matrices X X', X Y', Y Y'
          squared: the same number, we take the cheaper. Linear: | mean_i x_i - mean_j y_j |^2. Gaussian: unit
          vectors have |x - y|^2 = 2 - 2 x.y, so the same C x C matrices serve. Nothing of size C x C x HW is built.
Shapes    f_s (N, C_s, H, W), f_t (N, C_t, H, W) -> scalar, summed over stages; the larger grid is pooled.
Differs   There is one variant: RepDistiller computes the polynomial MMD^2 that stands here, over three stages. The
          paper writes lambda / 2 in front; that is the weight. Leaving out mean k(y, y'), a constant, as the
          authors' own code does, lets the loss become negative (-mean k(y, y') for equal maps). sigma^2 is "the mean
          squared distance of the pairs": we take the student-teacher pairs of each image, as a constant without
          gradient (unverified).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import DEAD, check_maps, energy, in_full_precision, match_size, unit
from kd_teach.methods.changes import BATCH, SCALES
from kd_teach.methods.recipe import Recipe, Variant

LEAST_VARIANCE = 1e-3  # of the Gaussian: below, float32's rounding of 2 - 2 x.y would be read as distance


def polynomial_mmd(f_s: Tensor, f_t: Tensor) -> Tensor:
    """MMD^2 (N,) of channels (N, C, HW) under (x.y)^2, by whichever Gram matrices are cheaper."""
    (c_s, pixels), c_t = f_s.shape[1:], f_t.shape[1]
    if pixels * (c_s + c_t) < c_s**2 + c_s * c_t + c_t**2:
        return (_pixel_gram(f_s) - _pixel_gram(f_t)).pow(2).sum(dim=(1, 2))
    ss, st, tt = (cosines.pow(2).mean(dim=(1, 2)) for cosines in _channel_grams(f_s, f_t))
    return ss + tt - 2 * st


def linear_mmd(f_s: Tensor, f_t: Tensor) -> Tensor:
    """MMD^2 (N,) of channels (N, C, HW) under x.y: the distance between the two mean patterns."""
    return (_mean_pattern(f_s) - _mean_pattern(f_t)).pow(2).sum(dim=(1, 2))


def gaussian_mmd(f_s: Tensor, f_t: Tensor, variance: float | None = None) -> Tensor:
    """MMD^2 (N,) of channels (N, C, HW) under exp(-|x - y|^2 / (2 variance)).

    `variance` None is the mean of |x - y|^2 over the student-teacher pairs of each image, at least `LEAST_VARIANCE`.
    """
    cos_ss, cos_st, cos_tt = _channel_grams(f_s, f_t)
    square_s, square_t = (cos.diagonal(dim1=1, dim2=2) for cos in (cos_ss, cos_tt))  # 1, or 0 for a dead channel
    far_ss = square_s[:, :, None] + square_s[:, None, :] - 2 * cos_ss
    far_st = square_s[:, :, None] + square_t[:, None, :] - 2 * cos_st
    far_tt = square_t[:, :, None] + square_t[:, None, :] - 2 * cos_tt
    if variance is None:
        variance = far_st.detach().mean(dim=(1, 2), keepdim=True).clamp(min=LEAST_VARIANCE)
    ss, st, tt = (torch.exp(-far / (2 * variance)).mean(dim=(1, 2)) for far in (far_ss, far_st, far_tt))
    return ss + tt - 2 * st


KERNELS = {"polynomial": polynomial_mmd, "linear": linear_mmd, "gaussian": gaussian_mmd}


def _pixel_gram(f: Tensor) -> Tensor:
    x = unit(f, dim=2)
    return x.mT @ x / f.shape[1]  # (N, HW, HW)


def _channel_grams(f_s: Tensor, f_t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines between channels: student with student, student with teacher, teacher with teacher.

    The norms stand on the diagonals of the plain products, so the maps are not read again to normalise them.
    """
    ss, st, tt = f_s @ f_s.mT, f_s @ f_t.mT, f_t @ f_t.mT
    over_s, over_t = (_inverse_norm(gram.diagonal(dim1=1, dim2=2)) for gram in (ss, tt))
    return (
        ss * over_s[:, :, None] * over_s[:, None, :],
        st * over_s[:, :, None] * over_t[:, None, :],
        tt * over_t[:, :, None] * over_t[:, None, :],
    )


def _mean_pattern(f: Tensor) -> Tensor:
    over = _inverse_norm(energy(f, dim=2))
    return over[:, None, :] @ f / f.shape[1]  # (N, 1, HW)


def _inverse_norm(square: Tensor) -> Tensor:
    """1 / norm from the squared norm; 0 for a dead channel, so that it stays zero and gets no gradient."""
    alive = square > DEAD**2
    return torch.where(alive, square, 1.0).rsqrt() * alive


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

    def forward(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(f_s, f_t))

    @in_full_precision
    def per_stage(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> list[Tensor]:
        """The terms of the sum, one scalar per stage."""
        check_maps(f_s, f_t)
        pairs = [match_size(s, t.detach()) for s, t in zip(f_s, f_t, strict=True)]
        return [KERNELS[self.kernel](s.flatten(2), t.flatten(2)).mean() for s, t in pairs]

    def extra_repr(self) -> str:
        return f"kernel={self.kernel!r}"


RECIPE = Recipe(
    name="nst",
    title="Neuron Selectivity Transfer",
    paper="Huang & Wang, arXiv 2017",
    knowledge="feature",
    tap=lambda f: f.stages,
    build=lambda f_s, f_t, context, *, variant, **options: NSTLoss(**options),
    variants={
        "paper": Variant(
            weight=50.0,
            source="RepDistiller's CIFAR-100 runs, polynomial kernel (the paper's lambda / 2); the others have none",
            blind_to={"channel permutation", "channel sign flip", "per-channel scale"} | SCALES | BATCH,
        )
    },
)
