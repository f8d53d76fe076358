r"""Probabilistic Knowledge Transfer (PKT): match, for every sample, the distribution over its neighbours.

Paper     Passalis & Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018.
          https://arxiv.org/abs/1803.10837
Idea      How likely is it that sample i picks sample j as its neighbour? Cosine similarities, scaled to sum to one,
          make a distribution, as in t-SNE, and the Kullback-Leibler divergence compares two of them.
Equation  K[i, j] = (cos(e_i, e_j) + 1) / 2,   p[i, j] = K[i, j] / sum_{k != i} K[i, k]
          L = 1/N sum_i sum_{j != i} p_t[i, j] log( p_t[i, j] / p_s[i, j] )
Shapes    e_s (N, D_s), e_t (N, D_t) -> scalar
Differs   The paper sums over i; the mean here keeps the weight from growing with the batch. RepDistiller
          ("repdistiller" here, like the authors' code) lets every sample be its own neighbour, K[i, i] = 1, and takes
          the mean over all N^2 entries: 1/N of the divergence per row. Its 1e-7 inside the logarithm, which makes the
          value smaller by about N * 1e-7 of itself, is left out. Opposite directions have K = 0 and would make the
          divergence infinite: K is at least 1e-7 here.
"""

import torch
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.methods._tensors import check_pair, in_full_precision, unit
from kd_teach.methods.changes import MIRRORS, POOLED, SCALES
from kd_teach.methods.recipe import Recipe, Variant


def pkt(e_s: Tensor, e_t: Tensor) -> Tensor:
    """L, the paper's: embeddings e_s (N, D_s), e_t (N, D_t) -> scalar."""
    p_s, p_t = neighbour_probabilities(e_s), neighbour_probabilities(e_t)
    # 1/N sum_i sum_{j != i} p_t[i, j] log(p_t[i, j] / p_s[i, j])
    return divergence(p_t, p_s).sum() / len(e_s)


def neighbour_probabilities(e: Tensor, *, self_pairs: bool = False) -> Tensor:
    """How likely row i picks column j: embeddings (N, D) -> p (N, N) whose rows sum to one, N >= 2.

    Args:
        self_pairs: whether a sample may pick itself. If not, the diagonal is zero.

    A sample of zeros has no direction: all others are equally near to it.
    """
    x = unit(e)
    # K[i, j] = (cos(e_i, e_j) + 1) / 2, at least LEAST: opposite directions would make the divergence infinite
    K = ((x @ x.T + 1) / 2).clamp(min=LEAST)
    if not self_pairs:
        K = K * (1 - torch.eye(len(e), dtype=K.dtype, device=K.device))
    # p[i, j] = K[i, j] / sum_k K[i, k]
    return K / K.sum(dim=1, keepdim=True)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Terms (N, N), none negative, whose row sums are KL(p[i] || q[i]); p, q (N, N) with rows that sum to one."""
    # p log(p / q) - (p - q): what is added sums to zero. Without it, and without log1p, terms of 1e-2 would have to
    # cancel down to a divergence of 1e-5, below float32's rounding.
    eps, tiny = torch.finfo(q.dtype).eps, torch.finfo(q.dtype).tiny
    ratio = (p - q) / q.clamp(min=tiny)  # p / q - 1; a diagonal of zeros stays zero
    return p * torch.log1p(ratio.clamp(min=eps - 1)) - (p - q)


def pkt_with_self_pairs(e_s: Tensor, e_t: Tensor) -> Tensor:
    """RepDistiller's: every sample may pick itself, and the mean runs over all N^2 entries."""
    p_s, p_t = (neighbour_probabilities(e, self_pairs=True) for e in (e_s, e_t))
    return divergence(p_t, p_s).mean()


VARIANTS = {"paper": pkt, "repdistiller": pkt_with_self_pairs}
LEAST = 1e-7  # of a kernel value: about the rounding error of a cosine in float32


class PKTLoss(nn.Module):
    """KL divergence from the teacher's to the student's neighbour probabilities.

    Blind to a rotation of the embeddings and to a positive scale per sample. The values are small: after a ReLU all
    cosines are positive and all rows nearly even.

    Args:
        variant: "paper" (no self-pairs, mean over samples; with two samples there is no choice and L = 0) or
            "repdistiller" (self-pairs, mean over all N^2 entries).

    Shapes:
        e_s (N, D_s), e_t (N, D_t), N >= 2. Returns a scalar; no gradient reaches e_t.

    Raises:
        ValueError: an unknown variant, different batches, fewer than two samples, or NaN.
        TypeError: embeddings that are not floating point.

    Example:
        >>> import torch
        >>> PKTLoss(variant="repdistiller")(torch.eye(2), torch.ones(2, 2))
        tensor(0.0294)
    """

    def __init__(self, *, variant: str = "paper") -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of PKTLoss", variant, VARIANTS)
        self.variant = variant
        self.equation = VARIANTS[variant]

    @in_full_precision
    def forward(self, e_s: Tensor, e_t: Tensor) -> Tensor:
        check_pair(e_s, e_t, what="embedding", ndim=2, at_least=2)
        return self.equation(e_s, e_t.detach())

    def extra_repr(self) -> str:
        return f"variant={self.variant!r}"


RECIPE = Recipe(
    name="pkt",
    title="Probabilistic Knowledge Transfer",
    paper="Passalis & Tefas, ECCV 2018",
    knowledge="relation",
    tap=lambda f: f.embedding,
    build=lambda e_s, e_t, context, *, variant: PKTLoss(variant=variant),
    equation=pkt,
    variants={
        "paper": Variant(
            weight=469.0,
            source="RepDistiller's 30000 at batch 64: its mean over N^2 is 1/64 of ours",
            blind_to=MIRRORS | SCALES | POOLED,
        ),
        "repdistiller": Variant(
            weight=30000.0,
            source="RepDistiller's CIFAR-100 runs, at batch 64",
            blind_to=MIRRORS | SCALES | POOLED,
            equation=pkt_with_self_pairs,
        ),
    },
)
