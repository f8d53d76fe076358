"""VID with handles: move the sigma of one channel and see what the Gaussian costs.

Ahn et al., Variational Information Distillation for Knowledge Transfer, CVPR 2019. https://arxiv.org/abs/1904.05835
"""

from collections.abc import Sequence
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from torch import Tensor

from kd_teach.course.widgets.explorer import Explorer
from kd_teach.methods.vid import INITIAL_VARIANCE, VARIANTS
from kd_teach.plots import style

FLOOR = VARIANTS["paper"]["floor"]  # smallest sigma^2 that the loss allows
SIGMAS = np.geomspace(FLOOR**0.5, 10**1.5, 161)
SAMPLES = 20_000  # residuals of a channel that the histogram is made of


def vid_widget(guess: Tensor | None = None, hint: Tensor | None = None) -> Explorer:
    """A slider for sigma, a picker for the channel: the cost curve with its minimum, and the residuals themselves.

    Args:
        guess: (N, C, H, W), the mean that the student's regressor predicts: `loss.stages[k].mean(f_s)`.
        hint: (N, C, H, W), the teacher's map. None for both makes a small example.
    """
    if (guess is None) != (hint is None):
        raise ValueError("Pass guess and hint together, or none of them for a small example.")
    if guess is None:
        guess, hint = example()
    if guess.shape != hint.shape or hint.ndim != 4:
        raise ValueError(f"The guess is {tuple(guess.shape)}, the hint {tuple(hint.shape)}; expected one (N, C, H, W).")
    residuals = (hint - guess).detach().float().transpose(0, 1).flatten(1)  # (C, NHW)
    squares = residuals.square().mean(dim=1)  # (C,)
    order = squares.argsort()  # from predictable to unpredictable
    residuals, squares = residuals[order].numpy(), squares[order].tolist()
    every = max(1, residuals.shape[1] // SAMPLES)
    wide = {"layout": {"width": "520px"}, "style": {"description_width": "220px"}}
    controls = {
        "sigma": ipywidgets.FloatLogSlider(
            INITIAL_VARIANCE**0.5,
            base=10,
            min=-1,
            max=1.5,
            step=0.05,
            readout_format=".2f",
            description="σ of this channel",
            **wide,
        ),
        "rank": ipywidgets.IntSlider(
            1 + len(squares) // 2, min=1, max=len(squares), description="channel, most predictable first", **wide
        ),
    }
    draw = partial(draw_sigma, residuals[:, ::every], squares, order.tolist())
    best = max(squares[0], FLOOR) ** 0.5
    return Explorer(draw, controls, static=[{"rank": 1}, {"rank": 1, "sigma": best}])  # its start and its end


def cost(sigma: float | np.ndarray, square: float) -> float | np.ndarray:
    """What one entry of a channel costs: 1/2 (log sigma^2 + r / sigma^2), r its mean squared residual."""
    return 0.5 * (np.log(sigma**2) + square / sigma**2)


def draw_sigma(
    residuals: np.ndarray, squares: Sequence[float], names: Sequence[int], sigma: float, rank: int
) -> Figure:
    """Left the cost over sigma, right the residuals under the Gaussian; `rank` counts from 1."""
    square, name = squares[rank - 1], names[rank - 1]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
    draw_cost(left, sigma, square)
    reach = max(4 * square**0.5, 0.1)
    heights, edges = np.histogram(residuals[rank - 1], bins=41, range=(-reach, reach), density=True)
    right.stairs(heights, edges, fill=True, color=style.OTHERS[2])
    at = np.linspace(-reach, reach, 161)
    density = np.exp(-0.5 * (at / sigma) ** 2) / (sigma * (2 * np.pi) ** 0.5)
    right.plot(at, density, color=style.DISTILLED)
    right.set_xticks([-reach / 2, 0, reach / 2], [f"−{reach / 2:.2g}", "0", f"{reach / 2:.2g}"])
    right.set(xlim=(-reach, reach), ylim=(0, 1.4 * heights.max()), yticks=[], xlabel="teacher − student's guess")
    right.set_title(f"Channel {name}: residuals and Gaussian", fontsize=10)
    return figure


def draw_cost(ax: Axes, sigma: float, square: float) -> None:
    """The curve, its minimum at sigma^2 = r (or the floor), and the present sigma."""
    best, now = max(square, FLOOR) ** 0.5, cost(sigma, square)
    lowest = cost(best, square)
    top = max(4.0, now - lowest)  # of the curve, over its minimum
    curve = cost(SIGMAS, square)
    ax.plot(SIGMAS, np.where(curve <= lowest + top, curve, np.nan), color=style.INK, label="½ (log σ² + r / σ²)")
    what = f"best: σ² = r = {square:.3g}" if square >= FLOOR else f"best: σ² at its floor {FLOOR} (r = {square:.2g})"
    ax.plot(best, lowest, "*", color=style.TEACHER, markersize=13, label=what)
    ax.plot(sigma, now, "o", color=style.DISTILLED, markersize=9, label=f"now: σ² = {sigma**2:.3g}")
    ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())  # few ticks: they cost most of the drawing time
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.set(xlim=(SIGMAS[0] / 1.2, SIGMAS[-1]), ylim=(lowest - 0.1 * top, lowest + 1.6 * top), xlabel="σ")
    ax.set_title(f"Cost now {now:.2f}, at best {lowest:.2f}", fontsize=10)
    ax.legend(loc="upper center", fontsize=8)


def example() -> tuple[Tensor, Tensor]:
    """Eight channels of 16 images; the guess is worse from channel to channel."""
    noise = torch.Generator().manual_seed(0)
    hint = torch.randn(16, 8, 8, 8, generator=noise)
    off = torch.tensor([0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 4]).view(-1, 1, 1)
    return hint + off * torch.randn(hint.shape, generator=noise), hint
