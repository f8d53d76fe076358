r"""Knowledge Distillation (KD): learn from the teacher's whole answer, not only from the right label.

Paper     Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NIPS 2014 Deep Learning
          Workshop. https://arxiv.org/abs/1503.02531
Idea      A teacher that says "cat 0.9, dog 0.09, truck 0.0001" tells which classes look alike. A temperature T
          raises those small entries until they carry weight in the loss.
Equation  p(z; T) = softmax(z / T),   L = T^2 * 1/N sum_n KL( p(z_t[n]; T) || p(z_s[n]; T) )
          The gradient is T (p_s - p_t) / N: T^2 keeps its size about constant while T varies.
Shapes    z_s, z_t (N, K) logits -> scalar
Differs   The paper minimises a cross-entropy with soft targets: the same gradient, a value larger by
          T^2 * entropy(p_t). RepDistiller computes what stands here. Some code bases omit T^2 (then the weight must
          change with T), and some swap the weights of this term and of the labels': check which side alpha is on.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.numbers import number
from kd_teach.methods._tensors import check_pair, in_full_precision
from kd_teach.methods.changes import POOLED
from kd_teach.methods.recipe import Recipe, Variant


def kd(z_s: Tensor, z_t: Tensor, T: float) -> Tensor:
    """L of logits z_s, z_t (N, K) at temperature T -> scalar."""
    # p(z; T) = softmax(z / T), kept as logarithms
    log_p_s = F.log_softmax(z_s / T, dim=1)
    log_p_t = F.log_softmax(z_t / T, dim=1)
    # KL(p_t || p_s) = sum over classes of p_t (log p_t - log p_s), 1/N sum over samples
    divergence = F.kl_div(log_p_s, log_p_t, reduction="batchmean", log_target=True)
    # L = T^2 KL
    return T**2 * divergence


def soften(z: Tensor, T: float) -> Tensor:
    """p(z; T): class probabilities (N, K) of logits (N, K). T > 1 flattens, T < 1 sharpens."""
    return F.softmax(z / T, dim=1)


class KDLoss(nn.Module):
    """KL divergence from the teacher's to the student's softened class probabilities, times T^2.

    Args:
        temperature: T > 0; 4 is the common benchmark's choice, the paper used 2 to 20.

    Shapes:
        z_s, z_t: logits (N, K). Returns a scalar; no gradient reaches z_t.

    Raises:
        ValueError: a temperature that is not positive and finite, logits of different shapes, NaN, or an empty batch.
        TypeError: logits that are not floating point.

    Example:
        >>> import torch
        >>> loss = KDLoss(temperature=2.0)
        >>> loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]]))
        tensor(0.4438)
    """

    def __init__(self, temperature: float = 4.0) -> None:
        super().__init__()
        self.temperature = number("temperature", temperature, 0, above=True)  # 4 is common
        self.equation = kd

    @in_full_precision
    def forward(self, z_s: Tensor, z_t: Tensor) -> Tensor:
        check_pair(z_s, z_t, what="logits", ndim=2)
        if z_s.shape != z_t.shape:
            raise ValueError(
                f"Student and teacher must name the same classes: {z_s.shape[1]} logits against {z_t.shape[1]}; "
                "create both networks with the same num_classes."
            )
        return self.equation(z_s, z_t.detach(), self.temperature)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"


RECIPE = Recipe(
    name="kd",
    title="Knowledge Distillation",
    paper="Hinton, Vinyals & Dean, NIPS 2014 workshop",
    knowledge="response",
    tap=lambda f: f.logits,
    build=lambda z_s, z_t, context, *, variant, **options: KDLoss(**options),
    equation=kd,
    variants={
        "paper": Variant(
            weight=0.9,
            task_weight=0.1,
            source="RepDistiller's CIFAR-100 runs (T = 4)",
            blind_to={"per-sample shift"} | POOLED,
        )
    },
)
