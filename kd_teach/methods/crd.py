r"""Contrastive Representation Distillation (CRD): the same image must be recognisable among thousands.

Paper     Tian, Krishnan & Isola, "Contrastive Representation Distillation", ICLR 2020.
          https://arxiv.org/abs/1910.10699
Idea      Show the student's embedding of an image, and the teacher's embeddings of that image and of K others. A
          critic h guesses which is the partner; a student that makes it easy shares information with the teacher.
Equation  h(a, b) = exp(a.b / tau) / (exp(a.b / tau) + K/n),   a = unit(W_s e_s),  b = unit(W_t e_t)
          L_side = -E_positive[log h] - K E_negative[log(1 - h)],   L = L_student + L_teacher
          and log K - L_side is a lower bound of their mutual information. n is the size of the training set.
Shapes    e_s (N, D_s), e_t (N, D_t), index (N,) rows of the training set -> scalar
Banks     Partner and negatives come from memory: a bank (n, dim) per network holds each image's last embedding. The
          student's anchors meet the teacher's bank and the other way round, with the same partner and negatives on
          both sides (as in the copied code). After the optimiser's step the rows of the batch become
          unit(m * old + (1 - m) * new). Banks get no gradient: it reaches the anchors and both linears W only.
Differs   RepDistiller ("repdistiller" here) divides exp(a.b / tau) by a constant Z, n times the mean score of the first
          batch, then frozen; adds 1e-7 inside the logarithms; and takes tau = 0.07. The paper's h has no Z; tau = 0.1
          for its CIFAR runs is from a secondary source, unverified.
          The bound is derived for strangers from all images; negatives here are always of another class, in both
          variants, as in the copied code. The anchors of a batch share one shuffle of the set, the copied code draws
          for each sample by itself. Where the other classes hold fewer than K rows, all are taken and weighted up to
          K; the copied code then draws with replacement. The samplings "exact" and "relax" are those of the copied
          code, "all" is ours.
          Z matters. h is right about unrelated images (1 in K + 1) where exp(a.b / tau) = 1/n; but a.b >= -1. Without
          Z a side starts near K log(1 + n/K) instead of log K + 1, and all of the student's embeddings are first
          pushed *opposite* to all of the teacher's. The larger log n * tau, the less room is left to tell images
          apart: at n = 50,000, K = 16,384, tau = 0.1 the best embeddings there are leave a side at 11.15, while
          chance is 10.70 (tau 0.07: 6.86; n = 4,000, K = 3,600, tau 0.1: 7.10 against 9.19). On large sets lower the
          temperature, or take "repdistiller".
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import WIDEST, number, whole
from kd_teach.methods._banks import Contrast, Contrasts, MemoryBank, check_index
from kd_teach.methods._tensors import check_pair, in_full_precision, unit
from kd_teach.methods.changes import POOLED
from kd_teach.methods.recipe import Recipe, Variant


def crd(positive: Tensor, scores: Tensor, negative: Tensor, tau: float, k: Tensor, n: int) -> Tensor:
    """L_side of N anchors -> scalar; K, n are the paper's N, M.

    positive (N,): a.b of each anchor and its partner; scores (N, m): a.b with m rows of the bank; negative (N, m) bool:
    which of those are its negatives; k (N,): K; n: size of the training set.
    """
    # h = exp(a.b / tau) / (exp(a.b / tau) + K/n) = sigmoid(x) of its log odds x, and 1 - h = sigmoid(-x).
    # -log sigmoid(x) = softplus(-x): safe where exp(a.b / tau) would overflow, exact where 1 - h would be rounded
    minus_log_h = F.softplus(-log_odds(positive, tau, k, n))  # (N,)
    minus_log_not_h = F.softplus(log_odds(scores, tau, k[:, None], n))  # (N, m): -log(1 - h)
    # L_side = -E_positive[log h] - K E_negative[log(1 - h)]
    return (minus_log_h + k * mean_over(negative, minus_log_not_h)).mean()


def log_odds(score: Tensor, tau: float, k: Tensor, n: int) -> Tensor:
    """log of h / (1 - h), for scores a.b of any shape."""
    # h / (1 - h) = exp(a.b / tau) / (K/n)
    return score / tau - torch.log(k / n)


def mean_over(chosen: Tensor, x: Tensor) -> Tensor:
    """E: the mean of x (N, m) over the chosen (N, m) bool of each row, (N,)."""
    return torch.where(chosen, x, 0).sum(dim=1) / chosen.sum(dim=1)


EPSILON = 1e-7  # RepDistiller's, in the denominators of h and 1 - h


def crd_normalised(
    positive: Tensor, scores: Tensor, negative: Tensor, tau: float, k: Tensor, n: int, log_z: Tensor
) -> Tensor:
    """L_side as RepDistiller computes it: as `crd`, with exp(a.b / tau) divided by Z."""
    # h = p / (p + K/n + eps),  p = exp(a.b / tau) / Z:  the paper's for K + eps n
    noisy = k + EPSILON * n
    minus_log_h = F.softplus(log_z - log_odds(positive, tau, noisy, n))  # (N,)
    minus_log_not_h = F.softplus(log_odds(scores, tau, noisy[:, None], n) - log_z)  # (N, m): -log(1 - h)
    # in place of 1 - h it has (K/n) / (p + K/n + eps), less than that by the factor (K + eps n) / K
    more = torch.log1p(EPSILON * n / k)  # (N,)
    # L_side = -E_positive[log h] - K E_negative[log(1 - h)]
    return (minus_log_h + k * (mean_over(negative, minus_log_not_h) + more)).mean()


class Critic(NamedTuple):
    """What differs between the variants."""

    equation: Callable[..., Tensor]
    temperature: float
    normalised: bool  # exp(a.b / tau) is divided by Z


VARIANTS = {
    "paper": Critic(crd, temperature=0.1, normalised=False),
    "repdistiller": Critic(crd_normalised, temperature=0.07, normalised=True),
}


def mutual_information_bound(side: Tensor | float, negatives: int) -> Tensor | float:
    """log K - L_side: nats that student and teacher share at least, never more than log K. For plots.

    Strictly a bound for strangers drawn from all images; those of other classes only, as CRD draws them, overstate it.

    It is negative, which says nothing, until a side falls below log K; at chance it is about -1.
    """
    return math.log(negatives) - side


class CRDLoss(nn.Module):
    """Noise-contrastive loss between the embeddings of two networks, over the whole training set.

    Args:
        student_width, teacher_width: D_s and D_t.
        labels: (n,) classes of the training set: negatives are of another class than the anchor.
        dim: width of the embeddings that are compared.
        negatives: K.
        temperature: tau > 0; None takes the variant's, 0.1 ("paper") or 0.07 ("repdistiller").
        momentum: how much of a bank's old row stays at its renewal, 0 <= m < 1.
        sampling: "exact" (the same image against K random others), "relax" (an image of the same class against
            them) or "all" (the same image against all images of other classes, for small data sets; K is then
            their number). `Contrasts` says how they are drawn.
        variant: "paper" (the equations) or "repdistiller" (scores divided by Z).

    Shapes:
        e_s (N, D_s), e_t (N, D_t), index (N,) integers. Returns a scalar; no gradient reaches e_t or the banks.

    Call `after_step()` after each step of the optimiser: it writes the batch into the banks (`kd_teach.train` does).
    In eval mode nothing is remembered: neither the batch nor Z.

    Raises:
        ValueError: an unknown variant or sampling, numbers out of range, labels of one class only, embeddings of
            other widths than announced, NaN, an empty batch, or an index of wrong length or out of range.
        TypeError: a missing index, or one that does not hold integers.

    Example:
        >>> import torch
        >>> loss = CRDLoss(16, 32, labels=torch.arange(100) % 10, negatives=50)
        >>> loss(torch.rand(4, 16), torch.rand(4, 32), torch.tensor([7, 0, 99, 31])).ndim
        0
        >>> loss.after_step()
    """

    log_z: Tensor
    equation: Callable[..., Tensor]

    def __init__(
        self,
        student_width: int,
        teacher_width: int,
        labels: Tensor,
        *,
        dim: int = 128,
        negatives: int = 16384,
        temperature: float | None = None,
        momentum: float = 0.5,
        sampling: str = "exact",
        variant: str = "paper",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of CRDLoss", variant, VARIANTS)
        self.critic = VARIANTS[variant]
        self.equation = self.critic.equation
        temperature = self.critic.temperature if temperature is None else temperature
        self.temperature = number("temperature", temperature, 0, above=True)  # 0.07 to 0.1 is common
        whole("dim", dim, 1, WIDEST)  # 128 is common
        self.contrasts = Contrasts(labels, negatives=negatives, sampling=sampling)
        self.embed_s, self.embed_t = nn.Linear(student_width, dim), nn.Linear(teacher_width, dim)
        self.bank_s, self.bank_t = (MemoryBank(len(labels), dim, momentum=momentum) for _ in range(2))
        # log Z per side; NaN until the first batch has been seen. Saved with the rest.
        self.register_buffer("log_z", torch.full((2,), math.nan if self.critic.normalised else 0.0))
        self.last: tuple[Tensor, Tensor, Tensor] | None = None  # what `after_step` will write

    def forward(self, e_s: Tensor, e_t: Tensor, index: Tensor | None = None) -> Tensor:
        student, teacher = self.per_side(e_s, e_t, index)
        return student + teacher

    @in_full_precision
    def per_side(self, e_s: Tensor, e_t: Tensor, index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The two terms: student anchors among the teacher's rows, and teacher anchors among the student's."""
        check_pair(e_s, e_t, what="embedding", ndim=2)
        came = (e_s.shape[1], e_t.shape[1])
        expected = (self.embed_s.in_features, self.embed_t.in_features)
        if came != expected:
            raise ValueError(
                f"The embeddings of student and teacher have widths {came}; this loss was built for {expected}. "
                "Tap the same layers, or build a new CRDLoss."
            )
        index = check_index(index, batch=len(e_s), n=self.contrasts.n).to(e_s.device, torch.int64)
        v_s, v_t = unit(self.embed_s(e_s)), unit(self.embed_t(e_t.detach()))  # (N, dim)
        if self.training:
            self.last = index, v_s.detach(), v_t.detach()
        contrast = self.contrasts(index)
        return self._side(0, v_s, self.bank_t.rows, contrast), self._side(1, v_t, self.bank_s.rows, contrast)

    def _side(self, side: int, anchors: Tensor, rows: Tensor, contrast: Contrast) -> Tensor:
        """L_side: the anchors (N, dim) of one network against the bank (n, dim) of the other."""
        tau, negative, n = self.temperature, contrast.negative, self.contrasts.n
        k = contrast.k.to(anchors.dtype)
        positive = (anchors * rows[contrast.positive]).sum(dim=1)  # (N,)
        candidates = rows if contrast.candidates is None else rows.index_select(0, contrast.candidates)
        scores = anchors @ candidates.T  # (N, m): one product, nothing of size N * K * dim
        if not self.critic.normalised:
            return self.equation(positive, scores, negative, tau, k, n)
        log_z = self._normaliser(side, positive, scores, negative, k)
        return self.equation(positive, scores, negative, tau, k, n, log_z)

    @torch.no_grad()
    def _normaliser(self, side: int, positive: Tensor, scores: Tensor, negative: Tensor, k: Tensor) -> Tensor:
        """log Z of one side: of n times the mean of exp(a.b / tau) in the first batch, then frozen."""
        if self.log_z.device.type == "cpu" and not self.log_z[side].isnan():
            return self.log_z[side]
        positive, scores = positive / self.temperature, scores / self.temperature
        others = scores.masked_fill(~negative, -math.inf).logsumexp(dim=1)  # (N,) log of their sum
        others = others + (k / negative.sum(dim=1)).log()  # of K of them
        means = torch.logaddexp(positive, others) - torch.log1p(k)  # (N,) of K + 1 scores
        measured = means.logsumexp(dim=0) - math.log(len(means)) + math.log(self.contrasts.n)
        # Elsewhere than on the CPU a choice on the device: an `if` would wait for it in every step.
        log_z = torch.where(self.log_z[side].isnan(), measured, self.log_z[side])
        if self.training:
            self.log_z[side] = log_z
        return log_z

    def after_step(self) -> None:
        """Write the embeddings of the last batch into the banks; call it after the optimiser's step."""
        if self.last is None:
            raise RuntimeError("CRD has no batch to remember; call the loss in train mode before each after_step().")
        index, v_s, v_t = self.last
        self.bank_s.renew(index, v_s)
        self.bank_t.renew(index, v_t)
        self.last = None

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"


RECIPE = Recipe(
    name="crd",
    title="Contrastive Representation Distillation",
    paper="Tian, Krishnan & Isola, ICLR 2020",
    knowledge="relation",
    tap=lambda f: f.embedding,
    build=lambda e_s, e_t, context, *, variant, **options: CRDLoss(
        e_s.shape[1], e_t.shape[1], context.labels, variant=variant, **options
    ),
    equation=crd,
    variants={
        "paper": Variant(
            weight=0.012,
            source="RepDistiller's 0.8, brought to the same gradient on the student's embedding while the banks are "
            "new (n = 50,000, K = 16,384): without Z it is 68 times as large",
            blind_to=POOLED,
        ),
        "repdistiller": Variant(
            weight=0.8, source="RepDistiller's CIFAR-100 runs", blind_to=POOLED, equation=crd_normalised
        ),
    },
    needs=("index",),
)
