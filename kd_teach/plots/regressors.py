"""How much of a hint the student knows: R^2 of a regressor, channel by channel, and the guessed maps themselves.

Hints: Romero et al., FitNets: Hints for Thin Deep Nets, ICLR 2015. https://arxiv.org/abs/1412.6550
"""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, to_array
from kd_teach.plots.images import WIDTH

LOWEST = -0.5  # R^2 at which the axis ends: a guess worse than that is no better known for its size


def r_squared(guess: Tensor, hint: Tensor) -> Tensor:
    """Share of each hint channel's variance that the guess explains, (C,).

    R^2 = 1 - sum (hint - guess)^2 / sum (hint - mean of the channel)^2.
    1 is a perfect guess, 0 as good as the channel's mean, below 0 worse than that. A channel that never changes has
    nothing to explain: NaN. Take images that the regressor was not trained on.

    Args:
        guess, hint: (N, C, H, W), the regressor's map and the teacher's.
    """
    if guess.shape != hint.shape or guess.ndim != 4 or 0 in guess.shape:
        raise ValueError(
            f"The guess has shape {tuple(guess.shape)}, the hint {tuple(hint.shape)}; expected the same (N, C, H, W)."
        )
    guess, hint = guess.detach().double(), hint.detach().double()
    off = (hint - guess).square().sum(dim=(0, 2, 3))  # (C,)
    spread = (hint - hint.mean(dim=(0, 2, 3), keepdim=True)).square().sum(dim=(0, 2, 3))
    return torch.where(spread > 0, 1 - off / spread, torch.nan)


def fit_regressor(f_s: Tensor, f_t: Tensor) -> nn.Conv2d:
    """The 1x1 convolution that guesses f_t (N, C_t, H, W) best from f_s (N, C_s, H, W): least squares, no training.

    How much of the teacher's map the student's channels hold linearly, place by place, before any hint.
    """
    if f_s.ndim != 4 or f_t.ndim != 4 or f_s.shape[::2] != f_t.shape[::2] or f_s.shape[3] != f_t.shape[3]:
        raise ValueError(
            f"The student's map is {tuple(f_s.shape)}, the teacher's {tuple(f_t.shape)}; expected (N, C, H, W) with "
            "the same N, H, W. Pool the larger one first."
        )
    x, y = (f.detach().double().transpose(0, 1).flatten(1).T for f in (f_s, f_t))  # (NHW, C)
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    weight = torch.linalg.pinv(x - x_mean) @ (y - y_mean)  # (C_s, C_t); dead channels get no weight
    layer = nn.Conv2d(x.shape[1], y.shape[1], kernel_size=1, device=f_s.device).requires_grad_(False)
    layer.weight.copy_(weight.T[..., None, None])
    layer.bias.copy_(y_mean - x_mean @ weight)
    return layer


def r_squared_bars(scores: Mapping[str, Numbers], *, ax: Axes | None = None) -> Axes:
    """R^2 of each hint channel, the best guessed first, a bar per series: before and after training, or networks.

    Args:
        scores: series' name -> R^2 (C,); sorted by the last. Channels that are NaN in one are left out.

    The axis ends at -0.5; a bar that reaches the lower edge may go on below. The legend has the medians.
    """
    values = _scores(scores)
    alive = np.flatnonzero(~np.isnan(np.stack(list(values.values()))).any(axis=0))
    order = alive[np.argsort(-list(values.values())[-1][alive], kind="stable")]
    ax = style.axes(ax, figsize=(WIDTH, 3))
    places, thickness = np.arange(len(order)), 0.86 / len(values)
    for i, ((name, series), colour) in enumerate(zip(values.items(), style.colours(values), strict=True)):
        offset = (i - (len(values) - 1) / 2) * thickness
        label = f"{name}: median {np.median(series[order]):.2f}"
        ax.bar(places + offset, series[order], thickness, color=colour, label=label)
    dead = len(next(iter(values.values()))) - len(order)
    ax.set_xticks(places, order, fontsize=min(9, 460 / len(order)), rotation=90 if len(order) > 24 else 0)
    left_out = f" ({dead} that never change left out)" if dead else ""
    lowest = min(series[order].min() for series in values.values())
    ax.set(
        xlim=(-0.7, len(order) - 0.3),
        ylim=(max(LOWEST, min(0, 1.05 * lowest)), 1),
        xlabel="channel of the hint, the best guessed first" + left_out,
        ylabel="R² on held-out images",
        title="How much of each of the teacher's channels the student knows",
    )
    ax.axhline(0, color=style.INK, linewidth=1)
    ax.grid(True, axis="y")
    ax.legend(loc="upper right")
    return ax


def _scores(scores: Mapping[str, Numbers]) -> dict[str, np.ndarray]:
    if not scores:
        raise ValueError("No scores to draw; pass at least one series: {'after': r_squared(guess, hint)}.")
    values = {name: to_array(series, f"scores {name!r}", "(C,)").astype(float) for name, series in scores.items()}
    stacked = list(values.values())
    if len({len(series) for series in stacked}) > 1:
        raise ValueError(f"The series have {[len(series) for series in stacked]} channels; expected the same number.")
    if any((np.isinf(series) | (series > 1)).any() for series in stacked) or np.isnan(stacked).any(axis=0).all():
        raise ValueError("scores holds no number, infinity or more than 1; expected R^2, at most 1: r_squared(...).")
    return values
