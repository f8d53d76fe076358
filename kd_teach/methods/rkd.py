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

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import number
from kd_teach.methods._tensors import DEAD, check_pair, in_float32, in_full_precision, unit
from kd_teach.methods.changes import MIRRORS, POOLED
from kd_teach.methods.recipe import Recipe, Variant


def rkd(e_s: Tensor, e_t: Tensor, w_d: float, w_a: float) -> Tensor:
    """w_d L_D + w_a L_A: embeddings e_s (N, D_s), e_t (N, D_t) -> scalar. A term without weight is not computed."""
    N, loss = len(e_s), e_s.new_zeros(())
    distinct = 1 - torch.eye(N, dtype=e_s.dtype, device=e_s.device)
    if w_d:
        # L_D = 1/(N (N-1)) sum over i != j of l(r_s[i, j], r_t[i, j])
        l_d = huber(distance_ratios(e_s), distance_ratios(e_t))
        loss = loss + w_d * (l_d * distinct).sum() / (N * (N - 1))
    if w_a:
        # L_A = 1/(N (N-1) (N-2)) sum over distinct i, j, k of l(a_s[i, j, k], a_t[i, j, k]); i = j and j = k are 0
        l_a = huber(angles(e_s), angles(e_t))
        loss = loss + w_a * (l_a * distinct[:, None]).sum() / (N * (N - 1) * (N - 2))
    return loss


def distance_ratios(e: Tensor) -> Tensor:
    """Distances relative to their mean over the distinct pairs: (N, D) -> r (N, N), symmetric, zero diagonal."""
    N = len(e)
    # r[i, j] = ||e_i - e_j|| / mu
    d = torch.linalg.vector_norm(edges(e), dim=2)
    mu = d.sum() / (N * (N - 1))
    return d / torch.where(mu > 0, mu, 1.0)  # samples that all coincide have no distances


def angles(e: Tensor) -> Tensor:
    """Cosines of all angles: (N, D) -> a (N, N, N), [i, j, k] at j between i and k; 0 where one coincides with j."""
    # a[i, j, k] = (e_i - e_j)/||e_i - e_j|| . (e_k - e_j)/||e_k - e_j||
    edge = unit(edges(e), dim=2)
    return torch.einsum("ijd,kjd->ijk", edge, edge)


def edges(e: Tensor) -> Tensor:
    """e_i - e_j of all pairs: (N, D) -> (N, N, D). What may be all rounding is zero: its direction would be noise.

    So is what is as short as a dead row: its square would leave float32, its gradient be one over its length.
    """
    e = in_float32(e)
    edge = e[:, None] - e
    size = (e - e.mean(dim=0)).square().sum(dim=1)
    noise = NOISE * torch.finfo(e.dtype).eps * (size[:, None] + size)
    apart = edge.square().sum(dim=2) > noise + DEAD**2
    return edge * apart[:, :, None]


def huber(x: Tensor, y: Tensor) -> Tensor:
    """l(x, y), entry by entry: (x - y)^2 / 2 where |x - y| <= 1, |x - y| - 1/2 elsewhere."""
    return F.smooth_l1_loss(x, y, reduction="none")


def rkd_over_all(e_s: Tensor, e_t: Tensor, w_d: float, w_a: float) -> Tensor:
    """RepDistiller's: the same terms, divided by N^2 and N^3."""
    loss = e_s.new_zeros(())
    if w_d:
        loss = loss + w_d * huber(distance_ratios(e_s), distance_ratios(e_t)).mean()
    if w_a:
        loss = loss + w_a * huber(angles(e_s), angles(e_t)).mean()
    return loss


VARIANTS = {"paper": rkd, "repdistiller": rkd_over_all}
NOISE = 16  # rounding errors: squared distances below so many, relative to the two squared lengths, count as zero


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
        if variant not in VARIANTS:
            raise unknown("variant of RKDLoss", variant, VARIANTS)
        if number("distance", distance, 0) + number("angle", angle, 0) == 0:
            raise ValueError(
                "distance and angle are both 0; expected one weight to be positive (25 and 50 are common)."
            )
        self.distance, self.angle, self.variant = distance, angle, variant
        self.equation = VARIANTS[variant]

    @in_full_precision
    def forward(self, e_s: Tensor, e_t: Tensor) -> Tensor:
        check_pair(e_s, e_t, what="embedding", ndim=2, at_least=3 if self.angle else 2)
        return self.equation(e_s, e_t.detach(), self.distance, self.angle)

    def extra_repr(self) -> str:
        return f"distance={self.distance}, angle={self.angle}, variant={self.variant!r}"


RECIPE = Recipe(
    name="rkd",
    title="Relational Knowledge Distillation",
    paper="Park, Kim, Lu & Cho, CVPR 2019",
    knowledge="relation",
    tap=lambda f: f.embedding,
    build=lambda e_s, e_t, context, *, variant, **options: RKDLoss(variant=variant, **options),
    equation=rkd,
    variants={
        "paper": Variant(
            weight=1.0,
            source="RepDistiller's weights (25 and 50 inside), on terms 2 % and 5 % larger",
            blind_to=MIRRORS | {"global scale", "translation"} | POOLED,
        ),
        "repdistiller": Variant(
            weight=1.0,
            source="RepDistiller's CIFAR-100 runs (25 and 50 inside), at batch 64",
            equation=rkd_over_all,
            blind_to=MIRRORS | {"global scale", "translation"} | POOLED,
        ),
    },
)
