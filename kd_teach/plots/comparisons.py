"""What each method costs."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from kd_teach.plots import style
from kd_teach.plots._numbers import check_finite


def cost_report(costs: pd.DataFrame, *, baseline: str | None = None) -> Figure:
    """What each method costs: a panel of bars per column, the methods in the same rows, 8 inches wide.

    Args:
        costs: a row per method, a column per cost; a column's name is the axis label ("seconds per epoch", "MB").
        baseline: a row to compare with: the others' bars say how many times as much they need.
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
