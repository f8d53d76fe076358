r"""Attention Transfer (AT): ask the student to look where the teacher looks.

Paper     Zagoruyko & Komodakis, "Paying More Attention to Attention: Improving the Performance of Convolutional
          Neural Networks via Attention Transfer", ICLR 2017. https://arxiv.org/abs/1612.03928
Idea      The energy over channels shows which places a stage reacts to. Match that map, not the channels.
Equation  Q(f) = vec(sum_c |f_c|^p)  (or max_c),
          L = sum over stages of 1/N sum_n || Q_s[n] / |Q_s[n]| - Q_t[n] / |Q_t[n]| ||
          All norms are Euclidean; the paper's beta / 2 is the weight.
          The extra, "gradient":  L = 1/N sum_n || dCE_s/dx[n] - dCE_t/dx[n] ||, x the images
Shapes    f (N, C, H, W) -> Q (N, HW) -> scalar. Channels may differ; the larger map is pooled first, by averages.
Differs   The authors' code, and RepDistiller after it ("repdistiller" here), takes the mean of squares over all N HW
          entries, |d|^2 / HW instead of |d|: a stage at 8x8 counts 16 times one at 32x32, and where student and
          teacher nearly agree the pull fades. They leave out the absolute value, so an odd p would cancel on
          signed maps (WRN); at their p = 2 the value is the one here. Their mean over channels cancels in Q / |Q|.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import number
from kd_teach.data import Batch
from kd_teach.methods._tensors import check_maps, in_float32, in_full_precision, match_size, unit
from kd_teach.methods.changes import BATCH, MIRRORS, SCALES
from kd_teach.methods.recipe import Context, Phase, Recipe, Terms, Variant


def power(f: Tensor, p: float) -> Tensor:
    """|f|^p, entry by entry, with gradient 0 where f is 0: ReLU maps are full of zeros."""
    if p >= 1:
        return f.pow(p) if p % 2 == 0 else f.abs().pow(p)  # an even power leaves no sign
    # the slope at 0 is infinite: zeros go around it
    alive = f != 0
    return torch.where(alive, f, 1.0).abs().pow(p) * alive


def attention(f: Tensor, p: float) -> Tensor:
    """Where a feature map (N, C, H, W) has energy: unit vectors (N, HW), all entries >= 0. A black map gives zeros."""
    # Q(f) = vec(sum_c |f_c|^p)
    Q = power(f, p).sum(dim=1).flatten(1)
    # Q / |Q|
    return unit(Q)


def peaks(f: Tensor, p: float) -> Tensor:
    """The paper's other map: the strongest channel of each place. f (N, C, H, W) -> (N, HW)."""
    # Q(f) = vec(max_c |f_c|^p)
    Q = power(f, p).amax(dim=1).flatten(1)
    # Q / |Q|
    return unit(Q)


def mean_norm(a: Tensor, b: Tensor) -> Tensor:
    """1/N sum_n ||a[n] - b[n]||: (N, ...) -> scalar. Of dCE_s/dx and dCE_t/dx it is the loss "gradient"."""
    # where the two agree the gradient is 0, as torch's norm has it
    return torch.linalg.vector_norm((a - b).flatten(1), dim=1).mean()


def at(f_s: Tensor, f_t: Tensor, p: float, q: Callable[[Tensor, float], Tensor]) -> Tensor:
    """L of one stage: f_s (N, C, H, W) and f_t (N, C', H, W), the map q (`attention` or `peaks`) -> scalar."""
    # L = 1/N sum_n || Q_s[n] / |Q_s[n]| - Q_t[n] / |Q_t[n]| ||
    return mean_norm(q(f_s, p), q(f_t, p))


def at_squares(f_s: Tensor, f_t: Tensor, p: float, q: Callable[[Tensor, float], Tensor]) -> Tensor:
    """RepDistiller's L of one stage; arguments as those of `at`."""
    # L = 1/(N HW) sum_n || Q_s[n] / |Q_s[n]| - Q_t[n] / |Q_t[n]| ||^2
    return (q(f_s, p) - q(f_t, p)).square().mean()


MAPS = {"sum": attention, "max": peaks}
VARIANTS = {"paper": at, "repdistiller": at_squares}


def attention_map(f: Tensor, p: float = 2, map: str = "sum") -> Tensor:
    """The attention map of feature maps (N, C, H, W) in any precision: unit vectors (N, HW).

    Args:
        p: power of |f|; the larger, the more the map keeps of its peaks only.
        map: how channels are put together, "sum" or "max".

    Raises:
        ValueError: p that is not a positive number, or an unknown map.
    """
    _check(p, map)
    return MAPS[map](_in_range(in_float32(f), p), p)


def _in_range(f: Tensor, p: float) -> Tensor:
    """High powers would leave float32's range: there every sample's largest entry becomes 1; its scale cancels."""
    if p <= 2:
        return f
    return f / f.detach().abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=torch.finfo(f.dtype).tiny)


def _check(p: float, map: str) -> None:
    number("p, the power of an attention map,", p, 0, above=True)  # 2 is common
    if map not in MAPS:
        raise unknown("attention map", map, MAPS)


class ATLoss(nn.Module):
    """Distance between the attention maps of student and teacher, summed over stages.

    Args:
        p, map: which attention map, see `attention_map`.
        variant: "paper" (Euclidean distance per image) or "repdistiller" (mean of squares).

    Shapes:
        f_s, f_t: sequences of maps (N, C, H, W), one per stage; C and the grids may differ. Returns a scalar; no
        gradient reaches f_t. At most sqrt(2) per stage, or 2 / HW in "repdistiller", for maps without overlap.

    Raises:
        ValueError: a bad p, map or variant; different numbers of maps, different batches, NaN, or an empty batch.
        TypeError: a tensor instead of a sequence of them, or one that is not floating point.

    Example:
        >>> import torch
        >>> left, right = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0]]]])  # one image, 1 x 1 x 2
        >>> ATLoss()([left], [right])
        tensor(1.4142)
        >>> ATLoss(variant="repdistiller")([left], [right])
        tensor(1.)
    """

    def __init__(self, *, p: float = 2, map: str = "sum", variant: str = "paper") -> None:
        super().__init__()
        _check(p, map)
        if variant not in VARIANTS:
            raise unknown("variant of ATLoss", variant, VARIANTS)
        self.p, self.map, self.variant = p, map, variant
        self.equation = VARIANTS[variant]

    def forward(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(f_s, f_t))

    @in_full_precision
    def per_stage(self, f_s: Sequence[Tensor], f_t: Sequence[Tensor]) -> list[Tensor]:
        """The terms of the sum, one scalar per stage."""
        check_maps(f_s, f_t)
        pairs = [match_size(s, t.detach()) for s, t in zip(f_s, f_t, strict=True)]
        return [self.equation(_in_range(s, self.p), _in_range(t, self.p), self.p, MAPS[self.map]) for s, t in pairs]

    def extra_repr(self) -> str:
        return f"p={self.p}, map={self.map!r}, variant={self.variant!r}"


class GradientATLoss(nn.Module):
    """Distance between two gradients with respect to the same images: the paper's second kind of attention.

    Nothing is normalised: the size of the gradient is part of what the student learns.

    Shapes:
        g_s, g_t: sequences of (N, C, H, W) of equal shapes, usually one `input_gradient` (N, 3, H, W) each.
        Returns a scalar; no gradient reaches g_t.

    Raises:
        ValueError, TypeError: as `ATLoss`; also a ValueError for different shapes.

    Example:
        >>> import torch
        >>> GradientATLoss()([torch.zeros(2, 3, 4, 4)], [torch.ones(2, 3, 4, 4)])
        tensor(6.9282)
    """

    equation = staticmethod(mean_norm)

    def forward(self, g_s: Sequence[Tensor], g_t: Sequence[Tensor]) -> Tensor:
        return sum(self.per_stage(g_s, g_t))

    @in_full_precision
    def per_stage(self, g_s: Sequence[Tensor], g_t: Sequence[Tensor]) -> list[Tensor]:
        """The terms of the sum, one scalar per pair."""
        check_maps(g_s, g_t)
        for s, t in zip(g_s, g_t, strict=True):
            if s.shape != t.shape:
                raise ValueError(
                    f"Gradient-based AT compares channel by channel: student {tuple(s.shape[1:])} must equal "
                    f"teacher {tuple(t.shape[1:])} (C, H, W). Pass gradients with respect to the same images."
                )
        return [self.equation(s, t.detach()) for s, t in zip(g_s, g_t, strict=True)]


def input_gradient(logits: Tensor, images: Tensor, labels: Tensor, *, create_graph: bool = False) -> Tensor:
    """dCE/dx of every image, (N, 3, H, W); `images` must have required a gradient before the forward pass.

    The sum over the batch, not the mean: what one image gets must not depend on how many others there are.
    """
    cross_entropy = F.cross_entropy(logits, labels, reduction="sum")
    return torch.autograd.grad(cross_entropy, images, create_graph=create_graph)[0]


def match_input_gradients(run) -> list[Phase]:
    """One phase whose objective runs both networks itself, on images that require a gradient.

    The loop's own forward passes are switched off: a second one in train mode would also update the student's batch
    norms twice per step. In float32 whatever the loop's precision, since the gradient is differentiated again.
    """

    def objective(s: None, t: None, batch: Batch) -> Terms:
        images = batch.images.detach().requires_grad_()
        s, t = run.student(images), run.teacher(images)
        g_s = input_gradient(s.logits, images, batch.labels, create_graph=True)
        g_t = input_gradient(t.logits, images, batch.labels)
        return run.task(s, t.detach(), batch) | {"distil": run.loss([g_s], [g_t])}

    return [
        Phase("distil", [run.student, run.loss], objective, run.weights, student_runs=False, teacher_runs=False),
    ]


LOSSES: dict[str, Callable[..., nn.Module]] = {
    "paper": ATLoss,
    "repdistiller": partial(ATLoss, variant="repdistiller"),
    "gradient": GradientATLoss,
}


def build(f_s: Sequence[Tensor], f_t: Sequence[Tensor], context: Context, *, variant: str, **options) -> nn.Module:
    """The loss of a variant; the gradient-based one takes no options."""
    if variant not in LOSSES:
        raise unknown("variant of AT", variant, LOSSES)
    return LOSSES[variant](**options)


RECIPE = Recipe(
    name="at",
    title="Attention Transfer",
    paper="Zagoruyko & Komodakis, ICLR 2017",
    knowledge="feature",
    tap=lambda f: f.stages,
    build=build,
    equation=at,
    variants={
        "paper": Variant(
            weight=10.0,
            source="gradient as large as the repdistiller variant's (9 to 15: resnet8 under the shipped resnet20, its "
            "first 25 steps); not tuned",
            blind_to=MIRRORS | SCALES | BATCH,
        ),
        "repdistiller": Variant(
            weight=1000.0,
            source="RepDistiller's CIFAR-100 runs",
            blind_to=MIRRORS | SCALES | BATCH,
            equation=at_squares,
        ),
        "gradient": Variant(
            weight=2.0,
            phases=match_input_gradients,
            source="gradient as large as cross-entropy's (1.2 to 3.4, measured likewise); not tuned, none known",
            blind_to=BATCH,
            equation=mean_norm,
        ),
    },
)
