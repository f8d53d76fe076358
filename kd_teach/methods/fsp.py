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
from functools import reduce
from itertools import pairwise
from operator import add

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import check_maps, in_float32, in_full_precision
from kd_teach.methods.changes import POOLED
from kd_teach.methods.recipe import Phase, Recipe, Variant, initialise_then_task


def average_pool(f: Tensor, grid: tuple[int, int]) -> Tensor:
    """`F.adaptive_avg_pool2d`, on the CPU three times as fast where every cell holds equally many rows and columns."""
    (high, wide), (h, w) = f.shape[2:], grid
    if high % h or wide % w:
        return F.adaptive_avg_pool2d(f, grid)
    rows = reduce(add, f.unflatten(2, (h, -1)).unbind(3))  # (N, C, h, wide)
    cells = reduce(add, rows.unflatten(3, (w, -1)).unbind(4))  # (N, C, h, w)
    return cells * (h * w / (high * wide))


def max_pool(f: Tensor, grid: tuple[int, int]) -> Tensor:
    """`F.adaptive_max_pool2d`, faster likewise; most of all for a map without gradient, which keeps no places."""
    (high, wide), (h, w) = f.shape[2:], grid
    if high % h or wide % w:
        return F.adaptive_max_pool2d(f, grid)
    if f.requires_grad and torch.is_grad_enabled():
        return F.max_pool2d(f, (high // h, wide // w))
    rows = reduce(torch.maximum, f.unflatten(2, (h, -1)).unbind(3))  # (N, C, h, wide)
    return reduce(torch.maximum, rows.unflatten(3, (w, -1)).unbind(4))  # (N, C, h, w)


def fsp_matrix(f1: Tensor, f2: Tensor, *, pool: Callable[..., Tensor] = max_pool) -> Tensor:
    """Mean over places of the products of two maps' channels: (N, m, h, w), (N, n, h', w') -> (N, m, n).

    `pool(f, (h, w))` brings the larger map to the smaller grid.
    """
    f1, f2 = in_float32(f1), in_float32(f2)
    h, w = map(min, f1.shape[2:], f2.shape[2:])
    f1, f2 = (f if f.shape[2:] == (h, w) else pool(f, (h, w)) for f in (f1, f2))
    return f1.flatten(2) @ f2.flatten(2).mT / (h * w)  # one product of matrices per image, nothing (N, m, n, hw)


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
        if variant not in READINGS:
            raise unknown("variant of FSPLoss", variant, READINGS)
        self.variant = variant
        self.pool, self.reduce = READINGS[variant]
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
        elif widths != self.channels:
            raise ValueError(
                f"The maps have widths {widths[0]} (student) and {widths[1]} (teacher); this loss was built for "
                f"{self.channels[0]} and {self.channels[1]}. Tap the same maps, or build a new FSPLoss."
            )
        if self.adapters:
            f_s = [adapt(f) for adapt, f in zip(self.adapters, f_s, strict=True)]
        flows_s, flows_t = self._flows(f_s), self._flows([f.detach() for f in f_t])
        return [self.reduce(g_s, g_t) for g_s, g_t in zip(flows_s, flows_t, strict=True)]

    def _flows(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [fsp_matrix(f1, f2, pool=self.pool) for f1, f2 in pairwise(maps)]

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


def square_per_sample(g_s: Tensor, g_t: Tensor) -> Tensor:
    """1/N sum_n ||g_t[n] - g_s[n]||^2 with the Frobenius norm."""
    return F.mse_loss(g_s, g_t, reduction="sum") / len(g_t)


READINGS = {  # how a map is pooled, how two flows are compared
    "paper": (max_pool, square_per_sample),
    "repdistiller": (average_pool, F.mse_loss),
    "adapter": (max_pool, square_per_sample),
}


def flow_then_task(run) -> list[Phase]:
    """Stem and stages under FSP alone, then the whole student on the labels alone."""
    last = len(run.loss.channels[0]) - 2  # the stem is no stage
    return initialise_then_task(run, run.student.lower(last))


def mean_flow_then_task(run) -> list[Phase]:
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
        ),
        "adapter": Variant(
            weight=1.0, phases=mean_flow_then_task, source="as the paper's variant; not tuned", blind_to=POOLED
        ),
    },
)
