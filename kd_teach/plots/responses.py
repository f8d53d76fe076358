"""What a network answers to one image: soft targets p(z; T) = softmax(z / T).

Source: Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, 2015.
https://arxiv.org/abs/1503.02531
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_images, check_names, named, to_array

SMALLEST = 1e-8  # where a log axis ends: float32 probabilities below say nothing


def soft_targets(
    logits: Numbers,
    classes: Sequence[str],
    *,
    temperatures: Sequence[float] = (1, 2, 4, 8),
    label: int | None = None,
    top: int = 10,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Class probabilities of one image at several temperatures: a bar per class and temperature.

    Args:
        logits: (K,) of one image.
        classes: K names.
        temperatures: the values of T, each > 0; darker bars are colder.
        label: the true class; its name is set bold and marked.
        top: how many classes to show, the most probable ones (and the true one) in the order of the labels.
        log: probabilities on a log axis, where also what T = 1 hides can be seen.
    """
    logits = _check_logits({"network": logits}, classes, label, top)["network"]
    if not len(temperatures) or not all(t > 0 for t in temperatures):
        raise ValueError(f"temperatures are {list(temperatures)}; expected at least one, all positive.")
    shown = _largest([logits], label, top)
    shades = plt.colormaps[style.SEQUENTIAL](np.linspace(0.05, 0.85, len(temperatures)))
    bars = {f"T = {t:g}": softmax(logits / t) for t in temperatures}
    ax = _grouped_bars(bars, shades, shown, classes, label, log, ax)
    ax.set_title("The higher the temperature, the more the other classes show")
    return ax


def soft_targets_by_network(
    logits: Mapping[str, Numbers],
    classes: Sequence[str],
    *,
    temperature: float = 4.0,
    label: int | None = None,
    top: int = 10,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Class probabilities of one image by several networks at one temperature: a bar per class and network.

    Args:
        logits: network's name -> (K,).
        temperature: T > 0.
        classes, label, log, ax: as for `soft_targets`.
        top: how many classes to show: those to which any network gives most, and the true one.
    """
    logits = _check_logits(logits, classes, label, top)
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a positive number.")
    shown = _largest([np.log(softmax(z)) for z in logits.values()], label, top)
    bars = {name: softmax(z / temperature) for name, z in logits.items()}
    ax = _grouped_bars(bars, style.colours(logits), shown, classes, label, log, ax)
    ax.set_title(f"Do they see the same look-alikes? Soft targets at T = {temperature:g}")
    return ax


def soft_target_report(image: Numbers, logits: Numbers, classes: Sequence[str], **options) -> Figure:
    """One picture beside its soft targets, 9 inches wide.

    Args:
        image: (3, H, W) uint8.
        logits, classes, options: as for `soft_targets`, all but `ax`.
    """
    image = to_array(image, "image", "(3, H, W)")
    check_images(image, "image", "(3, H, W)")
    bars = soft_targets(logits, classes, **options)
    figure = bars.figure
    left, right = figure.add_gridspec(1, 2, width_ratios=(1, 2.4))
    bars.set_subplotspec(right)
    picture = figure.add_subplot(left)
    picture.imshow(image.transpose(1, 2, 0), interpolation="nearest")
    label = options.get("label")
    picture.set_title("The image" if label is None else f"True class: {classes[label]}", loc="center")
    picture.axis("off")
    picture.set_anchor("N")
    figure.set_size_inches(9, figure.get_figheight())
    return figure


def _check_logits(
    logits: Mapping[str, Numbers], classes: Sequence[str], label: int | None, top: int
) -> dict[str, np.ndarray]:
    arrays = named(logits, "logits", "(K,)", "'teacher': logits")
    for name, z in arrays.items():
        check_names(classes, len(z), f"logits of {name!r}")
    if label is not None and not 0 <= label < len(classes):
        raise ValueError(f"label is {label}; expected 0..{len(classes) - 1}, or None.")
    if top < 1:
        raise ValueError(f"top is {top}; expected at least 1.")
    return arrays


def _largest(logits: Sequence[np.ndarray], label: int | None, top: int) -> list[int]:
    """The `top` classes with the largest logits of any network, and the true one, in the order of the labels."""
    shown = set(np.argsort(-np.max(logits, axis=0), kind="stable")[:top].tolist())
    return sorted(shown if label is None else shown | {int(label)})


def _grouped_bars(
    groups: Mapping[str, np.ndarray],
    colours: Sequence,
    shown: Sequence[int],
    classes: Sequence[str],
    label: int | None,
    log: bool,
    ax: Axes | None,
) -> Axes:
    """Horizontal bars of probabilities (K,), the groups' side by side for each class that is shown."""
    ax = style.axes(ax, figsize=(7, 1 + 0.07 * len(shown) * (len(groups) + 1.5)))
    places = np.arange(len(shown))
    thickness = 0.8 / len(groups)
    for i, ((name, values), colour) in enumerate(zip(groups.items(), colours, strict=True)):
        offset = (i - (len(groups) - 1) / 2) * thickness
        ax.barh(places + offset, values[shown], thickness, color=colour, label=name)
    ax.set_yticks(places, [classes[k] + (" (true)" if k == label else "") for k in shown])
    if label is not None:
        ax.get_yticklabels()[shown.index(label)].set_fontweight("bold")
    ax.set_ylim(len(shown) - 0.5, -0.5)  # read from top to bottom
    if log:
        smallest = min(values[shown].min() for values in groups.values())
        ax.set(xscale="log", xlim=(max(SMALLEST, smallest / 2), 1))
    else:
        ax.set_xlim(0, 1)
    ax.set_xlabel("probability")
    ax.grid(True, axis="x")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z) / sum exp(z), without overflow."""
    e = np.exp(z - z.max())
    return e / e.sum()
