r"""Overhaul of Feature Distillation (OFD): copy what the teacher shows before its ReLU, except where it cannot matter.

Paper     Heo, Kim, Yun, Park, Kwak & Choi, "A Comprehensive Overhaul of Feature Distillation", ICCV 2019.
          https://arxiv.org/abs/1904.01866
Idea      Behind the ReLU all negative values are alike. So the teacher's are lifted to at least a margin, the mean of
          the channel's negative values, and a student that lies even lower than a negative target is left in peace.
Equation  T = max(t, m),   m[c] = E[t[c] | t[c] < 0]
          L = sum over stages l of 2^(l-n+1) * 1/N sum over samples and entries of d(r(s), T)
          d(S, T) = 0 where S <= T <= 0, else (S - T)^2
Margin    A BN with weight s and bias b puts out about a Gaussian N(b, s^2), of which the conditional mean is known:
          m = b - |s| phi(b/|s|) / Phi(-b/|s|),   phi, Phi the standard normal density and distribution.
          It holds for a WRN, whose map before the ReLU is the output of a BN. In a ResNet the shortcut is added to
          it, and m is an approximation: all known code reads the last BN and ignores the shortcut, and so do we.
Connector r: a 1x1 convolution without bias, then batch norm, at every stage.
Shapes    s, t (N, C, H, W) BEFORE the ReLU, one per stage -> scalar. Behind a ReLU no target is negative: the margin
          has nothing to do, and neurons that are silent in the teacher are only pushed to at most 0.
Differs   Of unequal grids the larger one is pooled by averages (the paper has equal ones). Our teacher is in eval
          mode; the authors keep it in train mode, so that both sides are normalised by the same batch, which also
          moves the teacher's running statistics (`Phase.teacher_mode`; work on a copy then). The authors' code sets
          m = -3 |s| where Phi(-b/|s|) <= 0.001: a jump from -0.28 |s|; ours follows the equation all the way.
          "batch", a common rewrite, takes m from the negative values of each batch (0 where a channel has none), the
          mean over entries, and no stage weights.
"""

from collections.abc import Sequence
from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import check_maps, in_full_precision, match_size
from kd_teach.methods.ab import pointwise, stage_weights
from kd_teach.methods.changes import BATCH
from kd_teach.methods.recipe import Context, Recipe, Variant


def ofd(s: Tensor, t: Tensor, m: Tensor) -> Tensor:
    """L of one stage: s, t (N, C, H, W) before the ReLU, s behind its connector; m (C,), <= 0 -> scalar."""
    # T = max(t, m)
    target = torch.maximum(t, m[:, None, None])
    # 1/N sum over samples and entries of d(s, T)
    return partial_distance(s, target).sum() / len(s)


def partial_distance(s: Tensor, target: Tensor) -> Tensor:
    """d(S, T): elementwise, the shapes are broadcast."""
    # 0 where S <= T <= 0, else (S - T)^2
    counts = (s > target) | (target > 0)
    return (counts * (s - target)).square()


def bn_margin(norm: nn.BatchNorm2d) -> Tensor:
    """The mean of a channel's negative outputs, (C,), if the outputs of `norm` are N(bias, weight^2).

    Always <= 0. A channel that hardly ever is negative gets the little that the equation says, about
    -weight^2 / bias; one of weight 0 the limit min(bias, 0). Computed in float64.

    Example:
        >>> bn_margin(nn.BatchNorm2d(2))  # bias 0, weight 1: -sqrt(2 / pi)
        tensor([-0.7979, -0.7979])
    """
    if not isinstance(norm, nn.BatchNorm2d):
        raise TypeError(f"The margin is read from a BatchNorm2d, not from a {type(norm).__name__}.")
    weight = torch.ones(norm.num_features) if norm.weight is None else norm.weight.detach()
    bias = torch.zeros(norm.num_features) if norm.bias is None else norm.bias.detach()
    b = bias.double().cpu()
    s = weight.double().cpu().abs().clamp(min=1e-30)  # at weight 0 the limit, without a division by zero
    # phi(x) / Phi(-x) = sqrt(2/pi) / erfcx(x / sqrt 2): no underflow for a large x, where phi and Phi are both 0.
    margin = b - s * sqrt(2 / pi) / torch.special.erfcx(b / s / sqrt(2))
    return torch.minimum(margin, b.clamp(max=0)).to(weight)  # the bound takes away the rounding at a large b / s


def batch_margin(t: Tensor) -> Tensor:
    """The mean of the negative entries of each channel of a map (N, C, H, W): (C,), 0 where there are none."""
    negative = t.clamp(max=0)
    total = negative.sum(dim=(2, 3)).sum(dim=0)  # image by image first: half the rounding in float32
    count = -negative.sign().sum(dim=(0, 2, 3))  # of the entries below 0
    return total / count.clamp(min=1)


class OFDLoss(nn.Module):
    """Partial squared distance between the student's pre-ReLU maps, behind connectors, and the teacher's margin ReLU.

    Args:
        student_shapes: (C, H, W) per stage.
        margins: a tensor (C_t,) per stage, of numbers <= 0: `bn_margin` of the teacher's `preact_norms()`. "batch"
            looks only at their lengths.
        variant: "paper" (margins from BN; sum over entries, stages weighted 1/4, 1/2, 1) or "batch" (margins from
            each batch; mean over entries, equal stages).

    Shapes:
        p_s, p_t: sequences of pre-ReLU maps (N, C, H, W), one per stage. Returns a scalar; no gradient reaches p_t.

    Raises:
        ValueError: an unknown variant, margins above 0, unequal numbers of stages, or maps of other channels than
            announced; NaN, or an empty batch.
        TypeError: a tensor instead of a sequence of them, or one that is not floating point.

    Example:
        >>> import torch
        >>> loss = OFDLoss([(16, 8, 8)], [bn_margin(nn.BatchNorm2d(32))])
        >>> loss([torch.randn(2, 16, 8, 8)], [torch.randn(2, 32, 8, 8)]).ndim
        0
        >>> partial_distance(torch.tensor([0.5, -3.0, -1.0]), torch.tensor([-1.0, -1.0, 1.0]))
        tensor([2.2500, 0.0000, 4.0000])
    """

    def __init__(
        self, student_shapes: Sequence[tuple[int, int, int]], margins: Sequence[Tensor], *, variant: str = "paper"
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of OFDLoss", variant, VARIANTS)
        if len(student_shapes) != len(margins) or not student_shapes:
            raise ValueError(
                f"{len(student_shapes)} shapes of the student and {len(margins)} margins; expected the same number, "
                "at least one: a (C, H, W) and a tensor (C_t,) per stage."
            )
        for stage, margin in enumerate(margins):
            if margin.ndim != 1 or not (margin <= 0).all():
                raise ValueError(
                    f"The margins of stage {stage} have shape {tuple(margin.shape)} and a maximum of "
                    f"{margin.max():.3g}; expected one number <= 0 per channel of the teacher, as bn_margin gives."
                )
        self.variant, self.reading, self.equation = variant, VARIANTS[variant], ofd
        self.channels = [(c, len(margin)) for (c, *_), margin in zip(student_shapes, margins, strict=True)]
        self.connectors = nn.ModuleList(pointwise(c_s, c_t) for c_s, c_t in self.channels)
        for stage, margin in enumerate(margins):
            self.register_buffer(f"margin_{stage}", margin.detach().clone())

    def forward(self, p_s: Sequence[Tensor], p_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(p_s, p_t))

    @in_full_precision
    def per_stage(self, p_s: Sequence[Tensor], p_t: Sequence[Tensor]) -> list[Tensor]:
        """The terms of the sum, one scalar per stage, times the variant's weight of that stage."""
        check_maps(p_s, p_t)
        came = [(s.shape[1], t.shape[1]) for s, t in zip(p_s, p_t, strict=True)]
        if came != self.channels:
            raise ValueError(
                f"The maps have (student, teacher) channels {came} per stage; this loss was built for "
                f"{self.channels}. Tap the same stages, or build a new OFDLoss."
            )
        stages = zip(self.connectors, p_s, p_t, strict=True)
        pairs = [match_size(connector(s), t.detach()) for connector, s, t in stages]
        stages = zip(pairs, *self.reading(pairs, self.margins()), strict=True)
        return [weight * self.equation(s, t, m) for (s, t), m, weight in stages]

    def margins(self) -> list[Tensor]:
        """The margins that were given, (C_t,) per stage."""
        return [self.get_buffer(f"margin_{stage}") for stage in range(len(self.channels))]

    def extra_repr(self) -> str:
        return f"variant={self.variant!r}"


Pairs = Sequence[tuple[Tensor, Tensor]]


def of_norms(pairs: Pairs, margins: list[Tensor]) -> tuple[list[Tensor], list[float]]:
    """The margins of the teacher's BN, as given; stage l weighs 2^(l-n+1)."""
    return margins, stage_weights(len(pairs))


def of_batch(pairs: Pairs, margins: list[Tensor]) -> tuple[list[Tensor], list[float]]:
    """The margins of this batch; 1/(CHW) makes a sum over entries their mean."""
    return [batch_margin(t) for _, t in pairs], [1 / t[0].numel() for _, t in pairs]


VARIANTS = {"paper": of_norms, "batch": of_batch}  # margin and weight of each stage


def build(p_s: Sequence[Tensor], p_t: Sequence[Tensor], context: Context, *, variant: str) -> OFDLoss:
    """The margins come from the teacher's batch norms; "batch" can do without them."""
    network: Any = context.teacher
    if variant == "batch":
        margins = [torch.zeros(t.shape[1]) for t in p_t]
    else:
        try:
            margins = [bn_margin(norm) for norm in network.preact_norms()]
        except ValueError as error:
            raise ValueError(f"OFD reads its margins from the teacher's BN. {error} Or: variant='batch'.") from error
    return OFDLoss([(s.shape[1], s.shape[2], s.shape[3]) for s in p_s], margins, variant=variant)


RECIPE = Recipe(
    name="ofd",
    title="Overhaul of Feature Distillation",
    paper="Heo et al., ICCV 2019",
    knowledge="feature",
    tap=lambda f: f.preacts,
    equation=ofd,
    build=build,
    variants={
        "paper": Variant(weight=1e-3, source="the authors' CIFAR-100 runs", blind_to=BATCH),
        "batch": Variant(
            weight=4.1,
            source="derived: the authors' scale on ResNets of 16, 32, 64 channels; 8.2 on WRN-d-2's maps, 16.4 on "
            "resnet-d-x4's",
            blind_to=BATCH,
        ),
    },
)
