"""What AB and OFD have in common: the squared distance of each entry to the nearest value that costs nothing.

With d(s) the distance of s to an interval and p(s) its nearest point there, d^2 has the gradient 2 (s - p(s)): p needs
no way back. So autograd's passes through masks, most of the plain forms' time, become one multiplication.
"""

import torch
from torch import Tensor


def squared_distance(s: Tensor, nearest: Tensor) -> Tensor:
    """The sum of (s - nearest)^2, a scalar; `nearest` is overwritten. No second derivative is available."""
    return _SquaredDistance.apply(s, nearest)


class _SquaredDistance(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s: Tensor, nearest: Tensor) -> Tensor:
        gap = torch.sub(s, nearest, out=nearest)
        ctx.save_for_backward(gap)
        return gap.square().sum()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        if torch.is_grad_enabled():  # not once_differentiable: a constant `grad` would get it to answer 0
            raise RuntimeError(
                "This loss has no second derivative: its gradient takes the nearest free values for constant. "
                "Call backward() or autograd.grad() without create_graph=True, or set loss.equation to the plain one."
            )
        (gap,) = ctx.saved_tensors
        return gap * (2 * grad), None
