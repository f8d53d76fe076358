"""The step from one layer to the next: flow matrices (FSP), channels of the first map by channels of the second."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, named, to_array

SIGNED = "PuOr"  # purple above zero, orange below: two hues that all readers can tell apart


def flow_matrix(flow: Numbers, *, limit: float | None = None, bar: bool = True, ax: Axes | None = None) -> Axes:
    """Heat map of one flow matrix: which channel of the first map goes together with which of the second.

    Args:
        flow: (m, n), such as the mean over a batch of `fsp_matrix(f1, f2)`.
        limit: the value of the darkest colours, white is zero; None takes the largest.
        bar: whether to add a colour bar.
    """
    flow = _matrix(flow, "flow")
    if limit is not None and not limit > 0:
        raise ValueError(f"limit is {limit}; expected a positive number, or None.")
    ax = style.axes(ax, figsize=(5, 4))
    heat = _draw(ax, flow, limit or _largest([flow]))
    ax.set(xlabel="channel of the second map", ylabel="channel of the first map")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_title("Which channels go together")
    if bar:
        _scale(ax.figure.colorbar(heat, ax=ax, label="mean product"), flow)
    return ax


def flow_history(
    flows: Sequence[Numbers], target: Numbers, *, epochs: Sequence[int] | None = None, columns: int = 5
) -> Figure:
    """One pair's matrix over the epochs of the first phase, and at the end the one that it should become.

    The colours are the aim's: a student that overshoots is as dark as it gets, and does not make the others pale.

    Args:
        flows: (m, n) of the student, one per epoch; of more than `columns` an evenly spaced choice is shown.
        target: (m, n) of the teacher.
        epochs: their numbers; None counts from 0, before training.
        columns: how many of the student's to show at most, with the first and the last.
    """
    target = _matrix(target, "target")
    matrices = [_matrix(flow, f"flow {i}") for i, flow in enumerate(flows)]
    epochs = list(range(len(matrices)) if epochs is None else epochs)
    if not matrices or len(epochs) != len(matrices) or columns < 2:
        raise ValueError(
            f"{len(matrices)} matrices came with {len(epochs)} epochs for {columns} columns; expected at least one "
            "matrix, an epoch for each, and two columns or more."
        )
    if wrong := [matrix.shape for matrix in matrices if matrix.shape != target.shape]:
        raise ValueError(f"A flow has shape {wrong[0]}, the target {target.shape}; expected equal widths.")
    shown = np.unique(np.linspace(0, len(matrices) - 1, min(columns, len(matrices))).round().astype(int))
    limit = _largest([target])
    figure = plt.figure(figsize=(8, 2.6), layout="constrained")
    panels = figure.subplots(1, len(shown) + 1)
    for ax, i in zip(panels, shown, strict=False):
        _draw(ax, matrices[i], limit)
        ax.set_title(f"epoch {epochs[i]}", fontsize=10)
    heat = _draw(panels[-1], target, limit)
    panels[-1].set_title("the aim", color=style.TEACHER, fontsize=10)
    beyond = {sign for i in shown for sign in (-1, 1) if (sign * matrices[i]).max() > limit}
    extend = {(): "neither", (-1,): "min", (1,): "max", (-1, 1): "both"}[tuple(sorted(beyond))]
    _scale(figure.colorbar(heat, ax=list(panels), shrink=0.7, extend=extend), target, *matrices)
    style.headline(figure, "Epoch by epoch the step becomes the teacher's")
    return figure


def flow_distances(
    distances: Mapping[str, Numbers], *, epochs: Sequence[int] | None = None, ax: Axes | None = None
) -> Axes:
    """How far the student's matrices are from the teacher's over the epochs of the first phase, on a log axis.

    Args:
        distances: pair of layers -> (E,) positive distances.
        epochs: (E,) numbers; None counts from 0, before training.
    """
    curves = named(distances, "distances", "(E,)", "'stem → stage 1': numbers")
    count = len(next(iter(curves.values())))
    epochs = np.arange(count) if epochs is None else np.asarray(epochs)
    for name, values in curves.items():
        if len(values) != len(epochs) or values.min() <= 0:
            raise ValueError(
                f"distances of {name!r} are {len(values)} values from {values.min():.3g} for {len(epochs)} epochs; "
                "expected one positive number per epoch."
            )
    ax = style.axes(ax, figsize=(6, 3.5))
    for (name, values), colour, marker in zip(curves.items(), cycle(style.OTHERS), cycle(style.MARKERS), strict=False):
        ax.plot(epochs, values, color=colour, marker=marker, label=name)
    ax.set(
        yscale="log",
        xlabel="epoch",
        ylabel="distance to the teacher's",
        title="How far each step is from the teacher's",
    )
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")  # 0.5, not 5 x 10^-1
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(True)
    ax.legend()
    return ax


def _matrix(flow: Numbers, name: str) -> np.ndarray:
    flow = to_array(flow, name, "(m, n)").astype(float)
    check_finite(flow, name)
    return flow


def _largest(matrices) -> float:
    return max(np.abs(matrix).max() for matrix in matrices) or 1.0


def _draw(ax: Axes, flow: np.ndarray, limit: float):
    heat = ax.imshow(flow, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto")
    ax.set(xticks=[], yticks=[])
    return heat


def _scale(bar: Colorbar, *matrices: np.ndarray) -> None:
    """Behind a ReLU no product is negative: leave out the colours that cannot occur."""
    if all(matrix.min() >= 0 for matrix in matrices):
        bar.ax.set_ylim(bottom=0)
