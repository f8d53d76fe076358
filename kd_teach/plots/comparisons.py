"""Two networks compared class by class, and what each method costs."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from kd_teach.measures.logits import confusion
from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, check_names, to_array

ANNOTATED = 10  # classes up to which each cell of a heat map has its number
DIVERGING = "RdBu"  # red below zero, white at zero, blue (the teacher's colour) above


def logit_difference(
    z_t: Numbers, z_s: Numbers, classes: Sequence[str], *, label: int | None = None, ax: Axes | None = None
) -> Axes:
    """Teacher's logits less the student's, of one image: a bar per class, blue where the teacher gives more.

    Args:
        z_t, z_s: (K,) of one image; each is centred first, as adding a number to all logits changes no probability.
        classes: K names.
        label: the true class; its name is set bold and marked.
        ax: where to draw; None makes a figure 6 inches wide.

    Raises:
        ValueError: shapes that do not fit, a logit that is not finite, a label outside 0..K-1.
    """
    z_t, z_s = (to_array(z, name, "(K,)").astype(float) for z, name in ((z_t, "z_t"), (z_s, "z_s")))
    _check_pair(z_t, z_s, classes)
    if label is not None and not 0 <= label < len(z_t):
        raise ValueError(f"label is {label}; expected 0..{len(z_t) - 1}, or None.")
    difference = (z_t - z_t.mean()) - (z_s - z_s.mean())
    ax = style.axes(ax, figsize=(6, 1.2 + 0.24 * len(classes)))
    marked = [name + (" (true)" if k == label else "") for k, name in enumerate(classes)]
    _signed_bars(ax, difference, marked, [f"{d:+.1f}" for d in difference])
    if label is not None:
        ax.get_yticklabels()[int(label)].set_fontweight("bold")
    ax.set(xlabel="teacher's logit - student's, both centred", title="What the student has to raise (blue) or lower")
    return ax


def logit_differences(
    z_t: Numbers,
    z_s: Numbers,
    labels: Numbers,
    classes: Sequence[str],
    *,
    limit: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Teacher's logits less the student's, averaged over the images of each class: a heat map.

    Args:
        z_t, z_s: (N, K) for the same images; each image's logits are centred first.
        labels: (N,) class numbers; every class must have an image.
        classes: K names.
        limit: where the colours end, on both sides of zero; None takes the largest value.
        ax: where to draw; None makes a figure that fits K.

    Raises:
        ValueError: shapes that do not fit, a logit that is not finite, a label outside 0..K-1, a class without images.
    """
    means = _mean_differences(z_t, z_s, labels, classes)
    count = len(classes)
    side = 4.2 if count <= ANNOTATED else min(8.0, 3 + 0.12 * count)
    ax = style.axes(ax, figsize=(side + 2.2, side + 1))
    heat = _draw_differences(ax, means, classes, limit or np.abs(means).max())
    ax.set_title("What the student has to raise (blue) or lower (red)")
    ax.figure.colorbar(heat, ax=ax, label="teacher's logit - student's, mean")
    return ax


def logit_difference_report(
    z_t: Numbers, students: Mapping[str, Numbers], labels: Numbers, classes: Sequence[str]
) -> Figure:
    """`logit_differences` of several students under one teacher, side by side, with the same colours for all.

    Args:
        z_t, labels, classes: as for `logit_differences`.
        students: name -> logits (N, K).

    Raises:
        ValueError: as for `logit_differences`, or no students.
    """
    if not students:
        raise ValueError("No students to draw; pass at least one: {'student alone': logits}.")
    means = {name: _mean_differences(z_t, z_s, labels, classes) for name, z_s in students.items()}
    limit = max(np.abs(m).max() for m in means.values())
    figure, panels = plt.subplots(
        1, len(means), figsize=(min(4 * len(means) + 1, 12), 4.6), layout="constrained", squeeze=False, sharey=True
    )
    for ax, (name, m) in zip(panels[0], means.items(), strict=True):
        heat = _draw_differences(ax, m, classes, limit)
        ax.set_title(f"{name}: {np.abs(m).mean():.2f} off on average", fontsize=10)
        ax.label_outer()
    figure.colorbar(heat, ax=panels[0], label="teacher's logit - student's, mean", shrink=0.7)
    return figure


def class_accuracy_change(
    before: Numbers,
    after: Numbers,
    classes: Sequence[str],
    *,
    names: tuple[str, str] = ("alone", "distilled"),
    ax: Axes | None = None,
) -> Axes:
    """Which classes win and which lose: the change of each class's accuracy, the largest gain on top.

    Args:
        before, after: confusion matrices (K, K) of counts, row = true class (`metrics.confusion`).
        classes: K names.
        names: what the two networks are called.
        ax: where to draw; None makes a figure 7 inches wide.

    Raises:
        ValueError: shapes that do not fit, negative or infinite counts, a class without images, other images than
            in the other matrix (rows that sum to another number).
    """
    accuracies, totals = [], []
    for matrix, name in ((before, "before"), (after, "after")):
        matrix = to_array(matrix, name, "(K, K)").astype(float)
        check_finite(matrix, name)
        check_names(classes, len(matrix), name)
        total = matrix.sum(1)
        if matrix.shape != (len(classes),) * 2 or matrix.min() < 0 or total.min() <= 0:
            raise ValueError(
                f"{name} has shape {matrix.shape} and row sums from {total.min():g}; expected counts (K, K) with "
                "images of every class: metrics.confusion(logits, labels, classes)."
            )
        accuracies.append(100 * matrix.diagonal() / total)
        totals.append(total)
    if not np.array_equal(*totals):
        raise ValueError("before and after count other numbers of images per class; pass matrices of the same images.")
    old, new = accuracies
    order = np.argsort(old - new, kind="stable")
    ax = style.axes(ax, figsize=(7, 1.3 + 0.26 * len(classes)))
    notes = [f"{n - o:+.0f}  ({o:.0f} → {n:.0f} %)" for o, n in zip(old[order], new[order], strict=True)]
    _signed_bars(ax, (new - old)[order], [classes[k] for k in order], notes, colours=(style.DISTILLED, style.ALONE))
    overall = np.average(new - old, weights=totals[0])
    ax.set_xlabel(f"change of accuracy from {names[0]} to {names[1]} (points)")
    ax.set_title(f"Who wins, who loses: {overall:+.1f} points over all images")
    return ax


def cost_report(costs: pd.DataFrame, *, baseline: str | None = None) -> Figure:
    """What each method costs: a panel of bars per column, the methods in the same rows, 8 inches wide.

    Args:
        costs: a row per method, a column per cost; a column's name is the axis label ("seconds per epoch", "MB").
        baseline: a row to compare with: the others' bars say how many times as much they need.

    Raises:
        ValueError: an empty table, values that are negative or not finite, a baseline that is not in the table.
    """
    if costs.empty:
        raise ValueError("The table of costs is empty; expected a row per method and a column per cost.")
    values = costs.to_numpy(float)
    check_finite(values, "costs")
    if values.min() < 0:
        raise ValueError(f"costs holds {values.min():g}; expected no negative numbers.")
    if baseline is not None and baseline not in costs.index:
        raise ValueError(f"baseline is {baseline!r}; expected one of {', '.join(map(str, costs.index))}, or None.")
    figure, panels = plt.subplots(
        1, costs.shape[1], figsize=(8, 1 + 0.27 * len(costs)), layout="constrained", squeeze=False, sharey=True
    )
    looks = [style.INK if name == baseline else style.OTHERS[2] for name in costs.index]
    for ax, (column, amounts) in zip(panels[0], costs.items(), strict=True):
        ax.barh(range(len(costs)), amounts, color=looks, height=0.7)
        for row, amount in enumerate(amounts):
            times = "" if baseline is None or costs.index[row] == baseline else f"  × {amount / amounts[baseline]:.2f}"
            written = f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"
            ax.text(amount, row, f" {written}{times}", va="center", fontsize=8)
        ax.set(xlabel=column, xlim=(0, 1.45 * amounts.max() or 1))
        ax.set_yticks(range(len(costs)), costs.index)
        ax.grid(True, axis="x")
    panels[0][0].invert_yaxis()  # shared: read from top to bottom
    panels[0][0].set_title("What each method costs" + ("" if baseline is None else f", and × {baseline}"))
    return figure


def _mean_differences(z_t: Numbers, z_s: Numbers, labels: Numbers, classes: Sequence[str]) -> np.ndarray:
    """(K, K): row = true class, column = class of the logit."""
    z_t, z_s = (to_array(z, name, "(N, K)").astype(float) for z, name in ((z_t, "z_t"), (z_s, "z_s")))
    labels = to_array(labels, "labels", "(N,)")
    _check_pair(z_t, z_s, classes)
    counts = confusion(torch.from_numpy(z_t), torch.from_numpy(labels), len(classes)).sum(1).numpy()  # checks labels
    if not counts.all():
        raise ValueError(f"No images of {classes[counts.argmin()]!r}; there is no mean of nothing.")
    difference = (z_t - z_t.mean(1, keepdims=True)) - (z_s - z_s.mean(1, keepdims=True))
    return np.stack([difference[labels == k].mean(0) for k in range(len(classes))])


def _check_pair(z_t: np.ndarray, z_s: np.ndarray, classes: Sequence[str]) -> None:
    if z_t.shape != z_s.shape:
        raise ValueError(f"z_t has shape {z_t.shape} and z_s {z_s.shape}; pass logits of the same images.")
    for z, name in ((z_t, "z_t"), (z_s, "z_s")):
        check_finite(z, name)
    check_names(classes, z_t.shape[-1], "z_t")


def _draw_differences(ax: Axes, means: np.ndarray, classes: Sequence[str], limit: float) -> AxesImage:
    heat = ax.imshow(means, cmap=DIVERGING, vmin=-limit, vmax=limit)
    few = len(classes) <= ANNOTATED
    size = 9 if few else max(3, 400 / len(classes))
    ax.set_xticks(range(len(classes)), classes, rotation=45 if few else 90, fontsize=size)
    if few:
        plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
        for (row, column), value in np.ndenumerate(means):
            colour = style.INK if abs(value) < 0.6 * limit else "white"
            ax.text(column, row, f"{round(value, 1) + 0.0:.1f}", ha="center", va="center", fontsize=7, color=colour)
    ax.set_yticks(range(len(classes)), classes, fontsize=size)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set(xlabel="class of the logit", ylabel="true class")
    return heat


def _signed_bars(
    ax: Axes,
    values: np.ndarray,
    names: Sequence[str],
    notes: Sequence[str],
    *,
    colours: tuple[str, str] = (style.TEACHER, style.ALONE),
) -> None:
    """Horizontal bars from zero, one colour above it and one below, each with its note at its end."""
    ax.barh(range(len(values)), values, color=[colours[0] if v >= 0 else colours[1] for v in values], height=0.75)
    for row, (value, note) in enumerate(zip(values, notes, strict=True)):
        ax.annotate(
            note,
            (value, row),
            xytext=(4 if value >= 0 else -4, 0),
            textcoords="offset points",
            ha="left" if value >= 0 else "right",
            va="center",
            fontsize=8,
        )
    low, high = min(values.min(), 0), max(values.max(), 0)
    room = 0.015 * max(map(len, notes))  # share of the width that a note takes
    left, right = (room if low < 0 else 0.02), (room if high > 0 else 0.02)
    width = (high - low or 1) / (1 - left - right)
    ax.set_xlim(low - left * width, high + right * width)
    ax.axvline(0, color=style.INK, linewidth=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)  # read from top to bottom
    ax.grid(True, axis="x")
