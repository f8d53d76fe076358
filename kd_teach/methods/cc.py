r"""Correlation Congruence (CC): match how samples relate, measured by a kernel on their directions.

Paper     Peng, Jin, Liu, Li, Wu, Liu, Zhou & Zhang, "Correlation Congruence for Knowledge Distillation", ICCV 2019.
          https://arxiv.org/abs/1904.01802
Idea      KD matches each sample by itself; CC adds a table of kernel values between all samples of the batch.
Equation  C[i, j] = k(e_i / ||e_i||, e_j / ||e_j||),   L = 1/N^2 ||C_t - C_s||_F^2
          bilinear    k(x, y) = x.y
          rbf         k(x, y) = exp(-gamma ||x - y||^2) = exp(-2 gamma) exp(2 gamma x.y)
          rbf_taylor  k(x, y) = exp(-2 gamma) sum_{p=0..order} (2 gamma)^p / p! (x.y)^p
Shapes    e_s (N, D_s), e_t (N, D_t) -> scalar
Differs   The paper trains with cross-entropy, KD and CC together (`with_kd=` adds the KD), samples batches so that
          classes repeat, and lists a kernel by MMD too; the last two are left out here. gamma = 0.4 and order = 2 are
          those of public code.
          RepDistiller ("repdistiller" here, by its comment the authors' code) computes no kernel: with one linear
          layer on each side, d[i] = |W_s e_s[i] - W_t e_t[i]| and L = 1/(N-1) sum_i d[i].d[i+1]. It depends on the
          order of the batch, is 0 as soon as every second sample matches, and since both layers learn, both can
          collapse to the same constant: watch their norms. A third "CC", commented out there and printed in surveys,
          is SP divided by a Frobenius norm.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import WIDEST, number, whole
from kd_teach.methods._tensors import check_pair, in_full_precision, unit
from kd_teach.methods.changes import MIRRORS, POOLED, SCALES
from kd_teach.methods.recipe import Recipe, Variant


def cc(e_s: Tensor, e_t: Tensor, k: Callable[[Tensor], Tensor]) -> Tensor:
    """L: embeddings e_s (N, D_s), e_t (N, D_t) -> scalar; `k` is the kernel, as a function of the cosine."""
    # C[i, j] = k(e_i / ||e_i||, e_j / ||e_j||)
    C_s, C_t = k(cosines(e_s)), k(cosines(e_t))
    # L = 1/N^2 ||C_t - C_s||_F^2
    return (C_t - C_s).square().mean()


def cosines(e: Tensor) -> Tensor:
    """x_i . x_j of all pairs, x_i = e_i / ||e_i||: (N, D) -> (N, N)."""
    x = unit(e)
    return x @ x.T


def bilinear(cosine: Tensor, gamma: float, order: int) -> Tensor:
    """k(x, y) = x.y, the cosine itself: neither number matters."""
    return cosine


def rbf(cosine: Tensor, gamma: float, order: int) -> Tensor:
    """k(x, y) = exp(-gamma ||x - y||^2), of unit vectors: ||x - y||^2 = 2 - 2 x.y. The order does not matter."""
    return (-gamma * (2 - 2 * cosine)).exp()


def rbf_taylor(cosine: Tensor, gamma: float, order: int) -> Tensor:
    """The same with exp(2 gamma x.y) cut off after the term of this order."""
    # k(x, y) = exp(-2 gamma) sum_{p=0..order} (2 gamma)^p / p! (x.y)^p
    terms = [(2 * gamma * cosine) ** p / math.factorial(p) for p in range(order + 1)]
    return math.exp(-2 * gamma) * torch.stack(terms).sum(dim=0)


def neighbour_product(e_s: Tensor, e_t: Tensor) -> Tensor:
    """RepDistiller's, no kernel but the batch's neighbours: e_s, e_t (N, D), what the linear layers give -> scalar."""
    # d[i] = |e_s[i] - e_t[i]|
    d = (e_s - e_t).abs()
    # L = 1/(N-1) sum_i d[i] . d[i+1]
    return (d[:-1] * d[1:]).sum(dim=1).mean()


VARIANTS: dict[str, Callable[..., Tensor]] = {"paper": cc, "repdistiller": neighbour_product}
KERNELS = {"rbf_taylor": rbf_taylor, "rbf": rbf, "bilinear": bilinear}
LIVE_WIDTH = 128  # of RepDistiller's linear layers


def correlation_matrix(e: Tensor, *, kernel: str = "rbf_taylor", gamma: float = 0.4, order: int = 2) -> Tensor:
    """Kernel values between the directions of embeddings: (N, D) -> C (N, N), symmetric and positive semidefinite.

    Args:
        kernel: "rbf_taylor", "rbf" or "bilinear".
        gamma: the kernel's sharpness, positive; "bilinear" has none.
        order: the last power that "rbf_taylor" keeps, at least 1.

    A sample of zeros has no direction: it counts as at right angles to all.
    """
    _check_kernel(kernel, gamma, order)
    return KERNELS[kernel](cosines(e), gamma, order)


def _check_kernel(kernel: str, gamma: float, order: int) -> None:
    if kernel not in KERNELS:
        raise unknown("kernel of CC", kernel, KERNELS)
    number("gamma", gamma, 0, above=True)  # 0.4 is common
    whole("order", order, 1, 100)  # 2 is common


class CCLoss(nn.Module):
    """Mean squared difference of two kernel matrices, or RepDistiller's product of neighbouring differences.

    Args:
        student_width, teacher_width: D_s and D_t, needed on a side that has a linear layer.
        kernel, gamma, order: see `correlation_matrix`; "repdistiller" has no kernel.
        project: width of the linear layer. "paper": on the student's side only, None for no layer. "repdistiller":
            on both sides, None for 128. The layer of the teacher's side learns, the teacher does not.
        variant: "paper" or "repdistiller". The second depends on the order of the samples and rewards a collapse of
            its two layers, see above.

    Shapes:
        e_s (N, D_s), e_t (N, D_t), N >= 2. Returns a scalar; no gradient reaches e_t.

    Raises:
        ValueError: an unknown variant or kernel, a bad number, a missing width, embeddings of another width than
            announced, different batches, fewer than two samples, or NaN.
        TypeError: embeddings that are not floating point.

    Example:
        >>> import torch
        >>> CCLoss(kernel="bilinear")(torch.eye(2), torch.ones(2, 2))
        tensor(0.5000)
    """

    def __init__(
        self,
        student_width: int | None = None,
        teacher_width: int | None = None,
        *,
        kernel: str = "rbf_taylor",
        gamma: float = 0.4,
        order: int = 2,
        project: int | None = None,
        variant: str = "paper",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of CCLoss", variant, VARIANTS)
        _check_kernel(kernel, gamma, order)
        if project is not None:
            whole("project", project, 1, WIDEST)
        copied = variant == "repdistiller"
        if copied and project is None:
            project = LIVE_WIDTH
        self.embed_s = _linear("student", student_width, project)
        self.embed_t = _linear("teacher", teacher_width, project if copied else None)
        self.kernel = partial(KERNELS[kernel], gamma=gamma, order=order)
        self.constants = () if copied else (self.kernel,)
        self.equation = VARIANTS[variant]
        self.variant = variant

    @in_full_precision
    def forward(self, e_s: Tensor, e_t: Tensor) -> Tensor:
        check_pair(e_s, e_t, what="embedding", ndim=2, at_least=2)
        for role, e, layer in (("student", e_s, self.embed_s), ("teacher", e_t, self.embed_t)):
            if isinstance(layer, nn.Linear) and e.shape[1] != layer.in_features:
                raise ValueError(
                    f"The {role}'s embedding has {e.shape[1]} numbers per sample; this loss was built for "
                    f"{layer.in_features}. Tap the same layer, or build a new CCLoss."
                )
        return self.equation(self.embed_s(e_s), self.embed_t(e_t.detach()), *self.constants)

    def extra_repr(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.kernel.keywords.items())
        return f"kernel={self.kernel.func.__name__!r}, {options}, variant={self.variant!r}"


def _linear(role: str, width: int | None, project: int | None) -> nn.Module:
    if project is None:
        return nn.Identity()
    if width is None:
        raise ValueError(
            f"A linear layer to {project} on the {role}'s side needs {role}_width: "
            f"the number of columns of the {role}'s embedding."
        )
    return nn.Linear(width, project)


RECIPE = Recipe(
    name="cc",
    title="Correlation Congruence",
    paper="Peng et al., ICCV 2019",
    knowledge="relation",
    tap=lambda f: f.embedding,
    build=lambda e_s, e_t, context, *, variant, **options: CCLoss(
        e_s.shape[1], e_t.shape[1], variant=variant, **options
    ),
    equation=cc,
    variants={
        "paper": Variant(
            weight=100.0,
            source="Knowledge-Distillation-Zoo's weight of the same kernel loss",
            blind_to=MIRRORS | SCALES | POOLED,
        ),
        "repdistiller": Variant(
            weight=0.02,
            source="RepDistiller's CIFAR-100 runs",
            blind_to={"pixel permutation"},
            equation=neighbour_product,
        ),
    },
)
