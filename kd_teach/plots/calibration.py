"""Does a network know when it errs? Confidence against accuracy.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017. https://arxiv.org/abs/1706.04599
"""

from collections.abc import Mapping
from itertools import cycle

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from kd_teach.measures.logits import expected_calibration_error, reliability
from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, named


def reliability_diagram(
    results: Mapping[str, Numbers], labels: Numbers, *, bins: int = 15, at_least: int = 5, ax: Axes | None = None
) -> Axes:
    """Accuracy in each bin of confidence, a line per network; the title has each one's calibration error (ECE).

    Args:
        results: network's name -> logits (N, K).
        labels: (N,) class numbers.
        bins: number of intervals of confidence.
        at_least: images that a bin needs to be drawn: the accuracy of one image is 0 or 100 %. The ECE counts all.

    Below the diagonal a network is right less often than it says. The larger a dot, the more images are in its bin.
    """
    logits = named(results, "logits", "(N, K)", "'student alone': logits")
    tensors, labels = {name: torch.from_numpy(z) for name, z in logits.items()}, torch.as_tensor(labels).cpu()
    errors = {name: expected_calibration_error(z, labels, bins=bins) for name, z in tensors.items()}
    ax = style.axes(ax, figsize=(6, 5))
    ax.plot([0, 1], [0, 1], color=style.INK, linestyle="--", linewidth=1, label="confidence = accuracy")
    looks = zip(style.colours(tensors), cycle(style.MARKERS), strict=False)
    for (name, z), (colour, marker) in zip(tensors.items(), looks, strict=True):
        confidence, accuracy, count = reliability(z, labels, bins=bins)
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
    by_two = [", ".join(listed[i : i + 2]) for i in range(0, len(listed), 2)]
    ax.set_title("\n".join(["Who says 80 % should be right in 80 %. ECE:", *by_two]))
    ax.set(xlim=(-0.02, 1.04), ylim=(-0.04, 1.04), xlabel="confidence (largest probability)", ylabel="accuracy")
    ax.grid(True)
    ax.legend()
    return ax
