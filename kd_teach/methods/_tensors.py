"""What two or more losses share: precision, checks whose errors help, and the few operations that all papers use."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from inspect import signature
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import NotFiniteError

HALVES = (torch.float16, torch.bfloat16)
DEAD = 1e-12  # norm up to which a row counts as zero, as in torch's own normalize


ROLES = {"_s": "student", "_t": "teacher"}  # by the suffix of an argument, as everywhere in the package


def in_full_precision(forward: Callable) -> Callable:
    """Compute a loss in float32, or in float64, whatever autocast or networks of other number formats hand to it.

    All taps come in the format of what the loss has learnt or remembers; without any, float64 if one of them has it. A
    Gram entry of a stage of 16,384 numbers of size 2 is 65,536: beyond float16, and bfloat16 keeps three digits.

    If a value is not finite, a NaN in a tap is named in a NotFiniteError; a search beforehand would read every map
    once more. On the CPU only: elsewhere a look at the value would wait for the device in every step, and
    `kd_teach.train` watches the terms anyway.
    """
    names = list(signature(forward).parameters)[1:]

    @wraps(forward)
    def wrapped(self, *taps, **batch):
        dtype = _common_dtype(self, taps)
        taps = tuple(in_dtype(tap, dtype) for tap in taps)
        device = next(_tensors(taps), torch.empty(0)).device.type  # without any, the checks will say what is wrong
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                value = forward(self, *taps, **batch)
        else:
            value = forward(self, *taps, **batch)
        if device == "cpu" and not torch.compiler.is_compiling() and not _is_finite(value):
            for name, tap in zip(names, taps, strict=False):
                check_finite(tap, ROLES.get(name[-2:], name))
        return value

    return wrapped


def in_float32(tap):
    """A tensor, or a list or tuple of them, in float32 if it came in half precision; anything else as it came."""
    return _each(tap, lambda x: _widened(x, torch.float32) if x.dtype in HALVES else x)


def in_dtype(tap, dtype: torch.dtype):
    """A tensor of floating point, or a list or tuple of them, in `dtype`; anything else as it came."""
    return _each(tap, lambda x: _widened(x, dtype) if x.is_floating_point() else x)


def of_the_next_image(tap):
    """A tensor, or a list or tuple of them, with each row of the batch moved to the row before."""
    return _each(tap, lambda x: x.roll(-1, 0))


def _each(tap, change: Callable[[Tensor], Tensor]):
    if isinstance(tap, Tensor):
        return change(tap)
    whole = hasattr(tap, "_fields")  # Features instead of one of them: the checks will say so
    if whole or not isinstance(tap, (tuple, list)):
        return tap
    return type(tap)(_each(x, change) for x in tap)


def _widened(x: Tensor, dtype: torch.dtype) -> Tensor:
    return _Widened.apply(x, dtype) if x.dtype == torch.float16 else x.to(dtype)


class _Widened(torch.autograd.Function):
    """float16 in a wider format. A gradient beyond float16 (65,504) saturates on its way back, or it would be inf."""

    @staticmethod
    def forward(ctx, x: Tensor, dtype: torch.dtype) -> Tensor:
        return x.to(dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        most = torch.finfo(torch.float16).max
        return grad.clamp(-most, most).half(), None


def _common_dtype(loss: nn.Module, taps: Sequence) -> torch.dtype:
    kept = (x.dtype for x in chain(loss.parameters(), loss.buffers()) if x.is_floating_point())
    dtypes = [dtype] if (dtype := next(kept, None)) else [x.dtype for x in _tensors(taps)]
    return torch.float64 if torch.float64 in dtypes else torch.float32


def _tensors(taps) -> Iterator[Tensor]:
    for tap in taps:
        if isinstance(tap, Tensor):
            yield tap
        elif isinstance(tap, (tuple, list)):
            yield from _tensors(tap)


def _is_finite(value) -> bool:
    if isinstance(value, Tensor):
        return value.ndim > 0 or math.isfinite(value.detach())
    return all(map(_is_finite, value))


def check_finite(tap: Tensor | Sequence[Tensor], role: str) -> None:
    """Refuse NaN and infinity in a tensor, or in a sequence of them."""
    for tensor in [tap] if isinstance(tap, Tensor) else tap:
        if bad := int((~tensor.isfinite()).sum()):
            raise NotFiniteError(
                f"The {role}'s features hold {bad} NaN or infinite values of {tensor.numel()}; expected finite ones. "
                "Look for a learning rate that is too high, or images that were not normalised."
            )


def check_pair(student: Tensor, teacher: Tensor, *, what: str, ndim: int, at_least: int = 1) -> None:
    """Refuse a pair of batches that no loss could compare.

    Args:
        student, teacher: tensors (N, ...) of `ndim` dimensions with the same N >= `at_least` and a floating dtype.
        what: their name in the error, such as "logits" or "feature map".
    """
    for role, tensor in (("student", student), ("teacher", teacher)):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"The {role}'s {what} is a {type(tensor).__name__}; expected one tensor of {ndim} dimensions."
            )
        if tensor.ndim != ndim:
            raise ValueError(
                f"The {role}'s {what} has shape {tuple(tensor.shape)}; expected {ndim} dimensions. "
                "The first is the batch: add it with x[None] if you pass a single sample."
            )
        if not tensor.is_floating_point():
            raise TypeError(f"The {role}'s {what} has dtype {tensor.dtype}; expected floating point: call .float().")
        if tensor.numel() == 0:
            raise ValueError(
                f"The {role}'s {what} is empty, shape {tuple(tensor.shape)}; expected at least one sample."
            )
    if len(student) != len(teacher):
        raise ValueError(
            f"Student and teacher saw different batches: {len(student)} and {len(teacher)} samples of {what}; "
            "run both networks on the same images."
        )
    if len(student) < at_least:
        raise ValueError(
            f"A batch of {len(student)} is too small: this loss compares samples with each other and needs at least "
            f"{at_least}. Use a larger batch, and drop the last ragged one of an epoch."
        )


def check_maps(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> None:
    """Refuse two sequences of feature maps (N, C, H, W) that cannot be compared one by one."""
    for role, maps in (("student", student), ("teacher", teacher)):
        if isinstance(maps, Tensor) or not isinstance(maps, Sequence):
            raise TypeError(
                f"The {role}'s feature maps came as a {type(maps).__name__}; expected a sequence of them, "
                "one (N, C, H, W) tensor per stage. Wrap a single one: [f]."
            )
    if len(student) != len(teacher) or not student:
        raise ValueError(
            f"The student shows {len(student)} feature maps and the teacher {len(teacher)}; expected the same number, "
            "at least one. Tap the same stages of both."
        )
    for stage, (f_s, f_t) in enumerate(zip(student, teacher, strict=True)):
        check_pair(f_s, f_t, what=f"feature map of stage {stage}", ndim=4)


def match_size(f_s: Tensor, f_t: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps (N, C, H, W) on the smaller of their grids: the larger is pooled by averages."""
    h, w = map(min, f_s.shape[2:], f_t.shape[2:])
    s, t = (f if f.shape[2:] == (h, w) else F.adaptive_avg_pool2d(f, (h, w)) for f in (f_s, f_t))
    return s, t


def unit(x: Tensor, dim: int = -1) -> Tensor:
    """`x` divided by its Euclidean norm along `dim`; half precision is widened first.

    A zero row (a dead channel, a black image) stays zero and gets no gradient. Plain division would make it NaN, and
    a clamped norm (`F.normalize`) would send it a gradient of 1e12.
    """
    return _Unit.apply(in_float32(x), dim)


class _Unit(torch.autograd.Function):
    """With u = x / |x|, the gradient g at u is (g - u (g.u)) / |x| at x: its part along u would only change the length.

    Written out, it costs less than autograd's way back through norm, choice and division.
    """

    @staticmethod
    def forward(ctx, x: Tensor, dim: int) -> Tensor:
        u = x / _length(x, dim)
        ctx.save_for_backward(x, u)
        ctx.dim = dim
        return u

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        x, u = ctx.saved_tensors
        along = (grad * u).sum(ctx.dim, keepdim=True)
        # The length again from x, not kept from the forward pass: else a second derivative would take it for constant.
        return torch.addcmul(grad, u, along, value=-1) / _length(x, ctx.dim), None


def _length(x: Tensor, dim: int) -> Tensor:
    """The norm along `dim`, infinite for rows that count as zero."""
    norm = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    return torch.where(norm > DEAD, norm, torch.inf)
