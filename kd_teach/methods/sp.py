r"""Similarity-Preserving distillation (SP): what looks alike to the teacher should look alike to the student.

Paper     Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019. https://arxiv.org/abs/1907.09682
Idea      Two networks need not agree on what a channel means. They can agree on which images of a batch excite them
          in the same way: the inner products of flattened maps, one row of them per image.
Equation  Q = f flattened to (N, C H W),   A = Q Q^T,   G[i] = A[i] / ||A[i]||,   L = 1/N^2 ||G_t - G_s||_F^2
Shapes    f_s (N, C_s, H_s, W_s) or (N, D_s), f_t likewise: no size has to match but N -> scalar
Differs   Nothing: RepDistiller computes what stands here, on the last stage. One widespread toolbox divides the rows
          by their L1 norm, because `normalize(x, 1)` sets p and not dim; another loss divides A by its Frobenius norm
          and is sold as CC. The factor 1/N^2 halves the loss about when the batch doubles: weights belong to a batch
          size.
"""

from torch import Tensor, nn

from kd_teach.methods._tensors import check_pair, in_float32, in_full_precision, unit
from kd_teach.methods.changes import MIRRORS, POOLED
from kd_teach.methods.recipe import Recipe, Variant


def similarity(f: Tensor) -> Tensor:
    """How alike the samples of a batch look to one network: f (N, ...) -> G (N, N), rows of unit length."""
    Q = f.flatten(1)
    # A = Q Q^T
    A = Q @ Q.T
    # G[i] = A[i] / ||A[i]||
    return unit(A)


def sp(f_s: Tensor, f_t: Tensor) -> Tensor:
    """L: f_s, f_t (N, ...), of any sizes but N -> scalar."""
    # L = 1/N^2 ||G_t - G_s||_F^2
    return (similarity(f_t) - similarity(f_s)).square().mean()


def similarity_matrix(f: Tensor) -> Tensor:
    """`similarity`, in float32 if f is in half precision: a large map's inner products would leave float16's range.

    Entry [i, j] is the inner product of samples i and j, relative to all those of sample i: G is not symmetric.
    A sample of zeros has a row of zeros.
    """
    return similarity(in_float32(f))


class SPLoss(nn.Module):
    """Mean squared difference of two row-normalised similarity matrices.

    Never negative. At most 2/N for features without negative numbers; more with them, but less than 4/N: the diagonal
    of A is positive in both networks, so no row of one can be opposite to that of the other. Blind to a rotation of the
    flattened features and to one scale for the whole batch, not to a scale per sample.

    Shapes:
        f_s, f_t: maps (N, C, H, W) or vectors (N, D), N >= 2. Returns a scalar; no gradient reaches f_t.

    Raises:
        ValueError: another number of dimensions, different batches, fewer than two samples, or NaN.
        TypeError: features that are not floating point.

    Example:
        >>> import torch
        >>> SPLoss()(torch.eye(2), torch.ones(2, 2))
        tensor(0.2929)
    """

    equation = staticmethod(sp)

    @in_full_precision
    def forward(self, f_s: Tensor, f_t: Tensor) -> Tensor:
        check_pair(_as_map(f_s), _as_map(f_t), what="feature map", ndim=4, at_least=2)
        return self.equation(f_s, f_t.detach())


def _as_map(f: Tensor) -> Tensor:
    """Vectors (N, D) as maps of one pixel; anything else as it came."""
    return f[:, :, None, None] if isinstance(f, Tensor) and f.ndim == 2 else f


RECIPE = Recipe(
    name="sp",
    title="Similarity-Preserving distillation",
    paper="Tung & Mori, ICCV 2019",
    knowledge="relation",
    tap=lambda f: f.stages[-1],
    build=lambda f_s, f_t, context, *, variant: SPLoss(),
    equation=sp,
    variants={
        "paper": Variant(
            weight=3000.0,
            source="RepDistiller's CIFAR-100 runs, at batch 64",
            blind_to=MIRRORS | {"global scale"} | POOLED,
        )
    },
)
