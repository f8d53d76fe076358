"""How well partners are told from strangers: scores of pairs, and what they say about shared information (CRD)."""

import math
from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, named, to_array

PARTNERS, STRANGERS = style.OTHERS[2], style.OTHERS[3]


def score_histograms(
    positive: Numbers, negative: Numbers, *, threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """How alike the two networks' embeddings of one image are (partners), and those of two images (strangers).

    Args:
        positive: (P,) scores of partners, such as cosines.
        negative: (M,) scores of strangers. Both histograms have area one.
        threshold: the score above which a pair counts as partners; a dotted line.
    """
    scores = named({"positive": positive, "negative": negative}, "scores", "(N,)", "")
    ax = style.axes(ax, figsize=(6, 3.5))
    ends = [-1.0, 1.0, threshold or 0.0, *(end for values in scores.values() for end in (values.min(), values.max()))]
    bins = np.linspace(min(ends), max(ends), 61)
    area = {"density": True, "histtype": "stepfilled"}
    ax.hist(scores["negative"], bins, **area, color=STRANGERS, alpha=0.6, label="different images (negatives)")
    ax.hist(scores["positive"], bins, **area, color=PARTNERS, alpha=0.8, label="the same image (positives)")
    if threshold is not None:
        ax.axvline(threshold, color=style.INK, linestyle=":", linewidth=1.5, label="taken for partners from here")
    ax.set(xlabel="score of the pair", ylabel="how often", yticks=[], xlim=(bins[0], bins[-1]))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_title("The less the two hills overlap, the better")
    ax.set_ylim(top=1.45 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper left")
    return ax


def information_bound(
    bounds: Mapping[str, Numbers], negatives: int, *, epochs: Numbers | None = None, ax: Axes | None = None
) -> Axes:
    """How much information two networks share at least, over training; it cannot rise above log K.

    Strictly so for strangers drawn from all images. CRD's are of other classes: knowing the class raises the bound too.

    Args:
        bounds: name of a side or a run -> (E,) lower bounds in nats, such as `mutual_information_bound(side, K)`.
        negatives: K, how many strangers each partner is told from; the ceiling is log K.
        epochs: (E,) where they were measured; None counts from 1.

    Where a bound is negative (shaded) it says nothing: information never is.
    """
    curves = named(bounds, "bounds", "(E,)", "'teacher': numbers", alike=True)
    count = len(next(iter(curves.values())))
    epochs = np.arange(1, count + 1) if epochs is None else to_array(epochs, "epochs", "(E,)")
    if len(epochs) != count:
        raise ValueError(f"The bounds have {count} values for {len(epochs)} epochs; pass one per epoch.")
    if negatives < 1:
        raise ValueError(f"negatives is {negatives}; expected at least 1.")
    ceiling = math.log(negatives)
    ax = style.axes(ax, figsize=(6, 3.5))
    for (name, values), colour, marker in zip(
        curves.items(), style.colours(curves), cycle(style.MARKERS), strict=False
    ):
        ax.plot(epochs, values, color=colour, marker=marker, label=name)
    ax.axhline(ceiling, color=style.INK, linestyle="--", linewidth=1.5)
    low = min(-0.1 * ceiling, *(1.1 * v.min() for v in curves.values()), -0.1)
    ax.set_ylim(low, ceiling + 0.15 * (ceiling - low))
    beside = ax.get_yaxis_transform()
    noted = {"xycoords": beside, "textcoords": "offset points", "fontsize": 9}
    ax.annotate(f"ceiling: log K = {ceiling:.2f}", (0.02, ceiling), (0, 3), va="bottom", **noted)
    ax.axhspan(low, 0, color="#EEEEEE")
    ax.annotate("says nothing", (0.99, low), (0, 3), ha="right", va="bottom", **noted)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set(xlabel="epoch", ylabel="nats", title="What the loss proves of shared information")
    ax.grid(True)
    ax.legend()
    return ax
