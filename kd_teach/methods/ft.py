r"""Factor Transfer (FT): first let the teacher paraphrase itself, then teach the student the paraphrase.

Paper     Kim, Park & Kwak, "Paraphrasing Complex Network: Network Compression via Factor Transfer", NeurIPS 2018.
          https://arxiv.org/abs/1802.04977
Idea      An autoencoder learns, without labels, to squeeze the teacher's last map into fewer channels, the factors.
          Then it is frozen, and a translator on the student's side learns to produce the same factors.
Equation  phase "paraphrase":  L = 1/N sum_n || x_t[n] - dec(enc(x_t[n])) ||^2
          phase "distil":      L = cross-entropy + beta * 1/N sum_n || F_t / ||F_t||_2 - F_s / ||F_s||_2 ||_p
          with F_t = enc(x_t), F_s = translate(x_s), a sample's factor flattened to one vector of M = kC H W; p = 1 or 2
Shapes    x_s (N, C_s, H, W), x_t (N, C_t, H, W) -> F_s, F_t (N, kC_t, H, W) -> scalar; the larger factor is pooled
Modules   encoder and translator: three 3x3 convolutions; decoder: three transposed ones; LeakyReLU 0.1 after each.
Differs   With p = 1 the authors' code, followed here, takes the mean over entries: 1/M times the norm. p = 2 is the
          norm itself (squared: 2 - 2 cos); its gradient is sqrt(M) times larger: pass a weight smaller by as much.
          The authors' code reconstructs by an L1 mean (paper: squares) and ends the decoder in a LeakyReLU, which
          squeezes what is negative; maps of a WRN are half negative, so "paper" here ends in a plain convolution for
          every teacher. He's start is ours: without it three layers hide the input behind their biases.
          RepDistiller ("repdistiller") compares only where a factor has energy (mean of squares over channels, unit
          length, L1 mean over pixels), reconstructs by a mean of squares and has batch norm in the translator, which
          cancels the biases of its convolutions: they never move.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import WIDEST, number, whole
from kd_teach.data import Batch
from kd_teach.methods._tensors import check_pair, in_full_precision, match_size, unit
from kd_teach.methods.changes import BATCH, MIRRORS, SCALES
from kd_teach.methods.recipe import Phase, Recipe, Terms, Variant
from kd_teach.models.features import Features


def unit_factor(f: Tensor) -> Tensor:
    """F / ||F||_2: factors (N, C, H, W), each sample's scaled to length 1 as one long vector."""
    return unit(f.flatten(1)).reshape(f.shape)


def ft(F_s: Tensor, F_t: Tensor, p: int) -> Tensor:
    """L of the phase "distil": factors F_s, F_t (N, C, H, W), p = 1 or 2 -> scalar."""
    gap = unit_factor(F_t) - unit_factor(F_s)
    # L = 1/N sum_n || F_t / ||F_t||_2 - F_s / ||F_s||_2 ||_p
    L = torch.linalg.vector_norm(gap.flatten(1), ord=p, dim=1).mean()
    # where p is 1: divided by the M entries of a factor, as the authors' code has it
    return L / gap[0].numel() if p == 1 else L


def energy_ft(F_s: Tensor, F_t: Tensor, p: int) -> Tensor:
    """RepDistiller's: factors F_s, F_t (N, C, H, W) are compared by their energy at each pixel alone -> scalar."""
    # E[n, y, x] = 1/C sum_c F[n, c, y, x]^2
    E_s, E_t = F_s.square().mean(dim=1), F_t.square().mean(dim=1)
    return ft(E_s, E_t, p)


def reconstruction(rebuilt: Tensor, x_t: Tensor) -> Tensor:
    """L of the phase "paraphrase": the decoder's map and the teacher's, both (N, C, H, W) -> scalar."""
    # L = 1/N sum_n || x_t[n] - dec(enc(x_t[n])) ||^2
    return (x_t - rebuilt).square().sum() / len(x_t)


def factor_distance(F_s: Tensor, F_t: Tensor, *, p: int = 1) -> Tensor:
    """`ft` of two factors that must fit: at most 2 / sqrt(M) for p = 1 and 2 for p = 2."""
    _check_factors(F_s, F_t, p)
    return ft(F_s, F_t, p)


def collapsed_distance(F_s: Tensor, F_t: Tensor, *, p: int = 1) -> Tensor:
    """`energy_ft` of two factors whose grids must fit; their channels may differ."""
    _check_factors(F_s[:, 0], F_t[:, 0], p)
    return energy_ft(F_s, F_t, p)


def _check_factors(F_s: Tensor, F_t: Tensor, p: int) -> None:
    check_norm(p)
    a, b = F_s.flatten(1), F_t.flatten(1)
    if a.shape != b.shape:
        raise ValueError(
            f"The factors hold {tuple(a.shape)} and {tuple(b.shape)} (samples, numbers); expected the same shapes."
        )


def check_norm(p: int) -> None:
    """Refuse a norm that the paper does not know."""
    whole("p, the norm,", p, 1, 2)


class Reading(NamedTuple):
    """What the two variants do differently."""

    equation: Callable[[Tensor, Tensor, int], Tensor]
    reconstruction: Callable[[Tensor, Tensor], Tensor]
    normed: bool  # batch norm in the translator
    leaky_end: bool  # a LeakyReLU after the decoder's last layer


VARIANTS = {
    "paper": Reading(ft, reconstruction, normed=False, leaky_end=False),
    "repdistiller": Reading(energy_ft, F.mse_loss, normed=True, leaky_end=True),
}


class FTLoss(nn.Module):
    """Distance between the factors of the teacher (`encode`) and of the student (`translate`).

    The encoder learns from `reconstruct` alone, in a phase of its own; here it is looked at without a graph. Before
    that phase it is a random projection, and the loss still works.

    Args:
        student_shape, teacher_shape: (C, H, W) of the two maps; sizes may differ, the channels are built in.
        rate: k, the factor's channels as a share of the teacher's.
        p: 1 (mean over entries) or 2 (norm per sample, which wants a smaller weight).
        variant: "paper" (whole factors) or "repdistiller" (their energy per pixel).
        energy: mean square of the teacher's map. The values do not mind; the first phase weighs its term by it.

    Shapes:
        f_s (N, C_s, H, W), f_t (N, C_t, H, W). Returns a scalar; no gradient reaches f_t or the encoder.

    Raises:
        ValueError: an unknown variant, another p, a rate that leaves no channel, an energy that is not positive, or
            maps of other channels.

    Example:
        >>> import torch
        >>> loss = FTLoss((16, 8, 8), (32, 8, 8))
        >>> f_s, f_t = torch.rand(2, 16, 8, 8), torch.rand(2, 32, 8, 8)
        >>> loss.encode(f_t).shape, loss(f_s, f_t).ndim, loss.reconstruct(f_t).ndim
        (torch.Size([2, 16, 8, 8]), 0, 0)
    """

    def __init__(
        self,
        student_shape: tuple[int, int, int],
        teacher_shape: tuple[int, int, int],
        *,
        rate: float = 0.5,
        p: int = 1,
        variant: str = "paper",
        energy: float = 1.0,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("variant of FTLoss", variant, VARIANTS)
        check_norm(p)
        self.student_shape, self.teacher_shape = tuple(student_shape), tuple(teacher_shape)
        if not 0 < energy < math.inf:
            raise ValueError(f"The energy of the teacher's map is {energy}; expected a positive number.")
        self.p, self.reading, self.energy = p, VARIANTS[variant], energy
        self.equation = self.reading.equation
        c_s, c_t = self.student_shape[0], self.teacher_shape[0]
        if not 0.5 < number("rate", rate, 0, above=True) * c_t < math.inf:
            raise ValueError(
                f"A rate of {rate} leaves none of the teacher's {c_t} channels; expected a positive rate that leaves "
                "at least one (0.5 is common)."
            )
        factors = whole("the number of factors (rate * channels)", round(rate * c_t), 1, WIDEST)
        self.encode = conv_chain(nn.Conv2d, (c_t, c_t, factors, factors))
        self.decode = conv_chain(nn.ConvTranspose2d, (factors, factors, c_t, c_t), leaky_end=self.reading.leaky_end)
        self.translate = conv_chain(nn.Conv2d, (c_s, c_s, factors, factors), normed=self.reading.normed)

    @in_full_precision
    def forward(self, f_s: Tensor, f_t: Tensor) -> Tensor:
        check_pair(f_s, f_t, what="feature map", ndim=4)
        self._check_channels("student", f_s, self.student_shape)
        self._check_channels("teacher", f_t, self.teacher_shape)
        with torch.no_grad():
            factor_t = self.encode(f_t)
        return self.equation(*match_size(self.translate(f_s), factor_t), self.p)

    @in_full_precision
    def reconstruct(self, f_t: Tensor) -> Tensor:
        """How far the decoder stays from the teacher's map (N, C_t, H, W): what the first phase minimises.

        "paper": sum of squares per sample; "repdistiller": mean of squares.
        """
        self._check_channels("teacher", f_t, self.teacher_shape)
        f_t = f_t.detach()
        return self.reading.reconstruction(self.decode(self.encode(f_t)), f_t)

    def _check_channels(self, role: str, f: Tensor, shape: Sequence[int]) -> None:
        if f.ndim != 4 or f.shape[1] != shape[0]:
            raise ValueError(
                f"The {role}'s map has shape {tuple(f.shape)}; this loss was built for (N, {shape[0]}, H, W). "
                "Tap the same stage, or build a new FTLoss."
            )


def conv_chain(
    kind: type[nn.Conv2d | nn.ConvTranspose2d], widths: tuple[int, ...], *, normed: bool = False, leaky_end: bool = True
) -> nn.Module:
    """A chain of 3x3 convolutions of one kind, each followed by (batch norm and) LeakyReLU 0.1; it keeps the grid."""
    chain: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        conv = kind(width_in, width_out, kernel_size=3, padding=1)
        nn.init.normal_(conv.weight, std=math.sqrt(2 / (1 + 0.1**2) / (9 * width_in)))  # He's, for this slope
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
        chain += [conv, nn.BatchNorm2d(width_out)] if normed else [conv]
        chain.append(nn.LeakyReLU(0.1))
    return nn.Sequential(*(chain if leaky_end else chain[:-1]))


def paraphrase_then_distil(run) -> list[Phase]:
    """The teacher's autoencoder on unlabelled images, then student and translator with the encoder frozen.

    The authors spend 6 of 170 epochs on the first phase, RepDistiller 30 of 270; a short training needs a larger part.
    Both variants take RepDistiller's ratio of learning rates, 0.01 to 0.05: the authors' 0.1 to 0.1 belongs to their
    L1. What is minimised is the share of the map's energy that the decoder misses, so that a teacher of large maps
    takes the same rate as one of small ones; with a plain mean of squares some become NaN.
    """
    entries = math.prod(run.loss.teacher_shape) if run.variant == "paper" else 1  # of the sum in `reconstruction`

    def reconstruct(s: None, t: Features, batch: Batch) -> Terms:
        return {"reconstruct": run.loss.reconstruct(run.tap(t))}

    return [
        Phase(
            "paraphrase",
            [run.loss.encode, run.loss.decode],
            reconstruct,
            {"reconstruct": 1 / (entries * run.loss.energy)},
            share=1 / 8,
            lr_scale=0.2,
            student_runs=False,
        ),
        Phase("distil", [run.student, run.loss.translate], run.task_and_distil, run.weights, share=7 / 8),
    ]


RECIPE = Recipe(
    name="ft",
    title="Factor Transfer",
    paper="Kim, Park & Kwak, NeurIPS 2018",
    knowledge="feature",
    tap=lambda f: f.stages[-1],
    build=lambda f_s, f_t, context, *, variant, **options: FTLoss(
        f_s.shape[1:], f_t.shape[1:], variant=variant, energy=f_t.square().mean().item() or 1.0, **options
    ),
    equation=ft,
    variants={
        "paper": Variant(
            weight=500.0,
            phases=paraphrase_then_distil,
            source="the authors' CIFAR-10 runs (p = 1, factors of 2048)",
            blind_to=SCALES | BATCH,
        ),
        "repdistiller": Variant(
            weight=200.0,
            phases=paraphrase_then_distil,
            source="RepDistiller's CIFAR-100 runs",
            blind_to=MIRRORS | SCALES | BATCH,
            equation=energy_ft,
        ),
    },
)
