"""Curves over the epochs of a run: the named terms of the loss, and the accuracy of one or more runs.

All functions take histories as `kd_teach.distill` returns them: one row per epoch, with the columns phase,
epoch, seconds, lr, one column per named term (unweighted), loss (weighted sum), val_accuracy (share 0..1).
Epochs are counted through from 1 over all phases, so a two-phase run fits beside a run of one phase.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kd_teach._support.errors import unknown
from kd_teach.plots import style

NOT_TERMS = ("phase", "epoch", "seconds", "lr", "loss", "val_accuracy")
FAMILIAR = ("distil", "task", "kd")  # terms that look the same in every picture, whatever the order of the columns
LOG_ABOVE = 30  # largest over smallest loss from which on a log axis shows more than a linear one


def training_curves(history: pd.DataFrame, *, ax: Axes | None = None, terms: Sequence[str] | None = None) -> Axes:
    """Each term of the loss by epoch; where a new phase begins, curves break and a line is drawn.

    Args:
        history: one run.
        terms: the columns to show; None shows every term, and their weighted sum if there are several.

    The loss axis is logarithmic when all values are positive and the largest is 30 times the smallest. In a
    run of several phases their names stand above.
    """
    _check(history, ["phase", "loss"])
    known = [column for column in history if column not in NOT_TERMS]
    if terms is None:
        terms = known if len(known) == 1 else [*known, "loss"]
    if not len(terms):
        raise ValueError("No terms to draw; pass at least one name, or None for all.")
    for term in terms:
        if term not in [*known, "loss"]:
            raise unknown("term", term, [*known, "loss"])
    ax = style.axes(ax, figsize=(8, 4))
    # A gap between phases: another objective is not the continuation of the last one's curve.
    gapped = lambda values: np.insert(np.asarray(values, float), _starts(history)[1:], np.nan)
    epochs = gapped(range(1, len(history) + 1))
    named = [term for term in terms if term != "loss"]
    in_order = [*FAMILIAR, *(term for term in known if term not in FAMILIAR)]
    looks = dict(zip(in_order, zip(cycle(style.OTHERS), cycle(style.MARKERS), strict=False), strict=False))
    for term in named:
        colour, marker = looks[term]
        ax.plot(epochs, gapped(history[term]), color=colour, marker=marker, label=term)
    if "loss" in terms:
        weighted = gapped(history["loss"])
        ax.plot(epochs, weighted, color=style.INK, linestyle="--", marker=".", label="loss (weighted sum)")
    shown = history[list(terms)].to_numpy(float)
    shown = shown[np.isfinite(shown)]
    if shown.size and shown.min() > 0 and shown.max() >= LOG_ABOVE * shown.min():
        ax.set_yscale("log")
    _mark_phases(ax, history)
    _label_epochs(ax, len(history))
    ax.set(ylabel="mean over the epoch", title="Each term of the loss, before weighting")
    ax.legend()
    return ax


def accuracy_curves(histories: Mapping[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Validation accuracy of one or more runs by epoch, in percent; the legend says where each run ended.

    Args:
        histories: run's name -> history.

    Raises:
        ValueError: no histories, an empty one, a missing column, or a run without any validation accuracy.
    """
    if not histories:
        raise ValueError("No histories to draw; pass at least one: {'student alone': history}.")
    for name, history in histories.items():
        _check(history, ["val_accuracy"], name)
        if history["val_accuracy"].isna().all():
            raise ValueError(
                f"The history of {name!r} has no validation accuracy (all NaN); train with a validation "
                "split: load_data(..., val=...)."
            )
    ax = style.axes(ax, figsize=(8, 4))
    looks = zip(style.colours(histories), cycle(style.MARKERS), strict=False)
    for (name, history), (colour, marker) in zip(histories.items(), looks, strict=True):
        percent = 100 * history["val_accuracy"].to_numpy(float)
        last = percent[np.isfinite(percent)][-1]
        epochs = np.arange(1, len(percent) + 1)
        ax.plot(epochs, percent, color=colour, marker=marker, label=f"{name}: {last:.1f} % at the end")
    _label_epochs(ax, max(map(len, histories.values())))
    ax.set(ylabel="validation accuracy (%)", title="Accuracy: who learns faster, who ends higher")
    ax.legend()
    return ax


def training_report(history: pd.DataFrame, *, name: str = "student") -> Figure:
    """One run on one page, 8 x 4 inches: losses left; right, if there is a validation split, accuracy.

    Args:
        history: one run.
        name: what the legend calls it.
    """
    _check(history, ["phase", "loss", "val_accuracy"])
    validated = history["val_accuracy"].notna().any()
    figure = plt.figure(figsize=(8, 4), layout="constrained")
    panels = figure.subplots(1, 2 if validated else 1, squeeze=False)[0]
    training_curves(history, ax=panels[0])
    if validated:
        accuracy_curves({name: history}, ax=panels[1]).set_title("Validation accuracy")
        _mark_phases(panels[1], history)
    return figure


def _starts(history: pd.DataFrame) -> np.ndarray:
    phases = history["phase"].to_numpy()
    return np.flatnonzero(np.concatenate([[True], phases[1:] != phases[:-1]]))  # rows where a phase begins


def _mark_phases(ax: Axes, history: pd.DataFrame) -> None:
    starts = _starts(history)
    if len(starts) == 1:
        return
    for start in starts[1:]:
        ax.axvline(start + 0.5, color=style.INK, linewidth=1, linestyle=":")
    ends = [*starts[1:], len(history)]
    names = ax.secondary_xaxis("top")  # above the frame, where no curve runs
    centres = [(start + end + 1) / 2 for start, end in zip(starts, ends, strict=True)]
    names.set_xticks(centres, history["phase"].iloc[starts])
    names.tick_params(length=0, labelsize="small")
    names.spines["top"].set_visible(False)


def _label_epochs(ax: Axes, count: int) -> None:
    ax.set(xlabel="epoch", xlim=(0.5, count + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(True)


def _check(history: pd.DataFrame, columns: Sequence[str], name: str | None = None) -> None:
    what = "The history" if name is None else f"The history of {name!r}"
    if not isinstance(history, pd.DataFrame):
        raise ValueError(f"{what} is a {type(history).__name__}; expected a DataFrame: the history of a Result.")
    missing = [column for column in columns if column not in history]
    if missing:
        has = ", ".join(map(str, history)) or "no columns"
        raise ValueError(f"{what} lacks {', '.join(missing)}; it has {has}.")
    if history.empty:
        raise ValueError(f"{what} has no rows; train for at least one epoch.")
