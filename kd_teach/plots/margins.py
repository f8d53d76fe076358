"""What a loss charges for a pair of teacher's and student's values, and where a margin on the teacher comes from.

Source: Heo et al., A Comprehensive Overhaul of Feature Distillation, ICCV 2019. https://arxiv.org/abs/1904.01866
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, to_array

DOTS = 300  # of a channel's values, evenly chosen: more would hide the plane
BINS = 60
UNDER_KEY = 1 / 1.45  # of the height of the histogram's Axes: its legend stands above


def loss_plane(
    cost: Numbers,
    teacher: Numbers,
    student: Numbers,
    *,
    margin: float | None = None,
    dots: tuple[Numbers, Numbers] | None = None,
    most: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """What each pair (teacher's value, student's value) costs, as colour; where it costs nothing, the plane is white.

    Args:
        cost: (R, C) >= 0, a row per student's value and a column per teacher's: for OFD
            `partial_distance(student[:, None], teacher.clamp(min=margin))`.
        teacher, student: (C,) and (R,) values before the ReLU, increasing in equal steps.
        margin: m <= 0, to which lower values of the teacher are lifted; drawn as a line.
        dots: (teacher's, student's) values (M,) of the same neurons; at most 300 of them are drawn, and none that
            lies outside the plane.
        most: the cost from which on colours get no brighter; None takes the largest.
    """
    teacher, student = to_array(teacher, "teacher", "(C,)"), to_array(student, "student", "(R,)")
    cost = to_array(cost, "cost", "(R, C)")
    check_finite(cost, "cost")
    if cost.shape != (len(student), len(teacher)) or min(cost.shape) < 2 or cost.min() < 0:
        raise ValueError(
            f"cost has shape {cost.shape} and a minimum of {cost.min():.3g}; expected numbers >= 0, a row for each of "
            f"the student's {len(student)} values and a column for each of the teacher's {len(teacher)}, at least two."
        )
    if margin is not None:
        _check_margin(margin)
    if dots is not None:
        dots_t, dots_s = (to_array(values, "dots", "(M,)") for values in dots)
        if len(dots_t) != len(dots_s):
            raise ValueError(f"dots holds {len(dots_t)} values of the teacher and {len(dots_s)} of the student.")

    ax = style.axes(ax, figsize=(6, 4.4))
    half_t, half_s = (teacher[1] - teacher[0]) / 2, (student[1] - student[0]) / 2
    box = (teacher[0] - half_t, teacher[-1] + half_t, student[0] - half_s, student[-1] + half_s)
    charged = np.ma.masked_equal(cost, 0)  # the axes' own white shows where nothing is charged
    plane = ax.imshow(charged, origin="lower", extent=box, aspect="auto", vmin=0, vmax=most, cmap=style.SEQUENTIAL)
    ax.axhline(0, color="#999999", linewidth=0.8)
    ax.axvline(0, color="#999999", linewidth=0.8)
    key = [Patch(facecolor="white", edgecolor=style.INK, label="costs nothing")]
    if margin is not None:
        line = ax.axvline(margin, color=style.ALONE, linestyle="--", linewidth=2.2, label=f"margin {margin:.2f}")
        key.insert(0, line)
    if dots is not None:
        some = np.linspace(0, len(dots_t) - 1, min(DOTS, len(dots_t))).astype(int)
        look = {"color": "white", "markersize": 3.5, "markeredgecolor": style.INK, "markeredgewidth": 0.5}
        key += ax.plot(dots_t[some], dots_s[some], "o", label="one neuron", **look)
    ax.legend(handles=key, loc="lower right")
    ax.set(xlim=box[:2], ylim=box[2:], xlabel="teacher's value, before the ReLU", ylabel="student's value")
    ax.set_title("Below 0 and below the target: free")
    ax.locator_params(nbins=5)  # few ticks: they are most of the time that it takes to draw
    ends = "neither" if most is None else "max"
    ax.figure.colorbar(plane, ax=ax, label="cost", extend=ends, ticks=MaxNLocator(4))
    return ax


def channel_histogram(
    values: Numbers, *, weight: float, bias: float, margin: float | None = None, ax: Axes | None = None
) -> Axes:
    """A channel's values behind its batch norm, the Gaussian that the batch norm promises, and the margin.

    Args:
        values: (M,) of one channel before the ReLU, over images and places.
        weight, bias: of the channel in the batch norm: the Gaussian is N(bias, weight^2).
        margin: m <= 0, as `bn_margin` gives it: the mean of the Gaussian's negative half.

    The measured mean of the negative values is drawn beside the margin: where the two differ, the values are not the
    Gaussian that the batch norm promises (in a ResNet, the shortcut is added to it).

    Raises:
        ValueError: no values, values that are not finite, weight 0, or a margin above 0.
    """
    values = to_array(values, "values", "(M,)")
    check_finite(values, "values")
    if weight == 0:
        raise ValueError("weight is 0: such a channel always has the value of its bias; choose another channel.")
    if margin is not None:
        _check_margin(margin)
    ax = style.axes(ax, figsize=(6, 4))
    heights, edges = np.histogram(values, bins=BINS, density=True)
    ax.stairs(heights, edges, fill=True, color="#BBBBBB", label=f"{len(values)} values")  # one shape: quick to draw
    spread = abs(weight)
    low, high = min(values.min(), bias - 3 * spread), max(values.max(), bias + 3 * spread)
    x = np.linspace(low, high, 300)
    gaussian = np.exp(-(((x - bias) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
    ax.plot(x, gaussian, color=style.TEACHER, label="Gaussian of the batch norm")
    ax.fill_between(x, gaussian, where=x < 0, color=style.TEACHER, alpha=0.25, linewidth=0)
    if margin is not None:
        look = {"color": style.ALONE, "linestyle": "--", "linewidth": 2.2}
        ax.axvline(margin, ymax=UNDER_KEY, label=f"margin {margin:.2f}", **look)
    if (values < 0).any():
        measured = values[values < 0].mean()
        look = {"color": style.INK, "linestyle": ":"}
        ax.axvline(measured, ymax=UNDER_KEY, label=f"mean of negatives {measured:.2f}", **look)
    ax.axvline(0, ymax=UNDER_KEY, color="#999999", linewidth=0.8)
    top = max(ax.get_ylim()[1], gaussian.max())
    ax.set(xlim=(low, high), ylim=(0, top / UNDER_KEY), yticks=[], xlabel="value before the ReLU", ylabel="how often")
    ax.locator_params(axis="x", nbins=5)
    ax.set_title("The margin: the mean of what is negative")
    ax.legend(loc="upper right")
    return ax


def loss_plane_report(
    cost: Numbers,
    teacher: Numbers,
    student: Numbers,
    dots: Mapping[str, tuple[Numbers, Numbers]],
    *,
    margin: float | None = None,
    most: float | None = None,
) -> Figure:
    """The same plane for each student, with its own neurons on it, 4 inches wide each.

    Each title says what a neuron costs on average, and how many cost nothing: of all of them, where they lie on the
    plane, though at most 300 are drawn.

    Args:
        dots: student's name -> (teacher's, student's) values (M,) of the same neurons; at least one.
        cost, teacher, student, margin, most: as for `loss_plane`.
    """
    if not dots:
        raise ValueError("No dots to draw; pass at least one student: {'student alone': (values_t, values_s)}.")
    figure, panels = plt.subplots(1, len(dots), figsize=(4 * len(dots), 3.8), layout="constrained", squeeze=False)
    with style.closed_on_error(figure):
        for ax, (name, pair) in zip(panels[0], dots.items(), strict=True):
            loss_plane(cost, teacher, student, margin=margin, dots=pair, most=most, ax=ax)
            charged = _charged(cost, teacher, student, pair)
            if len(charged):
                name += f":\n{100 * (charged == 0).mean():.0f} % free, mean cost {charged.mean():.2g}"
            ax.set_title(name)
            key = ax.get_legend().legend_handles
            ax.get_legend().remove()  # one for all stands below, where it hides no neuron
    figure.legend(handles=key, loc="outside lower center", ncols=3)
    return figure


def _charged(cost: Numbers, teacher: Numbers, student: Numbers, dots: tuple[Numbers, Numbers]) -> np.ndarray:
    """The cost of each dot on the plane (at most M,): that of the nearest grid point."""
    cost = to_array(cost, "cost", "(R, C)")
    axes = to_array(student, "student", "(R,)"), to_array(teacher, "teacher", "(C,)")
    values = (to_array(of_one, "dots", "(M,)") for of_one in reversed(dots))
    row, column = (
        np.rint((v - axis[0]) / (axis[1] - axis[0])).astype(int) for axis, v in zip(axes, values, strict=True)
    )
    inside = (row >= 0) & (row < len(cost)) & (column >= 0) & (column < cost.shape[1])
    return cost[row[inside], column[inside]]


def _check_margin(margin: float) -> None:
    if not margin <= 0:
        raise ValueError(f"margin is {margin}; expected a number <= 0: the mean of negative values.")
