"""Pictures in a grid, with titles and outlined objects."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_images, to_array

WIDTH = 8.0  # inches
TITLE_SIZE = 8  # points, smaller where a title would reach into the next tile
LETTER, LINE = 0.62, 1.45  # mean width of a letter, height of a line, in font sizes


def image_grid(
    images: Numbers,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    masks: Numbers | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Pictures in rows, read like text, on one Axes.

    Args:
        images: (N, 3, H, W) uint8.
        titles: one per picture, set over it; may have several lines.
        columns: pictures per row.
        masks: (N, H, W) bool, True on the object: outlined in yellow.
    """
    images = to_array(images, "images", "(N, 3, H, W)")
    check_images(images, "images", "(N, 3, H, W)")
    count, _, height, width = images.shape
    if titles is not None and len(titles) != count:
        raise ValueError(f"{len(titles)} titles came with {count} images; pass one per image, or none.")
    if columns < 1:
        raise ValueError(f"columns is {columns}; expected at least 1.")
    if masks is not None:
        masks = to_array(masks, "masks", "(N, H, W)")
        if masks.shape != (count, height, width) or masks.dtype != bool:
            raise ValueError(f"masks is {masks.dtype} {masks.shape}; expected bool {(count, height, width)}.")

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    gap = max(1, width // 12)
    inches = WIDTH if ax is None else ax.get_window_extent().width / ax.figure.dpi
    point = columns * (width + gap) / (72 * inches)  # pixels of the grid in one typographic point
    size, strip = TITLE_SIZE, 0
    if titles is not None:
        lines = [line for title in titles for line in title.split("\n")]
        longest = LETTER * max(1, *map(len, lines))
        size = min(TITLE_SIZE, width / point / longest)
        strip = math.ceil(LINE * size * point * max(title.count("\n") + 1 for title in titles))
    step_y, step_x = height + strip + gap, width + gap
    ax = style.axes(ax, figsize=(WIDTH, WIDTH * rows * step_y / (columns * step_x)))

    canvas = np.full((rows * step_y - gap, columns * step_x - gap, 3), 255, dtype=np.uint8)
    inside = np.zeros(canvas.shape[:2], dtype=bool)
    for n, image in enumerate(images):
        top, left = n // columns * step_y + strip, n % columns * step_x
        canvas[top : top + height, left : left + width] = image.transpose(1, 2, 0)
        if masks is not None:
            inside[top : top + height, left : left + width] = masks[n]
        if titles is not None:
            ax.text(left + width / 2, top - 1, titles[n], ha="center", va="bottom", size=size, linespacing=1.1)
    ax.imshow(canvas, interpolation="nearest")
    if inside.any():
        outline = ax.contour(inside, levels=[0.5], colors=style.HIGHLIGHT, linewidths=1.2)
        outline.set_path_effects([patheffects.withStroke(linewidth=2.4, foreground="black")])
    ax.axis("off")
    return ax
