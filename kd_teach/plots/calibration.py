"""Does a network know when it errs? Confidence against accuracy.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017. https://arxiv.org/abs/1706.04599
"""

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from kd_teach.measures.logits import expected_calibration_error, reliability
from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, to_array

UNDER_KEY = 0.7  # of the height of the histogram's Axes: its legend stands above


def reliability_diagram(
    results: Mapping[str, Numbers], labels: Numbers, *, bins: int = 15, at_least: int = 5, ax: Axes | None = None
) -> Axes:
    """Accuracy in each bin of confidence, a line per network; the title has each one's calibration error (ECE).

    Args:
        results: network's name -> logits (N, K). Names that contain "teacher", "alone" or "distilled" have their
            fixed colours (`style.colours`).
        labels: (N,) class numbers.
        bins: number of intervals of confidence.
        at_least: images that a bin needs to be drawn: the accuracy of one image is 0 or 100 %. The ECE counts all.
        ax: where to draw; None makes a figure of 6 x 5 inches.

    Below the diagonal a network is right less often than it says. The larger a dot, the more images are in its bin.

    Raises:
        ValueError: no results, shapes that do not fit, a logit that is not finite, labels outside 0..K-1, no bins.
    """
    tensors, labels = _check(results, labels, bins)
    errors = {name: expected_calibration_error(z, labels, bins=bins) for name, z in tensors.items()}
    ax = style.axes(ax, figsize=(6, 5))
    ax.plot([0, 1], [0, 1], color=style.INK, linestyle="--", linewidth=1, label="confidence = accuracy")
    looks = zip(style.colours(tensors), cycle(style.MARKERS), strict=False)
    for (name, logits), (colour, marker) in zip(tensors.items(), looks, strict=True):
        confidence, accuracy, count = reliability(logits, labels, bins=bins)
        filled = count >= max(at_least, 1)
        x, y, n = confidence[filled].numpy(), accuracy[filled].numpy(), count[filled].numpy()
        ax.plot(x, y, color=colour, marker=marker, markersize=3, label=name)
        sizes = 15 + 600 * n / len(labels)
        # Not clipped: the dot of a network that is almost always sure and right is larger than the margin.
        ax.scatter(x, y, s=sizes, color=colour, marker=marker, alpha=0.35, linewidths=0, clip_on=False)
    percent = PercentFormatter(1)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    listed = [f"{name} {100 * error:.1f} %" for name, error in errors.items()]
    lines = ["Who says 80 % should be right in 80 %. ECE:", *map(", ".join, _pairs(listed))]
    ax.set_title("\n".join(lines))
    ax.set(xlim=(-0.02, 1.04), ylim=(-0.04, 1.04), xlabel="confidence (largest probability)", ylabel="accuracy")
    ax.grid(True)
    ax.legend()
    return ax


def confidence_histogram(
    results: Mapping[str, Numbers], labels: Numbers, *, bins: int = 15, ax: Axes | None = None
) -> Axes:
    """How often a network is how sure: the share of images in each bin, an outline per network.

    A dashed line marks each network's accuracy, a dotted one its mean confidence: to the right of the dashed line it
    is overconfident.

    Args:
        results, labels, bins: as for `reliability_diagram`.
        ax: where to draw; None makes a figure of 6 x 4 inches.

    Raises:
        ValueError: as for `reliability_diagram`.
    """
    tensors, labels = _check(results, labels, bins)
    ax = style.axes(ax, figsize=(6, 4))
    for (name, logits), colour in zip(tensors.items(), style.colours(tensors), strict=True):
        confidence, accuracy, count = reliability(logits, labels, bins=bins)
        share = count.double() / len(labels)
        ax.stairs(share.numpy(), np.linspace(0, 1, bins + 1), color=colour, linewidth=1.8, label=name)
        filled = count > 0
        for values, line in ((accuracy, "--"), (confidence, ":")):
            mean = (share * values)[filled].sum().item()
            ax.axvline(mean, ymax=UNDER_KEY, color=colour, linestyle=line, linewidth=1.2)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlim=(0, 1.02), xlabel="confidence (largest probability)", ylabel="share of images")
    ax.set_title("How sure: mean (dotted) against accuracy (dashed)")
    ax.set_ylim(0, ax.get_ylim()[1] / UNDER_KEY)
    ax.set_yticks([share for share in ax.get_yticks() if share <= 1])
    ax.grid(True)
    ax.legend(loc="upper left")
    return ax


def calibration_report(results: Mapping[str, Numbers], labels: Numbers, *, bins: int = 15) -> Figure:
    """`reliability_diagram` beside `confidence_histogram`, 11 x 4.6 inches.

    Args:
        results, labels, bins: as for `reliability_diagram`.

    Raises:
        ValueError: as for `reliability_diagram`.
    """
    _check(results, labels, bins)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    reliability_diagram(results, labels, bins=bins, ax=left)
    confidence_histogram(results, labels, bins=bins, ax=right)
    return figure


def _check(results: Mapping[str, Numbers], labels: Numbers, bins: int) -> tuple[dict[str, Tensor], Tensor]:
    if not results:
        raise ValueError("No results to draw; pass at least one: {'student alone': logits}.")
    labels = torch.from_numpy(to_array(labels, "labels", "(N,)"))
    arrays = {name: to_array(z, name, "(N, K)").astype(float) for name, z in results.items()}
    for name, array in arrays.items():
        check_finite(array, name)
        expected_calibration_error(torch.from_numpy(array), labels, bins=bins)  # checks labels and bins
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, labels


def _pairs(items: list[str]) -> list[list[str]]:
    return [items[i : i + 2] for i in range(0, len(items), 2)]
