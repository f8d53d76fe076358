"""Sums of squares over whole feature maps, with one walk through memory instead of twenty.

The maps of a stage hold millions of numbers, far more than a CPU's caches. Written in plain tensor operations, a
masked distance reads and writes them once per operation, and again on the way back: nearly all of its time goes into
waiting for memory. `sum_of_squares` cuts the maps into blocks that stay in the cache, does all the operations on one
block before it turns to the next, and finds value and gradient in the same walk.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

BLOCK = 2**17  # numbers per thread, 512 KB: smaller blocks lose more by calling operations than they save in waiting


def sum_of_squares(residual: Callable[..., None], student: Tensor, teacher: Tensor, *per_channel: Tensor) -> Tensor:
    """The sum of residual^2 over all entries of two maps, a scalar; gradients reach the student only.

    Args:
        residual: `residual(s, t, *per_channel, out=r)` fills `r` for one block, elementwise. Where r is not zero it
            must grow like the student, dr/ds = 1: the gradient is then 2 r.
        student, teacher: maps (N, C, H, W) of equal shape, in any memory layout.
        per_channel: tensors (C,) of which `residual` gets the part that belongs to the block.

    A second derivative is not available: a backward pass with create_graph=True raises a RuntimeError.
    """
    wanted = torch.is_grad_enabled() and student.requires_grad
    return _SumOfSquares.apply(student, teacher, residual, per_channel, wanted)


class _SumOfSquares(torch.autograd.Function):
    @staticmethod
    def forward(ctx, student, teacher, residual, per_channel, wanted):
        student, teacher = _in_one_layout(student, teacher)
        kept = torch.empty_like(student) if wanted else None
        squares = []
        for s, t, *c, r in _blocks(student, teacher, per_channel, kept):
            residual(s, t, *c, out=r)
            flat = r.view(-1)
            squares.append(torch.dot(flat, flat))
        if wanted:
            ctx.save_for_backward(kept)
        return torch.stack(squares).sum()

    @staticmethod
    def backward(ctx, grad):
        if torch.is_grad_enabled():  # not once_differentiable: a constant `grad` would get it to answer 0
            raise RuntimeError(
                "This loss has no second derivative: value and gradient are found in one walk through the maps. "
                "Call backward() or autograd.grad() without create_graph=True."
            )
        (r,) = ctx.saved_tensors
        return r * (2 * grad), None, None, None, None


def _in_one_layout(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Both dense in the student's order of memory; a map that already is so is not copied."""
    layout = torch.contiguous_format
    if not student.is_contiguous() and student.is_contiguous(memory_format=torch.channels_last):
        layout = torch.channels_last
    return student.contiguous(memory_format=layout), teacher.contiguous(memory_format=layout)


def _blocks(
    student: Tensor, teacher: Tensor, per_channel: tuple[Tensor, ...], kept: Tensor | None
) -> Iterator[tuple[Tensor, ...]]:
    """Views of the same rows of everything: student, teacher, per_channel, and where the residual goes."""
    rows = _rows(student)
    # Other devices have no cache worth minding, but each call costs them dear: there the map is one block.
    block = BLOCK * torch.get_num_threads() if student.device.type == "cpu" else student.numel()
    size = max(1, block // rows.shape[1])
    columns = [_per_row(c, student) for c in per_channel]
    if kept is None:  # the value alone: one block serves them all
        scratch = torch.empty_like(rows[:size])
        into = (scratch[: len(block)] for block in rows.split(size))
    else:
        into = _rows(kept).split(size)
    return zip(*(x.split(size) for x in (rows, _rows(teacher), *columns)), into, strict=True)


def _rows(f: Tensor) -> Tensor:
    """A view (rows, length) in the order of memory: a row is a channel, or a pixel where channels come last."""
    return f.flatten(2).flatten(0, 1) if f.is_contiguous() else f.permute(0, 2, 3, 1).flatten(0, 2)


def _per_row(c: Tensor, f: Tensor) -> Tensor:
    """The tensor (C,), to be broadcast over `_rows(f)`."""
    return c.repeat(len(f))[:, None] if f.is_contiguous() else c.expand(len(_rows(f)), -1)
