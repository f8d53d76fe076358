r"""Relational Knowledge Distillation (RKD): keep the shape of the cloud of embeddings, not its place.

Paper     Park, Kim, Lu & Cho, "Relational Knowledge Distillation", CVPR 2019. https://arxiv.org/abs/1904.05068
Idea      Pairs of samples have distances, triples have angles. A student whose embeddings form a figure similar to
          the teacher's knows the same about the batch, in whatever space and at whatever scale.
Equation  distances  r[i, j] = ||e_i - e_j|| / mu,  mu = mean of ||e_i - e_j|| over the pairs i != j
          angles     a[i, j, k] = cos of the angle at e_j between e_i and e_k
          L = distance * mean l(r_s, r_t) + angle * mean l(a_s, a_t)
          l(x, y) = (x - y)^2 / 2 where |x - y| <= 1, |x - y| - 1/2 elsewhere (Huber)
Shapes    e_s (N, D_s), e_t (N, D_t) -> scalar; N >= 2, with angles N >= 3
Differs   The paper sums over the ordered pairs of distinct samples and over the ordered triples of distinct samples.
          Here the sums are divided by their number, N (N-1) and N (N-1) (N-2), or the weights would depend on the
          batch. RepDistiller ("repdistiller" here, like the authors' code) divides by N^2 and N^3, so that its two
          terms are smaller by (N-1)/N and (N-1)(N-2)/N^2, 0.984 and 0.954 for 64 samples. Its triples with i = k have
          the cosine 1 in both networks and add nothing, unless i and j coincide in one network only.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import check_pair, in_float32, in_full_precision
from kd_teach.methods.changes import MIRRORS, POOLED
from kd_teach.methods.recipe import Recipe, Variant

NOISE = 16  # rounding errors: squared distances below so many, relative to the two squared lengths, count as zero


def _distances(e: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Squared distances, distances and their inverses, each (N, N); all three are zero for coinciding samples.

    From the Gram matrix: N^2 numbers where the differences themselves are N^2 D. It is centred first, for far from
    the origin the squared lengths would drown the distances. The root of an exact zero would have the gradient NaN.
    """
    e = e - e.mean(dim=0)
    gram = e @ e.T
    lengths = gram.diagonal()[:, None] + gram.diagonal()
    square = lengths - 2 * gram
    apart = square > NOISE * torch.finfo(e.dtype).eps * lengths
    square = square * apart
    inverse = torch.where(apart, square, 1.0).rsqrt() * apart
    return square, square * inverse, inverse


def distance_ratios(e: Tensor) -> Tensor:
    """Distances relative to their mean over the distinct pairs: (N, D) -> r (N, N), symmetric, zero diagonal.

    If all samples coincide, so that the mean is zero, all ratios are zero.
    """
    _, distance, _ = _distances(in_float32(e))
    mean = distance.sum() / math.perm(len(e), 2)
    return distance / torch.where(mean > 0, mean, 1.0)


def angles(e: Tensor) -> Tensor:
    """Cosines of all angles: (N, D) -> a (N, N, N), where a[i, j, k] belongs to the angle at j between i and k.

    By the law of cosines: 2 d_ij d_jk cos = d_ij^2 + d_jk^2 - d_ik^2. Zero where i or k coincides with j.
    """
    square, _, inverse = _distances(in_float32(e))
    sides = square[:, :, None] + square - square[:, None, :]  # (N, N, N)
    return sides * (0.5 * inverse[:, :, None] * inverse)


class RKDLoss(nn.Module):
    """Huber distance between the distance ratios, and between the angles, of two batches of embeddings.

    Args:
        distance, angle: weights of the two terms, not negative. `angle=0` is the paper's RKD-D, `distance=0` RKD-A.
        variant: "paper" (means over distinct samples) or "repdistiller" (means over all N^2 and N^3 entries).

    Shapes:
        e_s (N, D_s), e_t (N, D_t), N >= 2 for distances and >= 3 for angles. Returns a scalar; no gradient reaches
        e_t.

    Raises:
        ValueError: an unknown variant, a weight that is negative or infinite, no weight at all, different batches, too
            few samples, or NaN.
        TypeError: embeddings that are not floating point.

    Example:
        >>> import torch
        >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> bent = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 1.0], [1.0, 1.0]])
        >>> RKDLoss()(bent, square), RKDLoss()(3 * square + 7, square).round(decimals=4)
        (tensor(7.7276), tensor(0.))
    """

    def __init__(self, *, distance: float = 25.0, angle: float = 50.0, variant: str = "paper") -> None:
        super().__init__()
        if variant not in REDUCTIONS:
            raise unknown("variant of RKDLoss", variant, REDUCTIONS)
        if not (0 <= distance < math.inf and 0 <= angle < math.inf and distance + angle > 0):
            raise ValueError(
                f"The weights are distance={distance} and angle={angle}; expected neither to be negative or infinite, "
                "and at least one to be positive (25 and 50 are common)."
            )
        self.distance, self.angle, self.variant = distance, angle, variant
        self.huber = REDUCTIONS[variant]

    @in_full_precision
    def forward(self, e_s: Tensor, e_t: Tensor) -> Tensor:
        check_pair(e_s, e_t, what="embedding", ndim=2, at_least=3 if self.angle else 2)
        e_t = e_t.detach()
        terms = []
        if self.distance:
            terms.append(self.distance * self.huber(distance_ratios(e_s), distance_ratios(e_t)))
        if self.angle:
            terms.append(self.angle * self.huber(angles(e_s), angles(e_t)))
        return sum(terms)

    def extra_repr(self) -> str:
        return f"distance={self.distance}, angle={self.angle}, variant={self.variant!r}"


def mean_over_distinct(x: Tensor, y: Tensor) -> Tensor:
    """Mean of l(x, y) over the pairs [i, j] or triples [i, j, k] of distinct samples.

    Where j repeats i or k, both networks have a zero: nothing to leave out. i = k is the diagonal of the outer two.
    """
    ends = {"dim1": 0, "dim2": -1}
    total = F.smooth_l1_loss(x, y, reduction="sum")
    repeated = F.smooth_l1_loss(x.diagonal(**ends), y.diagonal(**ends), reduction="sum")
    return (total - repeated) / math.perm(len(x), x.ndim)


REDUCTIONS = {"paper": mean_over_distinct, "repdistiller": F.smooth_l1_loss}


RECIPE = Recipe(
    name="rkd",
    title="Relational Knowledge Distillation",
    paper="Park, Kim, Lu & Cho, CVPR 2019",
    knowledge="relation",
    tap=lambda f: f.embedding,
    build=lambda e_s, e_t, context, *, variant, **options: RKDLoss(variant=variant, **options),
    variants={
        "paper": Variant(
            weight=1.0,
            source="RepDistiller's weights (25 and 50 inside), on terms 2 % and 5 % larger",
            blind_to=MIRRORS | {"global scale", "translation"} | POOLED,
        ),
        "repdistiller": Variant(
            weight=1.0,
            source="RepDistiller's CIFAR-100 runs (25 and 50 inside), at batch 64",
            blind_to=MIRRORS | {"global scale", "translation"} | POOLED,
        ),
    },
)
