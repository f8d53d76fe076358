"""Bars that compare the end results of networks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from kd_teach.plots import style


def accuracy_bars(results: Mapping[str, float | Sequence[float]], *, ax: Axes | None = None) -> Axes:
    """Accuracy of each network in percent: a bar for the mean over seeds, its value, and a dot for each seed.

    Args:
        results: network's name -> accuracy as a share 0..1, or one share per seed.

    Bars start at zero, so that their heights compare as the numbers do.
    """
    if not results:
        raise ValueError("No results to draw; pass at least one: {'student alone': 0.75}.")
    percents = []
    for name, shares in results.items():
        shares = np.atleast_1d(np.asarray(shares, dtype=float))
        if shares.ndim != 1 or not shares.size or not ((shares >= 0) & (shares <= 1)).all():
            raise ValueError(f"The accuracy of {name!r} is {shares.tolist()}; expected a share, 0..1, or one per seed.")
        percents.append(100 * shares)
    ax = style.axes(ax, figsize=(7, 4))
    places = np.arange(len(percents))
    ax.bar(places, [p.mean() for p in percents], color=style.colours(results), width=0.6)
    for place, percent in zip(places, percents, strict=True):
        if len(percent) > 1:
            beside = place + np.linspace(-0.15, 0.15, len(percent))  # in the order of the seeds
            ax.plot(beside, percent, "o", color="white", markeredgecolor=style.INK)
        ax.text(place, percent.max() + 3, f"{percent.mean():.1f} %", ha="center", weight="bold")
    seeds = ["" if len(p) == 1 else f"\nmean of {len(p)} seeds" for p in percents]
    ax.set_xticks(places, [name + note for name, note in zip(results, seeds, strict=True)])
    ax.set(ylim=(0, 110), yticks=range(0, 101, 20), ylabel="test accuracy (%)")
    ax.set_title("Accuracy: bar = mean, dot = one seed" if any(seeds) else "Accuracy of each network")
    ax.grid(True, axis="y")
    return ax
