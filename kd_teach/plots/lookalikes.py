"""Which classes a network finds alike: class-by-class mean soft targets, look-alikes side by side.

What the small numbers off the diagonal teach: Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural
Network, 2015, section 1. https://arxiv.org/abs/1503.02531
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, check_names, named, to_array

ANNOTATED = 10  # classes up to which each cell of the heat map has its number
LABEL = "mean soft target (%), diagonal left out"


def class_similarity(
    mean_targets: Numbers, classes: Sequence[str], *, cluster: bool = True, ax: Axes | None = None
) -> Axes:
    """Heat map of mean soft targets: which other classes the network sees in the images of each class.

    Args:
        mean_targets: (K, K), row = true class (`measures.mean_soft_targets`).
        classes: K names.
        cluster: order the classes so that look-alikes are neighbours (`similarity_order`); else as given.

    The diagonal, far above the rest, is left out of the colours (grey), so that the rest can be seen. With
    ten classes or fewer each cell has its number, in percent.
    """
    means = _check(mean_targets, classes, "mean_targets")
    count = len(means)
    ax = style.axes(ax, figsize=(_side(count) + 2.2, _side(count) + 1))
    heat = _draw(ax, means, classes, similarity_order(means) if cluster else np.arange(count), _side(count))
    ax.set_title("Which classes look alike to the network")
    ax.figure.colorbar(heat, ax=ax, label=LABEL)
    return ax


def class_similarity_report(means: Mapping[str, Numbers], classes: Sequence[str]) -> Figure:
    """`class_similarity` of several networks side by side, with one order of the classes and one colour scale.

    Args:
        means: network's name -> mean soft targets (K, K). The first, best the teacher, sets the order of the classes.
        classes: K names.
    """
    checked = {
        name: _check(values, classes, name)
        for name, values in named(means, "means", "(K, K)", "'teacher': means").items()
    }
    order = similarity_order(next(iter(checked.values())))
    most = max(_percent(values, order).max() for values in checked.values())
    width = min(_side(len(classes)) * len(checked) + 1, 12)
    side = (width - 2.2) / len(checked)  # names and colour bar take the rest
    # Low, so that the height decides how large a map is: where the width does, "compressed" cuts what is below.
    figure, panels = plt.subplots(
        1, len(checked), figsize=(width, side + 0.7), layout="compressed", squeeze=False, sharey=True
    )
    for ax, (name, values), colour in zip(panels[0], checked.items(), style.colours(checked), strict=True):
        heat = _draw(ax, values, classes, order, side, most=most)
        ax.set_title(name, color=colour)
        ax.label_outer()
    figure.colorbar(heat, ax=list(panels[0]), label="mean soft target (%)", shrink=0.7)
    style.headline(figure, "Which classes look alike to each network")
    return figure


def similarity_order(similarity: np.ndarray) -> np.ndarray:
    """An order of K classes in which look-alikes stand side by side: (K,) row numbers.

    Average-linkage clustering of the symmetrised (K, K) similarity, its branches turned so that neighbours are alike.
    """
    if len(similarity) < 2:
        return np.arange(len(similarity))
    far = -(similarity + similarity.T) / 2
    far = far - far.min()
    np.fill_diagonal(far, 0)
    return leaves_list(linkage(squareform(far, checks=False), "average", optimal_ordering=True))


def _check(mean_targets: Numbers, classes: Sequence[str], name: str) -> np.ndarray:
    means = to_array(mean_targets, name, "(K, K)").astype(float)
    check_finite(means, name)
    count = len(means)
    if means.shape != (count, count) or count < 2 or means.min() < 0:
        raise ValueError(
            f"{name} has shape {means.shape} and values from {means.min():.3g}; expected probabilities "
            "(K, K), K >= 2, one row per true class: measures.mean_soft_targets(logits, labels)."
        )
    check_names(classes, count, name)
    return means


def _side(count: int) -> float:
    """Inches that a heat map of so many classes needs."""
    return 4.2 if count <= ANNOTATED else min(8.0, 3 + 0.12 * count)


def _percent(means: np.ndarray, order: np.ndarray) -> np.ma.MaskedArray:
    """(K, K) in this order and in percent; the diagonal is masked."""
    return np.ma.masked_array(100 * means[np.ix_(order, order)], mask=np.eye(len(means), dtype=bool))


def _draw(
    ax: Axes, means: np.ndarray, classes: Sequence[str], order: np.ndarray, side: float, *, most: float | None = None
) -> AxesImage:
    """The heat map, about `side` inches wide, with names and, for few classes, numbers; colours go from 0 to `most`."""
    percent, count = _percent(means, order), len(means)
    few = count <= ANNOTATED
    ax.set_facecolor("#BBBBBB")  # shows where the diagonal is masked
    heat = ax.imshow(percent, cmap=style.SEQUENTIAL, vmin=None if most is None else 0, vmax=most)
    size = min(9, 60 * side / count)
    names = [classes[k] for k in order]
    ax.set_xticks(range(count), names, rotation=45 if few else 90, fontsize=size)
    if few:
        plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
        digits = 1 if side > 3.5 else 0
        for (row, column), value in np.ndenumerate(percent.data):
            colour = style.INK if row == column or heat.norm(value) > 0.6 else "white"
            ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", fontsize=8, color=colour)
    ax.set_yticks(range(count), names, fontsize=size)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set(xlabel="class that gets the probability", ylabel="true class")
    return heat
