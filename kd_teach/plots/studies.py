"""What a study found: differences with intervals, ranks, accuracy against cost, and how weights were chosen.

The tables are those of `kd_teach.study`; verdicts differ in colour, in marker and in words.
"""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from kd_teach._support.errors import unknown
from kd_teach.plots import style

GREY = "#777777"
LOOKS = {  # verdict -> colour, marker
    "BEATS": (style.DISTILLED, "^"),
    "LOSES": (style.ALONE, "v"),
    "CANNOT TELL": (GREY, "o"),
    "TOO FEW SEEDS": (GREY, "x"),
}
SIGNS = {"BEATS": "▲", "LOSES": "▼", "CANNOT TELL": "○", "TOO FEW SEEDS": "×"}
PANELS = 4  # weight curves side by side


def difference_forest(comparison: pd.DataFrame, *, baseline: str = "alone", ax: Axes | None = None) -> Axes:
    """Difference of each method from the baseline, with its interval and verdict; the largest on top.

    Args:
        comparison: a row per method with difference, low, high (points; NaN where there is no interval), n (pairs) and
            verdict, as `study.analysis.compare` gives it.
        baseline: what the zero line is called.
    """
    _check(comparison, ["difference", "low", "high", "n", "verdict"])
    rows = comparison.dropna(subset="difference").sort_values("difference", ascending=False, kind="stable")
    if rows.empty:
        raise ValueError("No row has a difference; there is nothing to draw.")
    for verdict in rows["verdict"]:
        if verdict not in LOOKS:
            raise unknown("verdict", verdict, LOOKS)
    ax = style.axes(ax, figsize=(8, 1.4 + 0.3 * len(rows)))
    ax.axvline(0, color=style.INK, linewidth=1)
    notes = ax.secondary_yaxis("right")  # verdicts stand beside the frame, level with their rows
    texts = []
    for place, row in enumerate(rows.itertuples()):
        colour, marker = LOOKS[row.verdict]
        if np.isfinite([row.low, row.high]).all():
            ax.plot([row.low, row.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot(row.difference, place, marker, color=colour, markersize=7, markeredgewidth=1.6)
        texts.append(f"{row.difference:+.2f}  {row.verdict}  ({row.n:.0f})")
    ax.set_yticks(range(len(rows)), rows.index)
    ax.set_ylim(len(rows) - 0.4, -0.6)  # read from top to bottom
    notes.set_yticks(range(len(rows)), texts)
    notes.tick_params(length=0)
    notes.spines["right"].set_visible(False)
    for label, verdict in zip(notes.get_yticklabels(), rows["verdict"], strict=True):
        label.set_color(LOOKS[verdict][0])
    ax.set_xlabel(f"points of test accuracy over {baseline}; line: interval (Holm); (number of paired seeds)")
    ax.set_title(f"Who differs from {baseline}, and who might only seem to")
    ax.grid(True, axis="x")
    return ax


def rank_intervals(ranks: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Rank of each method with the ranks that other draws of the same seeds give it; the best on top.

    Args:
        ranks: a row per method with rank, low, high and seeds, as `study.ranking.ranks` gives it.
    """
    _check(ranks, ["rank", "low", "high", "seeds"])
    rows = ranks.sort_values("rank", kind="stable")
    ax = style.axes(ax, figsize=(7, 1.4 + 0.28 * len(rows)))
    places = np.arange(len(rows))
    ax.hlines(places, rows["low"], rows["high"], color=style.OTHERS[2], linewidth=5)
    ax.plot(rows["rank"], places, "o", color=style.INK, markersize=6)
    ax.set_yticks(places, rows.index)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0.5, len(rows) + 0.5)
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    ax.set_xlabel("rank by mean test accuracy; bar: 95 % of bootstrap draws of the seeds")
    ax.set_title(f"Where {rows['seeds'].iloc[0]} seeds put each method, and where they might have")
    ax.grid(True, axis="x")
    return ax


def accuracy_against_cost(
    costs: pd.DataFrame, *, cost: str = "seconds per epoch", baseline: str | None = None, ax: Axes | None = None
) -> Axes:
    """Test accuracy over cost, a named point per method; a line joins those that nobody beats at less cost.

    Args:
        costs: a row per method with cost, test_accuracy, spread (shares; the error bar is one spread each way) and
            worth (is it on the line?), as `study.ranking.costs` gives it.
        cost: label of the axis.
        baseline: a row to set apart.
    """
    _check(costs, ["cost", "test_accuracy", "spread", "worth"])
    if baseline is not None and baseline not in costs.index:
        raise unknown("baseline", baseline, map(str, costs.index))
    ax = style.axes(ax, figsize=(8, 4.5))
    line = costs[costs["worth"]].sort_values("cost")
    ax.plot(line["cost"], 100 * line["test_accuracy"], color=style.OTHERS[2], linewidth=3, zorder=1)
    for name, row in costs.iterrows():
        colour = style.ALONE if name == baseline else style.TEACHER if row["worth"] else GREY
        bar = 100 * row["spread"] if np.isfinite(row["spread"]) else None
        ax.errorbar(row["cost"], 100 * row["test_accuracy"], bar, fmt="o", color=colour, elinewidth=1, markersize=6)
    ax.set(xlabel=cost, ylabel="test accuracy (%)")
    ax.set_title("What accuracy costs: on the line, nobody is better for less")
    ax.grid(True)
    ax.margins(0.12)
    _name_points(ax, costs["cost"], 100 * costs["test_accuracy"], costs.index)
    return ax


def fall_against_gain(table: pd.DataFrame, *, rho: float | None = None, ax: Axes | None = None) -> Axes:
    """How far each method's loss fell, against what it gained: a named point per method.

    Args:
        table: a row per method with fall (share of the first epoch's loss) and gain (points), as the `table` of
            `study.ranking.fall_and_gain`.
        rho: rank correlation, written into the title.
    """
    _check(table, ["fall", "gain"])
    ax = style.axes(ax, figsize=(7, 4))
    ax.axhline(0, color=style.INK, linewidth=1)
    ax.plot(100 * table["fall"], table["gain"], "o", color=style.TEACHER, markersize=6)
    ax.set(xlabel="fall of the method's loss, first to last epoch (%)", ylabel="gain in test accuracy (points)")
    told = "" if rho is None or np.isnan(rho) else f" (rank correlation {rho:+.2f})"
    ax.set_title(f"Does a loss's fall tell the gain?{told}")
    ax.grid(True)
    ax.margins(0.12)
    _name_points(ax, 100 * table["fall"], table["gain"], table.index)
    return ax


def weight_curve(curve: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Validation accuracy of one method over multiples of its published weight; a ring marks the chosen one.

    A line for each number of epochs, the longest in colour: means over the seeds, with a bar of one standard deviation
    each way where there are two or more.

    Args:
        curve: a row per run with multiple (> 0), epochs, val_accuracy (share) and chosen (one True at most), as the
            tables of `kd-teach study tune` hold them for each method.

    Raises:
        ValueError: no rows, a missing column, a multiple that is not positive, more than one chosen.
    """
    _check(curve, ["multiple", "epochs", "val_accuracy", "chosen"])
    marked = curve["chosen"].astype(bool)
    if not (curve["multiple"] > 0).all() or marked.sum() > 1:
        raise ValueError(
            f"Multiples are {curve['multiple'].tolist()}, {marked.sum()} chosen; expected positive ones, one chosen."
        )
    ax = style.axes(ax, figsize=(4, 3))
    points = 100 * curve.groupby(["epochs", "multiple"])["val_accuracy"].agg(["mean", "std"])
    longest = curve["epochs"].max()
    for epochs, line in points.groupby(level="epochs"):
        where, colour = line.index.get_level_values("multiple"), style.TEACHER if epochs == longest else style.OTHERS[2]
        ax.errorbar(where, line["mean"], line["std"].fillna(0), fmt="o-", color=colour, label=f"{epochs} epochs")
    chosen = pd.MultiIndex.from_frame(curve.loc[marked, ["epochs", "multiple"]])
    ax.plot(
        chosen.get_level_values("multiple"),
        points["mean"].reindex(chosen),
        "o",
        markersize=13,
        markerfacecolor="none",
        markeredgecolor=style.ALONE,
        markeredgewidth=2,
    )
    multiples = sorted(curve["multiple"].unique())
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(multiples))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticklabels([f"{m:g}" for m in multiples])
    ax.margins(0.15)
    ax.set(xlabel="multiple of the published weight", ylabel="validation accuracy (%)")
    ax.grid(True)
    return ax


def weight_report(curves: pd.DataFrame) -> Figure:
    """`weight_curve` of every method on one page, on one scale of accuracy; a panel for each variant.

    Args:
        curves: as for `weight_curve`, and the columns method and variant.
    """
    _check(curves, ["method", "variant", "multiple", "epochs", "val_accuracy", "chosen"])
    variants = curves.groupby("method")["variant"].transform("nunique")
    names = curves["method"].where(variants == 1, curves["method"] + " " + curves["variant"])
    panels_of = dict(list(curves.groupby(names, sort=False)))
    across = min(PANELS, len(panels_of))
    down = -(-len(panels_of) // across)
    figure, panels = plt.subplots(
        down, across, figsize=(2.1 * across + 0.6, 1.9 * down + 0.6), layout="constrained", sharey=True, squeeze=False
    )
    for ax, (name, curve) in zip(panels.flat, panels_of.items(), strict=False):
        weight_curve(curve, ax=ax)
        ax.set(xlabel="", ylabel="", title=name)
        ax.tick_params(axis="x", labelsize=8)
    for ax in panels.flat[len(panels_of) :]:
        ax.remove()
    figure.supxlabel("multiple of the published weight (ring: chosen)", fontsize=10)
    figure.supylabel("validation accuracy (%)", fontsize=10)
    return figure


def gain_grid(gains: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """What each method gains in each setting: a row per method, a column per setting, the verdict as colour and sign.

    Args:
        gains: a row per setting and method with setting, method, difference (points), n (pairs) and verdict, as
            `study.settings_compared.gains_across` gives it; rows and columns keep its order.

    Raises:
        ValueError: no rows, a missing column, an unknown verdict, or a method twice in one setting.
    """
    _check(gains, ["setting", "method", "difference", "n", "verdict"])
    for verdict in gains["verdict"]:
        if verdict not in LOOKS:
            raise unknown("verdict", verdict, LOOKS)
    if (twice := gains[gains.duplicated(["setting", "method"])]).shape[0]:
        raise ValueError(f"{twice.iloc[0]['method']} stands twice in the setting {twice.iloc[0]['setting']!r}.")
    methods, settings = (list(dict.fromkeys(gains[column])) for column in ("method", "setting"))
    ax = style.axes(ax, figsize=(1.6 + 1.4 * len(settings), 1.6 + 0.28 * len(methods)))
    for row in gains.itertuples():
        place = settings.index(row.setting), methods.index(row.method)
        colour = LOOKS[row.verdict][0]
        ax.add_patch(Rectangle((place[0] - 0.5, place[1] - 0.5), 1, 1, color=colour, alpha=0.22, linewidth=0))
        ax.text(
            *place, f"{SIGNS[row.verdict]} {round(row.difference, 1) + 0.0:+.1f}", ha="center", va="center", fontsize=9
        )
    pairs = gains.groupby("setting")["n"].agg(["min", "max"])
    heads = [
        "\n".join([*textwrap.wrap(setting, 14), f"({low} pairs)" if low == high else f"({low} to {high} pairs)"])
        for setting, low, high in pairs.loc[settings].itertuples()
    ]
    ax.set_xticks(range(len(settings)), heads)
    ax.set_yticks(range(len(methods)), methods)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.set(xlim=(-0.5, len(settings) - 0.5), ylim=(len(methods) - 0.5, -0.5))
    key = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items() if verdict in set(gains["verdict"]))
    ax.set_xlabel(f"points of test accuracy over the student alone, unless the column says so\n{key}; blank: not tried")
    ax.set_title("Does it last? The gain of each method, setting by setting", pad=12)
    return ax


def _name_points(ax: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[str]) -> None:
    """Write each name beside its point, at the first place around it that is free."""
    figure = ax.figure
    figure.draw_without_rendering()  # lays the Axes out, so that sizes in pixels are known
    points = ax.transData.transform(np.column_stack([x, y]))
    frame = ax.get_window_extent()
    taken: list = []
    places = [(8, 0, "left"), (-8, 0, "right"), *((0, v, "center") for v in (10, -10, 20, -20, 30, -30))]
    for name, place in zip(names, zip(x, y, strict=True), strict=True):
        for right, up, align in places:
            text = ax.annotate(
                name, place, (right, up), textcoords="offset points", ha=align, va="center", fontsize=8, zorder=5
            )
            box = text.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            clear = box.padded(6)  # less than the way to its own point, so that no other is as near
            if inside and not clear.count_contains(points) and not box.count_overlaps(taken):
                break
            text.remove()
        else:  # no place is free: better one name over another than none
            text = ax.annotate(name, place, (8, 0), textcoords="offset points", va="center", fontsize=8, zorder=5)
            box = text.get_window_extent()
        taken.append(box)


def _check(table: pd.DataFrame, columns: Sequence[str]) -> None:
    if missing := [column for column in columns if column not in table]:
        raise ValueError(f"The table lacks {', '.join(missing)}; it has {', '.join(map(str, table.columns))}.")
    if table.empty:
        raise ValueError("The table has no rows; there is nothing to draw.")
