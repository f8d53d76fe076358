"""Which layer of one network resembles which layer of another: a heat map of similarities such as CKA.

Source: Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019.
https://arxiv.org/abs/1905.00414
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from kd_teach.plots import style

ANNOTATED = 10  # layers up to which each cell has its number
FRAMED = "Framed: each column's most similar layer of {}"


def layer_similarity(
    table: pd.DataFrame, *, names: tuple[str, str] = ("teacher", "student"), ax: Axes | None = None
) -> Axes:
    """Heat map of similarities between the layers of two networks; each column's most similar row is framed.

    Args:
        table: one network's layers in rows, the other's in columns, each from the images upwards, as
            `measures.layer_similarity` gives it. At most 1; values below 0 are coloured as 0, NaN is grey.
        names: what the two networks are called, that of the rows first.
        ax: where to draw; None makes a figure of 6 x 4.6 inches.

    The first layer is at the bottom left, so that two networks of one build show a diagonal that rises.

    Raises:
        ValueError: an empty table, a value above 1, or nothing but NaN.
    """
    _check(table)
    ax = style.axes(ax, figsize=(6, 4.6))
    heat = _draw(ax, table, names)
    ax.set_title(FRAMED.format(names[0]), fontsize=10)
    ax.figure.colorbar(heat, ax=ax, label="CKA: 1 = the same up to rotation and scale")
    return ax


def layer_similarity_report(tables: Mapping[str, pd.DataFrame], *, teacher: str = "teacher") -> Figure:
    """The heat maps of several students against one teacher, side by side, with the same colours for all.

    Args:
        tables: student's name -> table, the teacher's layers in rows and the student's in columns.
        teacher: what the network of the rows is called.

    Raises:
        ValueError: as for `layer_similarity`, or no tables.
    """
    if not tables:
        raise ValueError("No tables to draw; pass at least one: {'student alone': table}.")
    for table in tables.values():
        _check(table)
    figure, panels = plt.subplots(
        1, len(tables), figsize=(min(3.5 * len(tables) + 1.2, 12), 3.9), layout="compressed", squeeze=False
    )  # keeps square maps together and their titles inside, which "constrained" does not always
    for ax, (name, table), colour in zip(panels[0], tables.items(), style.colours(tables), strict=True):
        heat = _draw(ax, table, (teacher, name))
        ax.set_title(name, fontsize=10, color=colour)
        if ax is not panels[0][0]:
            ax.set(ylabel="", yticklabels=[])
    figure.colorbar(heat, ax=panels[0], label="CKA", shrink=0.8)
    figure.suptitle(FRAMED.format(teacher), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _check(table: pd.DataFrame) -> None:
    values = table.to_numpy(float)
    if np.isnan(values).all() or (values > 1 + 1e-6).any():
        raise ValueError(f"The table holds {values.tolist()}; expected numbers up to 1, as CKA gives, not NaN alone.")


def _draw(ax: Axes, table: pd.DataFrame, names: tuple[str, str]) -> AxesImage:
    values = table.to_numpy(float)
    ax.set_facecolor("#BBBBBB")  # shows where a value is NaN
    heat = ax.imshow(np.ma.masked_invalid(values), cmap=style.SEQUENTIAL, vmin=0, vmax=1, origin="lower")
    if max(values.shape) <= ANNOTATED:
        for (row, column), value in np.ndenumerate(values):
            colour = style.INK if np.isnan(value) or value > 0.6 else "white"
            note = f"{round(value, 2) + 0.0:.2f}"  # no minus zero
            ax.text(column, row, note, ha="center", va="center", fontsize=8, color=colour)
    for column, of_column in enumerate(values.T):
        if np.isfinite(of_column).any():
            best = np.nanargmax(of_column)
            frame = plt.Rectangle((column - 0.47, best - 0.47), 0.94, 0.94, fill=False, color=style.ALONE, linewidth=2)
            ax.add_patch(frame)
    ax.set_xticks(range(table.shape[1]), table.columns, rotation=45)
    plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(table)), table.index)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set(xlabel=f"layers of {names[1]}", ylabel=f"layers of {names[0]}")
    return heat
