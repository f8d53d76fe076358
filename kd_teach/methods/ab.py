r"""Activation Boundaries (AB): before the task, learn on which side of its boundary each neuron stands.

Paper     Heo, Lee, Yun & Choi, "Knowledge Transfer via Distillation of Activation Boundaries Formed by Hidden
          Neurons", AAAI 2019. https://arxiv.org/abs/1811.03233
Idea      Whether a neuron fires splits the images in two; a layer's neurons together draw the regions in which the
          network is linear. The student copies whether the teacher's neurons fire, not how strongly. Counting the
          differences has no gradient, so each neuron is pushed to its side, up to a margin beyond the boundary.
Equation  L = 1/N sum over samples, stages and neurons of
              max(0, mu - r(s))^2   where t > 0: the student's should fire
              max(0, mu + r(s))^2   where t <= 0: it should not
          phase "initialise": L alone, phase "task": labels alone (the paper: or KD; add with_kd).
Shapes    s, t (N, C, H, W) BEFORE their ReLU, one per stage -> scalar. A rectified teacher would do, its zeros count
          as inactive; a rectified student cannot go below 0 and keeps mu^2 per inactive neuron.
Connector r: nothing where the widths agree, else a 1x1 convolution without bias and batch norm. It is thrown away
          after the first phase. On unequal grids the larger map is pooled by averages: then t > 0 asks whether the
          neuron fires on average.
Differs   RepDistiller ("repdistiller" here, the scale of the authors' code) weighs the stages 1/4, 1/2, 1 and all by
          3/1000; its connector stands wherever any size differs, brings grids together itself (the regressor of
          FitNets, with a bias that the batch norm behind it cancels: it never moves) and has no ReLU. In its runs the
          network's last BN (WRN) stays in eval mode during the first phase; ours learns. The authors' CIFAR demo runs
          the teacher in train mode, its second phase minimises KD alone. Other code takes a mean over neurons and
          mu = 2.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import number
from kd_teach.methods._tensors import check_finite, check_maps, in_full_precision, match_size
from kd_teach.methods.changes import BATCH
from kd_teach.methods.fitnet import regressor
from kd_teach.methods.recipe import Recipe, Variant, initialise_then_task


def ab(s: Tensor, t: Tensor, mu: float) -> Tensor:
    """L of one stage: s, t (N, C, H, W) before their ReLU, s behind its connector -> scalar."""
    # 1/N sum over samples and neurons of the hinge
    return hinge(s, t, mu).sum() / len(s)


def hinge(s: Tensor, t: Tensor, mu: float) -> Tensor:
    """What each neuron costs: elementwise, of the shape of s."""
    # max(0, mu - s)^2 where the teacher fires, t > 0; max(0, mu + s)^2 where it does not
    side = 2 * (t > 0).to(s) - 1  # the label, +1 or -1, of a support vector machine in each neuron
    return F.relu(mu - side * s).square()


def sign_agreement(p_s: Sequence[Tensor], p_t: Sequence[Tensor]) -> Tensor:
    """Per stage the share (0..1) of neurons on the same side: both fire (> 0), or neither; a tensor (stages,).

    Takes pre-ReLU maps of equal channels, such as `ABLoss.connect` gives; the larger grid is pooled by averages.
    """
    check_maps(p_s, p_t)
    pairs = [match_size(s.detach(), t.detach()) for s, t in zip(p_s, p_t, strict=True)]
    for stage, (s, t) in enumerate(pairs):
        if s.shape != t.shape:
            raise ValueError(
                f"Stage {stage} has {s.shape[1]} channels in the student and {t.shape[1]} in the teacher; neurons are "
                "compared one by one: pass the maps that ABLoss.connect gives."
            )
    return torch.stack([((s > 0) == (t > 0)).float().mean() for s, t in pairs])


class ABLoss(nn.Module):
    """Squared hinge that brings the student's neurons to the teacher's sides of their boundaries.

    Args:
        student_shapes, teacher_shapes: (C, H, W) per stage.
        margin: mu > 0, how far beyond the boundary a neuron is left in peace.
        variant: "paper" (sum over neurons and stages) or "repdistiller" (stages weighted 1/4, 1/2, 1, times 3/1000;
            a connector that bridges grids too).

    Shapes:
        p_s, p_t: sequences of pre-ReLU maps (N, C, H, W), one per stage. Returns a scalar; no gradient reaches p_t.

    Raises:
        ValueError: an unknown variant, a margin that is not positive, unequal numbers of stages, sizes that no
            connector bridges, or maps of other channels than announced; NaN, or an empty batch.
        TypeError: a tensor instead of a sequence of them, or one that is not floating point.

    Example:
        >>> import torch
        >>> s = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0]).reshape(1, 5, 1, 1)
        >>> loss = ABLoss([(5, 1, 1)], [(5, 1, 1)])
        >>> loss([s], [torch.zeros(1, 5, 1, 1)])  # 0 + 0.25 + 1 + 2.25 + 9
        tensor(12.5000)
    """

    def __init__(
        self,
        student_shapes: Sequence[tuple[int, int, int]],
        teacher_shapes: Sequence[tuple[int, int, int]],
        *,
        margin: float = 1.0,
        variant: str = "paper",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of ABLoss", variant, VARIANTS)
        if len(student_shapes) != len(teacher_shapes) or not student_shapes:
            raise ValueError(
                f"{len(student_shapes)} shapes of the student and {len(teacher_shapes)} of the teacher; expected the "
                "same number, at least one: a (C, H, W) per stage."
            )
        self.margin = number("margin", margin, 0, above=True)  # 1 in the authors' runs
        self.variant, self.equation = variant, ab
        connect, weigh = VARIANTS[variant]
        shapes = list(zip(student_shapes, teacher_shapes, strict=True))
        self.channels = [(s[0], t[0]) for s, t in shapes]
        self.connectors = nn.ModuleList(connect(s, t) for s, t in shapes)
        self.stage_weights = weigh(len(shapes))

    def forward(self, p_s: Sequence[Tensor], p_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(p_s, p_t))

    @in_full_precision
    def per_stage(self, p_s: Sequence[Tensor], p_t: Sequence[Tensor]) -> list[Tensor]:
        """The terms of the sum, one scalar per stage, times the variant's weight of that stage."""
        stages = zip(self.stage_weights, *self.connect(p_s, p_t), strict=True)
        return [weight * self.equation(s, t, self.margin) for weight, s, t in stages]

    @in_full_precision
    def connect(self, p_s: Sequence[Tensor], p_t: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The maps that are compared: the student's behind its connectors and the teacher's, detached, on one grid."""
        check_maps(p_s, p_t)
        came = [(s.shape[1], t.shape[1]) for s, t in zip(p_s, p_t, strict=True)]
        if came != self.channels:
            raise ValueError(
                f"The maps have (student, teacher) channels {came} per stage; this loss was built for "
                f"{self.channels}. Tap the same stages, or build a new ABLoss."
            )
        if not all(math.isfinite(t.detach().sum()) for t in p_t):
            check_finite(p_t, "teacher")  # a NaN would not show in the value: it counts as silent
        stages = zip(self.connectors, p_s, p_t, strict=True)
        pairs = [match_size(connector(s), t.detach()) for connector, s, t in stages]
        return [s for s, _ in pairs], [t for _, t in pairs]

    def extra_repr(self) -> str:
        return f"margin={self.margin}, variant={self.variant!r}"


Shape = tuple[int, int, int]


def pointwise(c_s: int, c_t: int) -> nn.Module:
    """The authors' connector: a 1x1 convolution and batch norm, no ReLU behind them."""
    return nn.Sequential(nn.Conv2d(c_s, c_t, kernel_size=1, bias=False), nn.BatchNorm2d(c_t))


def connect_widths(student: Shape, teacher: Shape) -> nn.Module:
    """Nothing where the widths agree."""
    return nn.Identity() if student[0] == teacher[0] else pointwise(student[0], teacher[0])


def connect_shapes(student: Shape, teacher: Shape) -> nn.Module:
    """RepDistiller's: nothing where the shapes agree, else a convolution that also changes the grid, and batch norm."""
    if student == teacher:
        return nn.Identity()
    return nn.Sequential(regressor(student, teacher, strided=True), nn.BatchNorm2d(teacher[0]))


def stage_weights(stages: int) -> list[float]:
    """1 for the last stage, half as much for each before: where stages halve in size, all weigh the same."""
    return [2.0 ** (stage - stages + 1) for stage in range(stages)]


VARIANTS = {  # the connector, the weight of each stage
    "paper": (connect_widths, lambda stages: [1.0] * stages),
    "repdistiller": (connect_shapes, lambda stages: [3 / 1000 * weight for weight in stage_weights(stages)]),
}

RECIPE = Recipe(
    name="ab",
    title="Activation Boundaries",
    paper="Heo et al., AAAI 2019",
    knowledge="feature",
    tap=lambda f: f.preacts,
    equation=ab,
    build=lambda p_s, p_t, context, **options: ABLoss(
        [s.shape[1:] for s in p_s], [t.shape[1:] for t in p_t], **options
    ),
    variants={
        "paper": Variant(
            weight=9 / 7000,
            phases=lambda run: initialise_then_task(run, run.student.below_preacts()),
            source="derived: RepDistiller's value where all neurons stand on their boundary and three stages halve",
            blind_to=BATCH,
        ),
        "repdistiller": Variant(
            weight=1.0,
            phases=lambda run: initialise_then_task(run, run.student.below_preacts()),
            source="RepDistiller's CIFAR-100 runs: 3/1000 inside, their -b 1 has no effect",
            blind_to=BATCH,
        ),
    },
)
