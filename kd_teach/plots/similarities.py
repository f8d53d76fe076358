"""Which samples of a batch look alike to a network: matrices (N, N) sorted by class, and what lies behind them.

One picture serves similarities (SP), kernel values (CC) and distance ratios (RKD): `kd_teach.methods` computes them.
"""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import AxesImage

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_names, named, to_array

NAMED = 20  # classes up to which boundaries and names are drawn
ALIKE = "Sorted by class: bright squares on the diagonal = samples of one class look alike"


def similarity_matrix(
    similarity: Numbers,
    labels: Numbers | None = None,
    classes: Sequence[str] | None = None,
    *,
    limits: tuple[float, float] | None = None,
    colour_label: str | None = "similarity",
    ax: Axes | None = None,
) -> Axes:
    """Heat map of how N samples relate, sorted by class, with a line where a new class begins.

    Args:
        similarity: (N, N), in the order of the batch; need not be symmetric.
        labels: (N,) class numbers; None leaves the order as it is.
        classes: names by class number; None shows the numbers. More than 20 classes have neither names nor lines.
        limits: the values of the darkest and the brightest colour; None takes the 1st and 99th percentile of those off
            the diagonal, where samples meet themselves: a few near twins would leave all others dark.
        colour_label: what the colour bar says; None draws no bar.
    """
    values = square(similarity, "similarity")
    labels = class_numbers(labels, classes, len(values))
    ax = style.axes(ax, figsize=(6, 5))
    limits = limits or _range([values])
    heat = _heat_map(ax, values, labels, classes, limits)
    if labels is not None:
        ax.set_title("Sorted by class: where one looks alike, its square is bright")
    else:
        ax.set_title("How alike each pair of samples looks")
    if colour_label is not None:
        ax.figure.colorbar(heat, ax=ax, label=colour_label, extend=_beyond([values], limits))
    return ax


def similarity_report(
    similarities: Mapping[str, Numbers],
    labels: Numbers | None = None,
    classes: Sequence[str] | None = None,
    *,
    shared: bool = True,
    colour_label: str = "similarity",
    title: str = ALIKE,
) -> Figure:
    """Matrices side by side, 8 inches wide: teacher, student alone and distilled student, or several kernels.

    Args:
        similarities: name -> (N, N), all of the same samples in the same order.
        labels, classes: as for `similarity_matrix`.
        shared: one colour scale for all. If not, each matrix has its own: for kernels, whose values mean other things.
            It goes from the 1st to the 99th percentile off the diagonal.
        colour_label, title: what the colours are, and what to see.
    """
    # Square panels fill no row of this shape; "compressed" brings them together, and up to the title.
    # Low enough that the height decides how large a square is: titles are placed too low where the width does.
    height = (0.75 if shared else 1.4) + 6.1 / max(2, len(similarities))
    figure = plt.figure(figsize=(8, height), layout="compressed")
    with style.closed_on_error(figure):
        side_by_side(figure, similarities, labels, classes, shared, colour_label, title)
    return figure


def kernel_curves(
    curves: Mapping[str, Numbers], grid: Numbers, *, cosines: Numbers | None = None, ax: Axes | None = None
) -> Axes:
    """Kernel values as functions of the cosine between two samples; grey: how often each cosine occurs.

    Args:
        curves: kernel's name -> (M,) values.
        grid: (M,) the cosines that they belong to.
        cosines: (N, N) of a batch; the diagonal does not count.
    """
    grid = to_array(grid, "grid", "(M,)")
    lines = named(curves, "curves", "(M,)", "'bilinear': grid", alike=True)
    if (count := len(next(iter(lines.values())))) != len(grid):
        raise ValueError(f"The curves have {count} values for {len(grid)} cosines; pass one per cosine.")
    seen = None if cosines is None else off_diagonal(square(cosines, "cosines"))
    ax = style.axes(ax, figsize=(6, 4))
    if seen is not None:
        counts = ax.twinx()
        counts.hist(seen, bins=np.linspace(-1, 1, 41), color="#DDDDDD", histtype="stepfilled")
        counts.set(yticks=[])
        counts.spines[:].set_visible(False)
        ax.set_zorder(counts.get_zorder() + 1)
        ax.patch.set_visible(False)
    for i, (name, values) in enumerate(lines.items()):
        ax.plot(grid, values, color=style.OTHERS[i], linestyle=("-", "--", ":")[i % 3], label=name, linewidth=2.2)
    occurring = "" if seen is None else " (grey: how often in this batch)"
    ax.set(xlabel="cosine between two samples" + occurring, ylabel="kernel value")
    ax.set_title("What a kernel makes of a cosine")
    ax.grid(True)
    ax.legend(loc="upper left")
    return ax


def side_by_side(figure: FigureBase, matrices, labels, classes, shared: bool, colour_label: str, title: str) -> None:
    values = squares(matrices, "matrices", alike=True)
    labels = class_numbers(labels, classes, len(next(iter(values.values()))))
    panels = figure.subplots(1, len(values), squeeze=False)[0]
    common = _range(values.values())
    for ax, (name, matrix), colour in zip(panels, values.items(), style.colours(values), strict=True):
        limits = common if shared else _range([matrix])
        heat = _heat_map(ax, matrix, labels, classes, limits)
        ax.set_title(name, color=colour if shared else style.INK)
        if ax is not panels[0]:
            ax.set_yticklabels([])
        if not shared:
            figure.colorbar(heat, ax=ax, location="bottom", shrink=0.9, extend=_beyond([matrix], limits))
    if shared:
        extend = _beyond(values.values(), common)
        figure.colorbar(heat, ax=list(panels), label=colour_label, shrink=0.75, extend=extend)
    style.headline(figure, title)


def _heat_map(ax: Axes, values: np.ndarray, labels, classes, limits: tuple[float, float]) -> AxesImage:
    order = np.arange(len(values)) if labels is None else np.argsort(labels, kind="stable")
    heat = ax.imshow(values[np.ix_(order, order)], cmap=style.SEQUENTIAL, vmin=limits[0], vmax=limits[1])
    ax.spines[:].set_visible(False)
    if labels is None:
        return heat
    present, counts = np.unique(labels, return_counts=True)
    ends = counts.cumsum()
    ax.set(xticks=[], yticks=[])
    if len(present) <= NAMED:
        span = -0.5, len(labels) - 0.5
        ax.vlines(ends[:-1] - 0.5, *span, color="white", linewidth=0.8)
        ax.hlines(ends[:-1] - 0.5, *span, color="white", linewidth=0.8)
        names = [str(k) if classes is None else classes[k] for k in present]
        ax.set_xticks(ends - counts / 2 - 0.5, names, rotation=90, fontsize=8)
        ax.set_yticks(ends - counts / 2 - 0.5, names, fontsize=8)
        ax.tick_params(length=0)
    return heat


def squares(matrices: Mapping[str, Numbers], what: str, *, alike: bool = False) -> dict[str, np.ndarray]:
    values = named(matrices, what, "(N, N)", "'teacher': numbers", alike=alike)
    for name, matrix in values.items():
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"{what} of {name!r}: {matrix.shape}; expected (N, N), every sample against every other.")
    return values


def square(matrix: Numbers, name: str) -> np.ndarray:
    return squares({name: matrix}, "values")[name]


def class_numbers(labels: Numbers | None, classes: Sequence[str] | None, count: int) -> np.ndarray | None:
    if labels is None:
        return None
    labels = to_array(labels, "labels", "(N,)")
    if len(labels) != count or labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype} {labels.shape}; expected {count} class numbers, one per sample.")
    if classes is not None and labels.max() >= len(classes):
        check_names(classes, int(labels.max()) + 1, "labels")
    return labels


def off_diagonal(values: np.ndarray) -> np.ndarray:
    return values[~np.eye(len(values), dtype=bool)] if len(values) > 1 else values.ravel()


def _range(matrices: Iterable[np.ndarray]) -> tuple[float, float]:
    """What the colours span: the middle 98 % of the values off the diagonals, of all matrices together."""
    low, high = np.quantile(np.concatenate([off_diagonal(values) for values in matrices]), (0.01, 0.99))
    return float(low), float(high)


def _beyond(matrices: Iterable[np.ndarray], limits: tuple[float, float]) -> str:
    """Which ends of a colour bar stand for values beyond them: its `extend`."""
    others = np.concatenate([off_diagonal(values) for values in matrices])
    below, above = others.min() < limits[0], others.max() > limits[1]
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
