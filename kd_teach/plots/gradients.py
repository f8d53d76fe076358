"""How hard a loss pulls: the size of gradients over temperatures, per term, per layer.

Why KD is multiplied by T^2: Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, 2015, section 2.
https://arxiv.org/abs/1503.02531
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from torch import Tensor

from kd_teach.measures.logits import accuracy
from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, named, to_array

KEY_COLUMNS = 3
TEMPERATURES = tuple(np.geomspace(1, 32, 26).tolist())


def soft_gradient_norm(z_s: Tensor, z_t: Tensor, temperature: float) -> Tensor:
    """Norm of the gradient of T^2 KL(p_t || p_s) on each image's student logits, T |p_s - p_t|: (N,)."""
    p_s, p_t = ((z.double() / temperature).softmax(dim=1) for z in (z_s, z_t))
    return temperature * (p_s - p_t).norm(dim=1)


def gradient_by_temperature(
    z_s: Numbers,
    z_t: Numbers,
    labels: Numbers | None = None,
    *,
    temperatures: Sequence[float] = TEMPERATURES,
    ax: Axes | None = None,
) -> Axes:
    """Size of the gradient of soft targets over temperatures, with and without T^2, on log axes.

    Args:
        z_s, z_t: logits (N, K) of student and teacher for the same images.
        labels: (N,) class numbers; with them a line shows the gradient of cross-entropy, which has no temperature.
        temperatures: values of T, each > 0.

    Drawn is the mean over images of the norm on the student's logits. With T^2 it tends to |z_s - z_t| / K (logits
    centred), a dotted line; without, it falls by 1 / T^2.

    Raises:
        ValueError: shapes that do not fit, a logit that is not finite, labels outside 0..K-1, no or non-positive
            temperatures, or the same probabilities everywhere: there is nothing to draw on a log axis.
    """
    logits = named({"student": z_s, "teacher": z_t}, "logits", "(N, K)", "", alike=True)
    z_s, z_t = map(torch.from_numpy, logits.values())
    if not len(temperatures) or not all(t > 0 for t in temperatures):
        raise ValueError(f"temperatures are {list(temperatures)}; expected at least one, all positive.")
    hard = None if labels is None else _hard_gradient_norm(z_s, labels)
    temperatures = np.asarray(temperatures, dtype=float)
    kept = np.array([soft_gradient_norm(z_s, z_t, t).mean().item() for t in temperatures])
    if not kept.min() > 0:
        raise ValueError("z_s and z_t give the same probabilities: the gradient is zero at a temperature.")
    difference = z_s - z_t
    limit = (difference - difference.mean(1, keepdim=True)).norm(dim=1).mean().item() / z_s.shape[1]

    ax = style.axes(ax, figsize=(7, 4))
    ax.plot(temperatures, kept, color=style.DISTILLED, marker="o", markersize=3, label="with T²: T |p_s - p_t|")
    bare = kept / temperatures**2
    ax.plot(temperatures, bare, color=style.ALONE, marker="s", markersize=3, label="without T²: |p_s - p_t| / T")
    ax.axhline(limit, color=style.DISTILLED, linestyle=":", label="limit for high T: |z_s - z_t| / K")
    if hard is not None:
        ax.axhline(hard, color=style.INK, linestyle="--", linewidth=1.2, label="cross-entropy with the labels")
    ax.set(xscale="log", yscale="log", xlabel="temperature T", ylabel="gradient on the logits, mean norm")
    ticks = [t for t in (1, 2, 4, 8, 16, 32, 64) if temperatures.min() <= t <= temperatures.max()]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_title("T² keeps the pull of soft targets; without it they fade")
    ax.grid(True)
    ax.legend()
    return ax


def gradient_by_layer(
    norms: Mapping[str, Mapping[str, float]],
    *,
    colours: Sequence[str] | None = None,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The norm of each term's gradient on the features of every layer: bars side by side, log axis.

    Args:
        norms: term -> (layer -> norm); the same layers in all.
        colours: one per term; None takes the style's.
        limits: where the axis begins and ends; None fits it to the bars.

    Where a term has no gradient stands a 0: the loss looks at layers further down only.

    Raises:
        ValueError: no terms or layers, other layers in another term, numbers that are negative or not finite, or
            zeros only.
    """
    if not norms:
        raise ValueError("No norms to draw; pass at least one term.")
    bars = {term: _check_sizes(sizes, f"norms of {term!r}") for term, sizes in norms.items()}
    layers = list(next(iter(bars.values())))
    for term, sizes in bars.items():
        if list(sizes) != layers:
            raise ValueError(f"The layers of {term!r} are {list(sizes)}; expected {layers} as in the first term.")
    low, high = limits or _log_limits(bars, key_rows=1 + (len(bars) - 1) // KEY_COLUMNS)
    ax = style.axes(ax, figsize=(7, 3.5))
    width = 0.8 / len(bars)
    for i, ((term, sizes), colour) in enumerate(zip(bars.items(), colours or style.colours(bars), strict=True)):
        places = np.arange(len(layers)) + (i - (len(bars) - 1) / 2) * width
        ax.bar(places, [size or np.nan for size in sizes.values()], width, color=colour, label=term)  # no log of 0
        for place, size in zip(places, sizes.values(), strict=True):
            if size == 0:
                ax.text(place, low, "0", ha="center", va="bottom", fontsize=8, color=colour, weight="bold")
    ax.set_xticks(range(len(layers)), layers)
    ax.set(xlim=(-0.6, len(layers) - 0.4), yscale="log", ylim=(low, high), ylabel="norm of the gradient")
    ax.set_title("How hard each term pulls at each layer")
    ax.grid(True, axis="y")
    ax.legend(loc="upper left", ncols=KEY_COLUMNS)
    return ax


def gradient_cosines(cosines: Mapping[str, float], *, ax: Axes | None = None) -> Axes:
    """Whether two gradients point the same way: a bar from -1 to 1 per layer.

    Args:
        cosines: layer -> cosine in [-1, 1]; NaN where one of the gradients is zero: "none" stands there.
    """
    cosines = dict(cosines)
    values = np.array(list(cosines.values()), dtype=float)
    if not len(values) or (np.abs(values) > 1 + 1e-6).any():
        raise ValueError(f"The cosines are {values.tolist()}; expected at least one, all from -1 to 1 or NaN.")
    ax = style.axes(ax, figsize=(5, 3.5))
    colours = [style.DISTILLED if value >= 0 else style.ALONE for value in values]
    ax.barh(range(len(values)), values, color=colours, height=0.7)
    for row, value in enumerate(values):
        side = -1 if value >= 0 else 1  # the empty one
        note = "none" if np.isnan(value) else f"{round(value, 2) + 0.0:+.2f}"
        ax.text(0.04 * side, row, note, ha="left" if side > 0 else "right", va="center", fontsize=8)
    ax.axvline(0, color=style.INK, linewidth=0.8)
    ax.set_yticks(range(len(values)), cosines)
    ax.set(xlim=(-1, 1), ylim=(len(values) - 0.5, -0.5), xlabel="against ←  cosine  → along")
    ax.set_title("Do the two pull the same way?")
    ax.grid(True, axis="x")
    return ax


def _hard_gradient_norm(z_s: Tensor, labels: Numbers) -> float:
    """Mean over images of |p_s - y|, y the label's one-hot vector."""
    labels = torch.from_numpy(to_array(labels, "labels", "(N,)"))
    accuracy(z_s, labels)  # checks that the labels fit
    one_hot = torch.nn.functional.one_hot(labels, z_s.shape[1])
    return (z_s.softmax(dim=1) - one_hot).norm(dim=1).mean().item()


def _check_sizes(sizes: Mapping[str, float], name: str) -> dict[str, float]:
    sizes = {key: float(size) for key, size in sizes.items()}
    if not sizes or not all(0 <= size < np.inf for size in sizes.values()):
        raise ValueError(f"{name} is {sizes}; expected at least one number, none negative or infinite.")
    return sizes


def _log_limits(bars: Mapping[str, Mapping[str, float]], *, key_rows: int = 0) -> tuple[float, float]:
    """Where a log axis for these bars begins and ends: the smallest bar keeps some length, a key has room above."""
    positive = [size for sizes in bars.values() for size in sizes.values() if size > 0]
    if not positive:
        raise ValueError("All norms are zero; there is nothing to draw on a log axis.")
    low, most = 10 ** np.floor(np.log10(min(positive)) - 0.3), max(positive)
    return low, most * max(2, (most / low) ** (0.16 * key_rows))
