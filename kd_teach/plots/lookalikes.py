"""Which classes a network finds alike: class-by-class mean soft targets, look-alikes side by side.

What the small numbers off the diagonal teach: Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural
Network, 2015, section 1. https://arxiv.org/abs/1503.02531
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, check_names, to_array

ANNOTATED = 10  # classes up to which each cell of the heat map has its number


def class_similarity(
    mean_targets: Numbers, classes: Sequence[str], *, cluster: bool = True, ax: Axes | None = None
) -> Axes:
    """Heat map of mean soft targets: which other classes the network sees in the images of each class.

    Args:
        mean_targets: (K, K), row = true class (`metrics.mean_soft_targets`).
        classes: K names.
        cluster: order the classes so that look-alikes are neighbours (`similarity_order`); else as given.
        ax: where to draw; None makes a figure that fits K.

    The diagonal, far above the rest, is left out of the colours (grey), so that the rest can be seen. With
    ten classes or fewer each cell has its number, in percent.

    Raises:
        ValueError: not square, fewer than two classes, values that are not finite or negative.
    """
    means = to_array(mean_targets, "mean_targets", "(K, K)").astype(float)
    check_finite(means, "mean_targets")
    count = len(means)
    if means.shape != (count, count) or count < 2 or means.min() < 0:
        raise ValueError(
            f"mean_targets has shape {means.shape} and values from {means.min():.3g}; expected probabilities "
            "(K, K), K >= 2, one row per true class: metrics.mean_soft_targets(logits, labels)."
        )
    check_names(classes, count, "mean_targets")
    order = similarity_order(means) if cluster else np.arange(count)
    percent = 100 * means[np.ix_(order, order)]
    others = np.ma.masked_array(percent, mask=np.eye(count, dtype=bool))

    side = 4.2 if count <= ANNOTATED else min(8.0, 3 + 0.12 * count)
    ax = style.axes(ax, figsize=(side + 2.2, side + 1))
    ax.set_facecolor("#BBBBBB")  # shows where the diagonal is masked
    heat = ax.imshow(others, cmap=style.SEQUENTIAL)
    size = min(9, 60 * side / count)
    names = [classes[k] for k in order]
    ax.set_xticks(range(count), names, rotation=45 if count <= ANNOTATED else 90, fontsize=size)
    if count <= ANNOTATED:
        plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
    ax.set_yticks(range(count), names, fontsize=size)
    if count <= ANNOTATED:
        for (row, column), value in np.ndenumerate(percent):
            light = row == column or heat.norm(value) > 0.6
            colour = style.INK if light else "white"
            ax.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=8, color=colour)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set(
        xlabel="class that gets the probability",
        ylabel="true class",
        title="Which classes look alike to the network",
    )
    ax.figure.colorbar(heat, ax=ax, label="mean soft target (%), diagonal left out")
    return ax


def similarity_order(similarity: np.ndarray) -> np.ndarray:
    """An order of K classes in which look-alikes stand side by side: (K,) row numbers.

    Average-linkage clustering of the symmetrised (K, K) similarity: the two groups that are most alike on
    average are joined until one is left, each time turned so that the more similar ends meet.
    """
    alike = (similarity + similarity.T) / 2
    between = alike.copy()  # mean similarity of each pair of groups
    np.fill_diagonal(between, -np.inf)
    groups = [[k] for k in range(len(alike))]
    while len(groups) > 1:
        a, b = sorted(np.unravel_index(between.argmax(), between.shape))
        first, second = groups[a], groups.pop(b)
        turned = [x + y for x in (first, first[::-1]) for y in (second, second[::-1])]
        joint = len(first)
        groups[a] = max(turned, key=lambda order: alike[order[joint - 1], order[joint]])
        merged = np.average(between[[a, b]], axis=0, weights=[len(first), len(second)])
        between[a], between[:, a], between[a, a] = merged, merged, -np.inf
        between = np.delete(np.delete(between, b, axis=0), b, axis=1)
    return np.array(groups[0])
