"""On which side of its boundary each neuron stands: the loss that moves it, how many agree, and the boundaries drawn.

Source: Heo et al., Knowledge Transfer via Distillation of Activation Boundaries, AAAI 2019.
https://arxiv.org/abs/1811.03233
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, named, to_array

GRID = 80  # points per side at which the plane is asked how many neurons disagree
DASHES = ("-", "--", ":", "-.")
FOR_KEY = 1.3  # how much further up than down a plane reaches: its legend stands above the points
UNDER_KEY = 0.6  # of the height of a hinge's Axes: its legend of up to four lines stands above
GREYS = ("#222222", "#9A9A9A")  # of the two classes of points


def side_loss(
    student: Numbers, hinge: Numbers, *, fires: bool, margin: float | None = None, ax: Axes | None = None
) -> Axes:
    """A hinge beside what it stands for: 1 where the student's neuron is on the wrong side, 0 where it is right.

    Args:
        student: (M,) values before the ReLU, increasing.
        hinge: (M,) what the loss charges for each.
        fires: whether the teacher's neuron fires (t > 0), so that the right side is above 0, or not (t <= 0).
        margin: mu > 0, how far beyond the boundary the charge ends; drawn as a line.
    """
    student, hinge = to_array(student, "student", "(M,)"), to_array(hinge, "hinge", "(M,)")
    check_finite(hinge, "hinge")
    if len(student) != len(hinge):
        raise ValueError(f"{len(hinge)} values of the loss came with {len(student)} of the student; pass as many.")
    if margin is not None and not margin > 0:
        raise ValueError(f"margin is {margin}; expected a number > 0.")
    ax = style.axes(ax, figsize=(5, 3.6))
    wrong = (student > 0) != fires
    ax.axvspan(*((student[0], 0) if fires else (0, student[-1])), color="#EEEEEE", linewidth=0)
    ax.plot(student, hinge, color=style.OTHERS[0], linewidth=2.4, label="squared hinge")
    ax.plot(student, wrong.astype(float), color=style.INK, linestyle="--", drawstyle="steps-mid", label="0/1 loss")
    if margin is not None:
        at = margin if fires else -margin
        look = {"color": style.ALONE, "linestyle": ":", "linewidth": 2}
        ax.axvline(at, ymax=UNDER_KEY, label=f"margin {margin:g}", **look)
    ax.set(xlim=(student[0], student[-1]), ylim=(-0.1, 5), xlabel="student's value, before the ReLU", ylabel="loss")
    ax.set_title("Teacher fires: go above 0" if fires else "Teacher is silent: go below 0")
    ax.text(0.02 if fires else 0.98, 0.04, "wrong side", transform=ax.transAxes, ha="left" if fires else "right")
    ax.legend(loc="upper right" if fires else "upper left")
    return ax


def hinge_report(student: Numbers, fires: Numbers, silent: Numbers, *, margin: float | None = None) -> Figure:
    """The hinge where the teacher's neuron fires, and where it is silent, 8 x 3.4 inches.

    Args:
        student: (M,) values before the ReLU, increasing.
        fires, silent: (M,) what the loss charges in the two cases.
        margin: as for `side_loss`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained", sharey=True)
    with style.closed_on_error(figure):
        side_loss(student, fires, fires=True, margin=margin, ax=left)
        side_loss(student, silent, fires=False, margin=margin, ax=right).set_ylabel("")
    return figure


def sign_agreement_bars(agreement: Mapping[str, Numbers], *, ax: Axes | None = None) -> Axes:
    """Per stage the share of neurons that are on the teacher's side, in percent: a group of bars per stage.

    Args:
        agreement: network's name -> (S,) shares 0..1, as `sign_agreement` gives them.

    The line at 50 % is what a coin for each neuron would reach; neurons that are mostly silent make it easy to do
    better.
    """
    shares = named(agreement, "agreement", "(S,)", "'student alone': shares", alike=True)
    for name, share in shares.items():
        if share.min() < 0 or share.max() > 1:
            raise ValueError(f"The agreement of {name!r} holds {share.tolist()}; expected shares, 0..1.")
    stages = len(next(iter(shares.values())))
    ax = style.axes(ax, figsize=(7, 3.6))
    width = 0.8 / len(shares)
    for i, ((name, share), colour) in enumerate(zip(shares.items(), style.colours(shares), strict=True)):
        places = np.arange(stages) + (i - (len(shares) - 1) / 2) * width
        bars = ax.bar(places, 100 * share, width, color=colour, label=name)
        ax.bar_label(bars, fmt="%.0f", fontsize=9, label_type="center", color="white")
    ax.axhline(50, color=style.INK, linestyle=":", linewidth=1, label="a coin")
    ax.set_xticks(range(stages), [f"stage {stage + 1}" for stage in range(stages)])
    ax.set(ylim=(0, 109), yticks=range(0, 101, 20), ylabel="same side as the teacher (%)")
    ax.set_title("How many neurons are on the teacher's side")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def activation_boundaries(
    fans: Mapping[str, tuple[Numbers, Numbers]],
    points: Numbers,
    labels: Numbers | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """The lines on which the neurons of a hidden layer switch, over the data of a network with two inputs.

    Args:
        fans: one or two names -> weight (n, 2) and bias (n,). Of two, the second is drawn dashed over the first, and
            the darker the plane, the more neurons are on different sides in the two; it is that number that AB lowers.
        points: (N, 2) inputs.
        labels: (N,) 0 or 1, shown as two kinds of dots.
    """
    points = to_array(points, "points", "(N, 2)")
    labels = np.zeros(len(points)) if labels is None else to_array(labels, "labels", "(N,)")
    if points.shape[1] != 2 or len(labels) != len(points):
        raise ValueError(f"points has shape {points.shape} with {len(labels)} labels; expected (N, 2) and (N,).")
    if not 1 <= len(fans) <= 2:
        raise ValueError(f"{len(fans)} fans came; expected one, or two to compare.")
    fans = {name: _fan(name, *fan) for name, fan in fans.items()}
    widths = [len(bias) for _, bias in fans.values()]
    if len(set(widths)) > 1:
        raise ValueError(f"The fans have {widths[0]} and {widths[1]} neurons; line i is compared with line i.")

    ax = style.axes(ax, figsize=(5, 4.4))
    reach = 1.15 * np.abs(points).max()
    top = FOR_KEY * reach
    if len(fans) == 2:
        plane = np.stack(np.meshgrid(np.linspace(-reach, reach, GRID), np.linspace(-reach, top, GRID)), axis=-1)
        first, second = (plane @ w.T + b > 0 for w, b in fans.values())
        apart = (first != second).sum(axis=2)
        box = (-reach, reach, -reach, top)
        ax.imshow(apart, origin="lower", extent=box, cmap="Greys", vmin=0, vmax=1.5 * widths[0], aspect="auto")
    for value, grey, mark in zip((0, 1), GREYS, "ox", strict=True):
        ax.plot(*points[labels == value].T, mark, color=grey, markersize=3, linestyle="none")
    for fan, colour, dash in zip(fans.values(), style.colours(fans), DASHES, strict=False):
        ax.add_collection(LineCollection(_segments(*fan, reach), colors=colour, linestyles=dash, linewidths=1.8))
    ax.set(xlim=(-reach, reach), ylim=(-reach, top), xticks=[], yticks=[], aspect="equal", xlabel="input 1")
    ax.set(ylabel="input 2", title="Where neurons switch")
    looks = zip(fans, style.colours(fans), DASHES, strict=False)
    key = [Line2D([], [], color=colour, linestyle=dash, label=name) for name, colour, dash in looks]
    ax.legend(handles=key, loc="upper left", fontsize=8, framealpha=1)
    return ax


def _segments(weight: np.ndarray, bias: np.ndarray, reach: float) -> np.ndarray:
    """Pieces (n, 2, 2) of the lines w.x + b = 0 that are long enough to cross the square up to `reach`."""
    square = (weight**2).sum(axis=1, keepdims=True)
    nearest = -bias[:, None] * weight / square  # of each line to the origin
    along = np.stack([-weight[:, 1], weight[:, 0]], axis=1) / np.sqrt(square)
    return np.stack([nearest - 2 * reach * along, nearest + 2 * reach * along], axis=1)


def _fan(name: str, weight: Numbers, bias: Numbers) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = to_array(weight, f"weight of {name!r}", "(n, 2)"), to_array(bias, f"bias of {name!r}", "(n,)")
    if weight.shape != (len(bias), 2) or not (np.abs(weight).sum(axis=1) > 0).all():
        raise ValueError(
            f"{name!r} has weights {weight.shape} and biases {bias.shape}; expected (n, 2), no row zero, and (n,)."
        )
    return weight, bias
