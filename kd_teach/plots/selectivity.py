"""Channels as patterns that like certain places: how alike the patterns of two networks are, and which places are.

Source: Huang & Wang, Like What You Like: Knowledge Distill via Neuron Selectivity Transfer, 2017.
https://arxiv.org/abs/1707.01219
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from kd_teach._support.errors import unknown
from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, check_images, named, to_array
from kd_teach.plots.attention import HEAT, LUMA
from kd_teach.plots.lookalikes import similarity_order

KERNELS = ("linear", "polynomial", "gaussian")


def kernel_matrix(f_t: Tensor, f_s: Tensor, kernel: str = "polynomial") -> Tensor:
    """k(x, y) between all channels of two networks for one image: (C_t + C_s, C_t + C_s), the teacher's first.

    Args:
        f_t, f_s: (C_t, H, W) and (C_s, H, W) on one grid. Each channel is brought to unit length over its pixels.
        kernel: "linear" x.y, "polynomial" (x.y)^2, or "gaussian" exp(-|x - y|^2 / (2 sigma^2)), sigma^2 the mean of
            |x - y|^2 over the pairs of a student's and a teacher's channel.
    """
    if kernel not in KERNELS:
        raise unknown("kernel", kernel, KERNELS)
    if f_t.ndim != 3 or f_s.ndim != 3 or f_t.shape[1:] != f_s.shape[1:]:
        raise ValueError(
            f"The maps have shapes {tuple(f_t.shape)} and {tuple(f_s.shape)}; expected (C_t, H, W) and (C_s, H, W) of "
            "one image on the same grid: pool the larger."
        )
    x = F.normalize(torch.cat([f_t, f_s]).detach().double().flatten(1), dim=1)  # a dead channel stays zero
    cosines = x @ x.T
    if kernel == "linear":
        return cosines
    if kernel == "polynomial":
        return cosines.square()
    square = cosines.diagonal()
    far = square[:, None] + square[None, :] - 2 * cosines
    return torch.exp(-far / (2 * far[: len(f_t), len(f_t) :].mean().clamp(min=1e-3)))


def channel_order(f: Tensor) -> Tensor:
    """An order (C,) of the channels of a map (C, H, W) in which those that like the same places stand together."""
    return torch.from_numpy(similarity_order(kernel_matrix(f, f[:0]).numpy()).copy())


def block_means(matrix: Numbers, split: int) -> np.ndarray:
    """The means (2, 2) of the blocks of a (C, C) matrix of two networks, of whose channels the first has `split`.

    MMD^2 is [0, 0] + [1, 1] - [0, 1] - [1, 0]: 0 if a channel is on average as similar to those of the other network
    as to its own.
    """
    matrix = to_array(matrix, "matrix", "(C, C)")
    check_finite(matrix, "matrix")
    count = len(matrix)
    if matrix.shape != (count, count) or not 0 < split < count:
        raise ValueError(f"matrix has shape {matrix.shape} and split is {split}; expected (C, C) and 1..C-1.")
    parts = slice(0, split), slice(split, count)
    return np.array([[matrix[rows, columns].mean() for columns in parts] for rows in parts])


def kernel_blocks(
    matrix: Numbers, split: int, *, names: tuple[str, str] = ("teacher", "student"), ax: Axes | None = None
) -> Axes:
    """Similarities of the channels of two networks, with the means of the blocks of which MMD^2 is made.

    Args:
        matrix: (C, C), as `kernel_matrix` gives it.
        split: how many of the channels are the first network's.
        names: of the two networks.
    """
    means = block_means(matrix, split)
    matrix = to_array(matrix, "matrix", "(C, C)")
    ax = style.axes(ax, figsize=(5.4, 4.6))
    heat = _draw_blocks(ax, matrix, means, split, names, similarity_limits(matrix))
    ax.set_title(mmd_title(means))
    ax.figure.colorbar(heat, ax=ax, label="similarity", shrink=0.8)
    return ax


def kernels_report(
    matrices: Mapping[str, Numbers], split: int, *, names: tuple[str, str] = ("teacher", "student")
) -> Figure:
    """The same channels under several kernels side by side, 9 inches wide for three, with one colour scale.

    Args:
        matrices: kernel's name -> (C, C).
        split, names: as for `kernel_blocks`.
    """
    values = named(matrices, "matrices", "(C, C)", "'polynomial': kernel_matrix(f_t, f_s)")
    means = {kernel: block_means(matrix, split) for kernel, matrix in values.items()}  # also checks them
    limits = similarity_limits(*values.values())
    width = max(2.75 * len(matrices) + 0.75, 5.9)  # of which the title needs the least
    figure, panels = plt.subplots(1, len(matrices), figsize=(width, 3.4), layout="compressed", squeeze=False)
    for ax, (kernel, matrix) in zip(panels[0], values.items(), strict=True):
        heat = _draw_blocks(ax, matrix, means[kernel], split, names, limits)
        ax.set_title(f"{kernel}:\n{mmd_title(means[kernel])}")
    figure.colorbar(heat, ax=list(panels[0]), label="similarity", shrink=0.8)
    style.headline(figure, "The less the mixed blocks differ from the others, the smaller MMD²")
    return figure


def similarity_limits(*matrices: Tensor | np.ndarray) -> tuple[float, float]:
    """Where the colours of similarities begin (at the least, or 0 if that is positive) and end (at the largest)."""
    return min(0.0, *(float(m.min()) for m in matrices)), max(1e-12, *(float(m.max()) for m in matrices))


def mmd_title(means: np.ndarray) -> str:
    """MMD^2 in words, from the means (2, 2) of the blocks."""
    return f"MMD² = {means[0, 0] + means[1, 1] - means[0, 1] - means[1, 0]:.4f}"


def gram_row(f: Tensor, place: tuple[int, int]) -> Tensor:
    """How much each place of a map (C, H, W) is liked by the same channels as one place, (H, W).

    It is that place's row of the spatial Gram X'X / C of channels at unit length, which the polynomial kernel matches.
    It is a product, not a cosine: where many channels are strong it is large, so the place itself need not be first.
    """
    if f.ndim != 3 or not (0 <= place[0] < f.shape[1] and 0 <= place[1] < f.shape[2]):
        raise ValueError(f"The map has shape {tuple(f.shape)}, the place is {place}; expected (C, H, W), one of H x W.")
    x = F.normalize(f.detach().double().flatten(1), dim=1).reshape(f.shape)  # a dead channel stays zero
    return torch.einsum("c,chw->hw", x[:, place[0], place[1]], x) / len(x)


def similar_regions(
    row: Numbers, image: Numbers, place: tuple[int, int], *, most: float | None = None, ax: Axes | None = None
) -> Axes:
    """Which regions look like the marked one: bright, laid over the image in grey.

    Args:
        row: (H, W) as `gram_row` gives it; entries below 0 are drawn like 0.
        image: (3, H0, W0) uint8.
        place: (row, column) on the grid of `row`.
        most: the value from which on it gets no brighter; None takes the largest.
    """
    row, image = to_array(row, "row", "(H, W)"), to_array(image, "image", "(3, H, W)")
    check_finite(row, "row")
    check_images(image, "image", "(3, H, W)")
    if not (0 <= place[0] < row.shape[0] and 0 <= place[1] < row.shape[1]):
        raise ValueError(f"The place is {place}; expected a row and a column of the grid {row.shape}.")
    ax = style.axes(ax, figsize=(3.6, 3.4))
    height, width = image.shape[1:]
    box = (0, width, height, 0)
    ax.imshow(np.tensordot(LUMA, image, axes=1), cmap="gray", vmin=0, vmax=255, extent=box)
    ax.imshow(
        row, cmap=style.SEQUENTIAL, vmin=0, vmax=max(row.max() if most is None else most, 1e-12), extent=box, alpha=HEAT
    )
    step_y, step_x = height / row.shape[0], width / row.shape[1]
    mark = Rectangle((place[1] * step_x, place[0] * step_y), step_x, step_y, fill=False, edgecolor=style.ALONE)
    mark.set(linewidth=2, path_effects=[patheffects.withStroke(linewidth=4, foreground="black")])
    ax.add_patch(mark)
    ax.set(xticks=[], yticks=[], title="Regions like the marked one")
    ax.spines[:].set_visible(False)
    return ax


def similar_regions_report(rows: Mapping[str, Numbers], image: Numbers, place: tuple[int, int]) -> Figure:
    """The image with the marked place, then what each network finds similar to it, all in the same colours.

    Args:
        rows: network's name -> (H, W), on one grid.
        image, place: as for `similar_regions`.
    """
    rows = named(rows, "rows", "(H, W)", "'teacher': gram_row(f_t, place)")
    most = max(row.max() for row in rows.values())
    figure, panels = plt.subplots(1, 1 + len(rows), figsize=(2.4 * (1 + len(rows)), 2.65), layout="compressed")
    with style.closed_on_error(figure):
        for ax, (name, row) in zip(panels[1:], rows.items(), strict=True):
            similar_regions(row, image, place, most=most, ax=ax).set_title(name)
    panels[0].imshow(to_array(image, "image", "(3, H, W)").transpose(1, 2, 0), interpolation="nearest")
    panels[0].set_title("the image")
    panels[0].axis("off")
    figure.colorbar(panels[-1].images[1], ax=panels, label="similarity", shrink=0.8)
    style.headline(figure, "Bright places excite the same channels as the marked one")
    return figure


def _draw_blocks(
    ax: Axes, matrix: np.ndarray, means: np.ndarray, split: int, names: tuple[str, str], limits: tuple[float, float]
) -> AxesImage:
    heat = ax.imshow(matrix, cmap=style.SEQUENTIAL, vmin=limits[0], vmax=limits[1])
    ax.axhline(split - 0.5, color="white", linewidth=2)
    ax.axvline(split - 0.5, color="white", linewidth=2)
    centres = (split - 1) / 2, (split + len(matrix) - 1) / 2
    box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0}
    for (row, column), mean in np.ndenumerate(means):
        ax.text(centres[column], centres[row], f"{mean:.3f}", ha="center", va="center", fontsize=9, bbox=box)
    ax.set_xticks(centres, names)
    ax.set_yticks(centres, names, rotation=90, va="center")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return heat
