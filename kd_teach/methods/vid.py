r"""Variational Information Distillation (VID): predict the teacher's maps, and say per channel how sure you are.

Paper     Ahn, Hu, Damianou, Lawrence & Dai, "Variational Information Distillation for Knowledge Transfer", CVPR 2019.
          https://arxiv.org/abs/1904.05835
Idea      The mutual information of two layers is at least H(t) + E log q(t | s) for any q. Take a Gaussian q with a
          learnt mean mu(s) and one learnt variance per channel, and raise the bound: a channel that the student
          cannot predict gets a large variance and is left alone.
Equation  -log q(t | s) = sum_chw [ log sigma_c + (t_chw - mu_chw(s))^2 / (2 sigma_c^2) ] + const
          sigma_c^2 = softplus(alpha_c) + floor,   L = sum over stages of lambda_k (-log q)
          For fixed residuals the best sigma_c^2 is their mean square v_c, and an entry then costs 1/2 (1 + ln v_c):
          a negative loss is no bug.
Shapes    per stage f_s (N, C_s, H_s, W_s), f_t (N, C_t, H_t, W_t) -> scalar; the larger grid is pooled to the smaller
Mean      three bias-free 1x1 convolutions C_s -> C_t -> C_t -> C_t, ReLU between them.
Differs   The paper sums over entries and weighs stage k by lambda_k; here lambda_k = 1 / (C H W), a mean, so that one
          weight serves stages of all sizes: multiply by C H W for the sum. The constant (1/2 ln 2 pi) is dropped.
          "paper" has batch norm in the regressor; that the original has it is unverified, and so is its width (said
          not to be C_t). "repdistiller" has none. Their floors differ: a channel that is always zero drives sigma^2
          to the floor, where the gradient is residual / floor. RepDistiller's 1e-5 lets it grow 500,000-fold from
          its start at sigma^2 = 5; 0.01, our choice for "paper", stops at 500.
          mdistiller keeps the variances in a plain list, out of the optimiser's sight: they stay at 5, and its VID is
          a mean of squares divided by 10.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import check_maps, in_full_precision, match_size
from kd_teach.methods.changes import BATCH
from kd_teach.methods.recipe import Recipe, Variant


def vid(mu: Tensor, f_t: Tensor, variance: Tensor) -> Tensor:
    """-log q(t | s) of one stage: the mean mu(s) and the map f_t, both (N, C, H, W), sigma^2 (C,) -> scalar."""
    # (t - mu)^2, averaged over n, h, w: sigma is the same all over a channel
    residual = (mu - f_t).square().mean(dim=(0, 2, 3))  # (C,)
    # mean over channels of log sigma_c + (t - mu)^2 / (2 sigma_c^2)
    return (0.5 * variance.log() + residual / (2 * variance)).mean()


def variance(alpha: Tensor, floor: float) -> Tensor:
    """sigma^2 of each channel, (C,), from what is learnt: alpha (C,)."""
    # sigma_c^2 = softplus(alpha_c) + floor;  log(1 + exp(alpha)), written so, would be infinite from alpha = 89 on
    return F.softplus(alpha) + floor


INITIAL_VARIANCE = 5.0
VARIANTS: dict[str, Any] = {  # of the regressor and of sigma^2; the equation is the same
    "paper": {"normed": True, "floor": 1e-2},
    "repdistiller": {"normed": False, "floor": 1e-5},
}


class ChannelGaussian(nn.Module):
    """q(t | s) of one stage: a regressor for the mean, a variance for each of the teacher's channels.

    The variances live in `alpha` (C_t,), where softplus(alpha) + floor = sigma^2. The optimiser spares weights with
    one dimension the weight decay, which would pull sigma^2 to ln 2.
    """

    def __init__(self, student_channels: int, teacher_channels: int, *, normed: bool, floor: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in in (student_channels, teacher_channels):
            layers.append(nn.Conv2d(width_in, teacher_channels, kernel_size=1, bias=False))
            if normed:
                layers.append(nn.BatchNorm2d(teacher_channels))
            layers.append(nn.ReLU())
        self.mean = nn.Sequential(*layers, nn.Conv2d(teacher_channels, teacher_channels, kernel_size=1, bias=False))
        start = math.log(math.expm1(INITIAL_VARIANCE - floor))  # the inverse of softplus
        self.alpha = nn.Parameter(torch.full((teacher_channels,), start))
        self.floor = floor

    def variance(self) -> Tensor:
        """sigma^2 of each channel, (C_t,)."""
        return variance(self.alpha, self.floor)


class VIDLoss(nn.Module):
    """Negative log-likelihood of the teacher's maps under a Gaussian predicted from the student's, summed over stages.

    Args:
        student_shapes, teacher_shapes: (C, H, W) per stage; sizes may differ, the channels are built in.
        variant: "paper" (batch norm in the regressor, floor 0.01) or "repdistiller" (no batch norm, floor 1e-5).

    Shapes:
        f_s, f_t: sequences of maps (N, C, H, W), one per stage. Returns a scalar; no gradient reaches f_t.

    Raises:
        ValueError: an unknown variant, unequal numbers of stages, or maps of other channels than announced.

    Example:
        >>> import torch
        >>> loss = VIDLoss([(16, 8, 8)], [(32, 8, 8)])
        >>> loss([torch.rand(2, 16, 8, 8)], [torch.rand(2, 32, 8, 8)]).ndim
        0
        >>> [variance.shape for variance in loss.variances()]
        [torch.Size([32])]
    """

    def __init__(
        self,
        student_shapes: Sequence[tuple[int, int, int]],
        teacher_shapes: Sequence[tuple[int, int, int]],
        *,
        variant: str = "paper",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of VIDLoss", variant, VARIANTS)
        self.equation = vid
        if len(student_shapes) != len(teacher_shapes) or not student_shapes:
            raise ValueError(
                f"{len(student_shapes)} shapes of the student and {len(teacher_shapes)} of the teacher; expected the "
                "same number, at least one: a (C, H, W) per stage."
            )
        self.channels = [(c_s, c_t) for (c_s, *_), (c_t, *_) in zip(student_shapes, teacher_shapes, strict=True)]
        self.stages: Any = nn.ModuleList(  # registered: a plain list would hide the variances from the optimiser
            ChannelGaussian(c_s, c_t, **VARIANTS[variant]) for c_s, c_t in self.channels
        )

    def forward(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(f_s, f_t))

    @in_full_precision
    def per_stage(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> list[Tensor]:
        """The term of each stage, unweighted."""
        check_maps(f_s, f_t)
        came = [(s.shape[1], t.shape[1]) for s, t in zip(f_s, f_t, strict=True)]
        if came != self.channels:
            raise ValueError(
                f"The maps have (student, teacher) channels {came} per stage; this loss was built for "
                f"{self.channels}. Tap the same stages, or build a new VIDLoss."
            )
        pairs = [match_size(s, t.detach()) for s, t in zip(f_s, f_t, strict=True)]
        return [self.equation(q.mean(s), t, q.variance()) for q, (s, t) in zip(self.stages, pairs, strict=True)]

    def variances(self) -> list[Tensor]:
        """The learnt sigma^2, (C_t,) per stage, cut from the graph: large for channels that are hard to predict."""
        return [stage.variance().detach() for stage in self.stages]


RECIPE = Recipe(
    name="vid",
    title="Variational Information Distillation",
    paper="Ahn et al., CVPR 2019",
    knowledge="feature",
    tap=lambda f: f.stages,
    build=lambda f_s, f_t, context, *, variant: VIDLoss(
        [f.shape[1:] for f in f_s], [f.shape[1:] for f in f_t], variant=variant
    ),
    equation=vid,
    variants={
        "paper": Variant(weight=1.0, source="RepDistiller's, on the same mean over entries", blind_to=BATCH),
        "repdistiller": Variant(weight=1.0, source="RepDistiller's CIFAR-100 runs", blind_to=BATCH),
    },
)
