r"""Flow of Solution Procedure (FSP): teach the step from one layer to the next.

Paper     Yim, Joo, Bae & Kim, "A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and
          Transfer Learning", CVPR 2017.
Idea      How a network gets from one map to the next is summed up by which channel of the first goes together with
          which of the second. A student that starts from the teacher's steps learns its task faster.
Equation  G(F, F')[i, j] = 1/hw sum over places of F[i] F'[j],   L = 1/N sum_n sum over pairs || G_t[n] - G_s[n] ||^2
          phase "initialise": L alone, phase "task": labels alone. The pairs are (stem, f1), (f1, f2), (f2, f3).
Shapes    F (N, m, h, w), F' (N, n, h, w) -> G (N, m, n). The larger map of a pair is pooled to the smaller grid, the
          paper's way by maxima (unverified). Student and teacher need equal channels, not equal grids.
Not       a Gram matrix: the two maps are of different layers, G is usually not square.
Differs   RepDistiller ("repdistiller" here) pools by averages, takes the mean over the entries of G, and stores it
          transposed. Its flag -b 50 has no effect: the loss is used in the first phase only, with weight 1.
          "adapter" is not in the paper: 1x1 convolutions bring the student's maps to the teacher's widths. What is
          lost: they may learn part of the flow themselves, G_t = A G_s B' has solutions with a wrong G_s, and they
          are thrown away after the first phase together with what they have learnt.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import check_maps, in_float32, in_full_precision
from kd_teach.methods.changes import POOLED
from kd_teach.methods.recipe import Distilling, Phase, Recipe, Variant, initialise_then_task


def flow(f1: Tensor, f2: Tensor) -> Tensor:
    """The step from one map to the next, on one grid: f1 (N, m, h, w), f2 (N, n, h, w) -> G (N, m, n)."""
    h, w = f1.shape[2:]
    # G[i, j] = 1/hw sum over places of F[i] F'[j]
    return f1.flatten(2) @ f2.flatten(2).mT / (h * w)


def fsp(f1_s: Tensor, f2_s: Tensor, f1_t: Tensor, f2_t: Tensor) -> Tensor:
    """L of one pair of layers, the paper's; all four maps as for `flow`."""
    # 1/N sum_n || G_t[n] - G_s[n] ||^2
    gap = flow(f1_t, f2_t) - flow(f1_s, f2_s)
    return gap.square().sum(dim=(1, 2)).mean()


def mean_fsp(f1_s: Tensor, f2_s: Tensor, f1_t: Tensor, f2_t: Tensor) -> Tensor:
    """RepDistiller's: the mean over the entries of G instead of their sum."""
    gap = flow(f1_t, f2_t) - flow(f1_s, f2_s)
    return gap.square().mean()


VARIANTS: dict[
    str, tuple[Callable[..., Tensor], Callable[..., Tensor]]
] = {  # how the larger map of a pair is pooled, how two flows are compared
    "paper": (F.adaptive_max_pool2d, fsp),
    "repdistiller": (F.adaptive_avg_pool2d, mean_fsp),
    "adapter": (F.adaptive_max_pool2d, fsp),
}


def on_one_grid(f1: Tensor, f2: Tensor, pool: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    """A pair of maps (N, C, H, W), of which `pool(f, (h, w))` brings the larger to the smaller grid."""
    grid = tuple(map(min, f1.shape[2:], f2.shape[2:]))
    first, second = (f if f.shape[2:] == grid else pool(f, grid) for f in (f1, f2))
    return first, second


def fsp_matrix(f1: Tensor, f2: Tensor, *, pool: Callable[..., Tensor] = F.adaptive_max_pool2d) -> Tensor:
    """`flow` of two maps on any grids, in float32: (N, m, h, w), (N, n, h', w') -> (N, m, n)."""
    return flow(*on_one_grid(in_float32(f1), in_float32(f2), pool))


class FSPLoss(nn.Module):
    """Squared distance between the flow matrices of student and teacher, summed over pairs of consecutive maps.

    Args:
        variant: "paper" (max pooling, sum over entries), "repdistiller" (average pooling, mean over entries) or
            "adapter" (the paper's, behind a learnt 1x1 convolution wherever the widths differ).
        student_channels, teacher_channels: widths of the maps, in order. "adapter" needs them; the others use them to
            refuse a pair of networks before its first batch.

    Shapes:
        f_s, f_t: sequences of at least two maps (N, C, H, W) such as (stem, *stages). Returns a scalar; no gradient
        reaches f_t.

    Raises:
        ValueError: an unknown variant, widths that differ without an adapter, a single map, maps of other widths than
            announced; different numbers of maps, different batches, NaN, or an empty batch.
        TypeError: a tensor instead of a sequence of them, or one that is not floating point.

    Example:
        >>> import torch
        >>> ones = torch.ones(1, 2, 4, 4)
        >>> FSPLoss()([ones, ones], [ones, 3 * ones])  # G = 1 and 3, 2 x 2 entries
        tensor(16.)
        >>> FSPLoss(variant="repdistiller")([ones, ones], [ones, 3 * ones])
        tensor(4.)
    """

    def __init__(
        self,
        *,
        variant: str = "paper",
        student_channels: Sequence[int] | None = None,
        teacher_channels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of FSPLoss", variant, VARIANTS)
        self.variant = variant
        self.pool, self.equation = VARIANTS[variant]
        self.channels = None
        if student_channels is not None and teacher_channels is not None:
            self.channels = tuple(student_channels), tuple(teacher_channels)
        self.adapters = nn.ModuleList()
        if variant == "adapter":
            if self.channels is None:
                raise ValueError("The adapter variant must know the widths: pass student_channels, teacher_channels.")
            if len(self.channels[0]) != len(self.channels[1]):
                raise ValueError(
                    f"FSP compares step by step: the student has {len(self.channels[0])} maps and the teacher "
                    f"{len(self.channels[1])}; tap as many of the one as of the other."
                )
            self.adapters.extend(_adapter(c_s, c_t) for c_s, c_t in zip(*self.channels, strict=True))
        elif self.channels is not None:
            _check_equal(*self.channels)

    def forward(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(f_s, f_t))

    @in_full_precision
    def per_stage(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> list[Tensor]:
        """The terms of the sum, one scalar per pair of consecutive maps."""
        check_maps(f_s, f_t)
        if len(f_s) < 2:
            raise ValueError("FSP compares steps between maps but got one map; pass several, such as (stem, *stages).")
        widths = tuple(tuple(f.shape[1] for f in maps) for maps in (f_s, f_t))
        if not self.adapters:
            _check_equal(*widths)
        elif self.channels is not None and widths != self.channels:
            raise ValueError(
                f"The maps have widths {widths[0]} (student) and {widths[1]} (teacher); this loss was built for "
                f"{self.channels[0]} and {self.channels[1]}. Tap the same maps, or build a new FSPLoss."
            )
        if self.adapters:
            f_s = [adapt(f) for adapt, f in zip(self.adapters, f_s, strict=True)]
        steps = zip(pairwise(f_s), pairwise(f.detach() for f in f_t), strict=True)
        return [self.equation(*on_one_grid(*s, self.pool), *on_one_grid(*t, self.pool)) for s, t in steps]

    def extra_repr(self) -> str:
        return f"variant={self.variant!r}"


def _check_equal(student: Sequence[int], teacher: Sequence[int]) -> None:
    if tuple(student) != tuple(teacher):
        raise ValueError(
            f"FSP compares channel by channel: the student's widths {tuple(student)} must equal the teacher's "
            f"{tuple(teacher)}; choose a student of the same widths, or variant='adapter'."
        )


def _adapter(c_s: int, c_t: int) -> nn.Module:
    """Nothing where the widths agree: what an adapter can learn, the student need not."""
    if c_s == c_t:
        return nn.Identity()
    conv = nn.Conv2d(c_s, c_t, kernel_size=1, bias=False)
    nn.init.orthogonal_(conv.weight)  # towards a wider teacher the flow starts turned, but of unchanged size
    return conv


def flow_then_task(run: Distilling) -> list[Phase]:
    """Stem and stages under FSP alone, then the whole student on the labels alone."""
    last = len(run.loss.channels[0]) - 2  # the stem is no stage
    return initialise_then_task(run, run.student.lower(last))


def mean_flow_then_task(run: Distilling) -> list[Phase]:
    """`flow_then_task`, the paper's sum over the entries of a flow matrix brought to their mean."""
    first, second = flow_then_task(run)
    sizes = [m * n for m, n in pairwise(run.loss.channels[1])]
    # The sum grows with the square of the widths: at our learning rate a wide network would diverge.
    return [replace(first, weights={"distil": run.weight * len(sizes) / sum(sizes)}), second]


RECIPE = Recipe(
    name="fsp",
    title="Flow of Solution Procedure",
    paper="Yim et al., CVPR 2017",
    knowledge="feature",
    tap=lambda f: (f.stem, *f.stages),
    build=lambda f_s, f_t, context, *, variant: FSPLoss(
        variant=variant,
        student_channels=[f.shape[1] for f in f_s],
        teacher_channels=[f.shape[1] for f in f_t],
    ),
    equation=fsp,
    variants={
        "paper": Variant(
            weight=1.0,
            phases=mean_flow_then_task,
            source="RepDistiller's weight, on the paper's sum brought to a mean",
            blind_to=POOLED,
        ),
        "repdistiller": Variant(
            weight=1.0,
            phases=flow_then_task,
            source="RepDistiller's CIFAR-100 runs (their -b 50 has no effect)",
            blind_to=POOLED,
            equation=mean_fsp,
        ),
        "adapter": Variant(
            weight=1.0, phases=mean_flow_then_task, source="as the paper's variant; not tuned", blind_to=POOLED
        ),
    },
)
