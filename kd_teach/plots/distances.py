"""The shape of a cloud of embeddings (RKD): distances between two samples, angles between three.

`kd_teach.methods.rkd` has the numbers: `distance_ratios` and `angles`.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, named
from kd_teach.plots.similarities import off_diagonal, side_by_side, squares

CLOSE = "Sorted by class: dark squares on the diagonal = samples of one class lie close"


def distance_histogram(ratios: Mapping[str, Numbers], *, ax: Axes | None = None) -> Axes:
    """How often each distance between two samples occurs, relative to the mean distance.

    Args:
        ratios: network's name -> (N, N) distances over their mean; the diagonal does not count.
    """
    values = {name: off_diagonal(r) for name, r in squares(ratios, "ratios").items()}
    top = max(1.0, *(v.max() for v in values.values()))
    ax = _outlines(values, np.linspace(0, top, 41), ax)
    ax.axvline(1, color=style.INK, linewidth=1, linestyle=":")
    ax.set(xlabel="distance / mean distance", title="Distances between two samples")
    return ax


def angle_histogram(cosines: Mapping[str, Numbers], *, ax: Axes | None = None) -> Axes:
    """How often each angle at one sample between two others occurs, in degrees.

    Args:
        cosines: network's name -> (N, N, N), [i, j, k] = cosine of the angle at j. Only triples of three samples count.

    Three sides of about equal length, as random points in a wide space have, make 60 degrees: the dotted line.
    """
    values = {}
    for name, cosine in named(cosines, "cosines", "(N, N, N)", "'teacher': angles(e)").items():
        count = len(cosine)
        if cosine.shape != (count, count, count) or count < 3:
            raise ValueError(
                f"cosines of {name!r} has shape {cosine.shape}; expected (N, N, N) of three or more samples."
            )
        i, j, k = np.ogrid[:count, :count, :count]
        distinct = (i < k) & (i != j) & (j != k)  # [i, j, k] and [k, j, i] are one angle
        values[name] = np.degrees(np.arccos(cosine[distinct].clip(-1, 1)))
    ax = _outlines(values, np.linspace(0, 180, 46), ax)
    ax.axvline(60, color=style.INK, linewidth=1, linestyle=":")
    ax.set(xlabel="angle (degrees)", xticks=range(0, 181, 60), title="Angles between three samples")
    return ax


def relation_report(
    ratios: Mapping[str, Numbers],
    cosines: Mapping[str, Numbers],
    labels: Numbers | None = None,
    classes: Sequence[str] | None = None,
) -> Figure:
    """Distances and angles of several networks, 8 x 6 inches: heat maps above, histograms below.

    Args:
        ratios, cosines: as for `distance_histogram` and `angle_histogram`, by the same names.
        labels, classes: as for `similarity_matrix`.
    """
    if list(ratios) != list(cosines):
        raise ValueError(f"ratios are of {list(ratios)}, cosines of {list(cosines)}; pass the same networks.")
    figure = plt.figure(figsize=(8, 6), layout="constrained")
    with style.closed_on_error(figure):
        above, below = figure.subfigures(2, 1, height_ratios=(1.25, 1))
        side_by_side(above, ratios, labels, classes, True, "distance / mean", CLOSE)
        left, right = below.subplots(1, 2)
        distance_histogram(ratios, ax=left)
        angle_histogram(cosines, ax=right)
    return figure


def _outlines(values: Mapping[str, np.ndarray], bins: np.ndarray, ax: Axes | None) -> Axes:
    """One histogram per network on common bins, each of area one, so that batches of any size compare."""
    ax = style.axes(ax, figsize=(6, 3))
    for (name, numbers), colour in zip(values.items(), style.colours(values), strict=True):
        ax.hist(numbers, bins=bins, density=True, histtype="step", color=colour, linewidth=1.8, label=name)
    ax.set(xlim=(bins[0], bins[-1]), yticks=[], ylabel="how often")
    ax.set_ylim(top=1.35 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper right")
    return ax
