"""Which layer of one network resembles which layer of another: a heat map of similarities such as CKA.

Source: Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019.
https://arxiv.org/abs/1905.00414
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kd_teach.plots import style

ANNOTATED = 10  # layers up to which each cell has its number


def layer_similarity(
    table: pd.DataFrame, *, names: tuple[str, str] = ("teacher", "student"), ax: Axes | None = None
) -> Axes:
    """Heat map of similarities between the layers of two networks; each column's most similar row is framed.

    Args:
        table: one network's layers in rows, the other's in columns, each from the images upwards, as
            `measures.layer_similarity` gives it. At most 1; values below 0 are coloured as 0, NaN is grey.
        names: what the two networks are called, that of the rows first.

    The first layer is at the bottom left, so that two networks of one build show a diagonal that rises.
    """
    values = table.to_numpy(float)
    if np.isnan(values).all() or (values > 1 + 1e-6).any():
        raise ValueError(f"The table holds {values.tolist()}; expected numbers up to 1, as CKA gives, not NaN alone.")
    ax = style.axes(ax, figsize=(6, 4.6))
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
    ax.set_title(f"Framed: each column's most similar layer of {names[0]}", fontsize=10)
    ax.figure.colorbar(heat, ax=ax, label="CKA: 1 = the same up to rotation and scale")
    return ax
