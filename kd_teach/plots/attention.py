"""Where networks look: attention maps laid over images, and how much of each falls on the object.

Attention maps are those of Zagoruyko & Komodakis, Paying More Attention to Attention, ICLR 2017
(`methods.at.attention_map`), https://arxiv.org/abs/1612.03928; the share inside a mask is a soft form of the pointing
game of Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016, https://arxiv.org/abs/1608.00507
"""

import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from torch import Tensor

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, check_images, named, to_array
from kd_teach.plots.images import LETTER, WIDTH, image_grid

HEAT = 0.6  # how much of an overlay is heat map; the rest is the image in grey
HEADER_SIZE = 9  # points
LUMA = (0.299, 0.587, 0.114)  # grey as seen, of red, green, blue


def attention_in_mask(maps: Numbers, masks: Numbers) -> Tensor:
    """Share of each map's attention that lies on the object, (N,) in 0..1.

    The map is brought to the image's size (`upsample`) and divided by its sum. A map that is the same everywhere has
    the object's share of the image, `masks.float().mean(dim=(1, 2))`: compare with that, not with 0. A black map
    has 0.

    Args:
        maps: (N, h, w) or, of square grids, (N, hw); no entry below 0.
        masks: (N, H, W) bool, True on the object.
    """
    masks = to_array(masks, "masks", "(N, H, W)")
    if masks.dtype != bool:
        raise ValueError(f"masks is {masks.dtype}; expected bool, True on the object.")
    attention = upsample(maps, masks.shape[1:])
    if len(attention) != len(masks):
        raise ValueError(f"{len(attention)} maps came with {len(masks)} masks; pass one mask per map.")
    whole = attention.sum(dim=(1, 2))
    inside = (attention * torch.from_numpy(masks)).sum(dim=(1, 2))
    return inside / torch.where(whole > 0, whole, 1)


def upsample(maps: Numbers, size: tuple[int, int]) -> Tensor:
    """Maps (N, h, w), or (N, hw) of square grids, at the size (H, W) of the images: (N, H, W), linear in between."""
    flat = torch.as_tensor(maps).ndim == 2
    maps = to_array(maps, "maps", "(N, hw)" if flat else "(N, h, w)").astype(float)
    check_finite(maps, "maps")
    if maps.min() < 0:
        raise ValueError(f"maps goes down to {maps.min():.3g}; attention is never negative: attention_map(f).")
    if flat:
        side = math.isqrt(maps.shape[1])
        if side**2 != maps.shape[1]:
            raise ValueError(f"maps has {maps.shape[1]} entries per row, which is no square; pass (N, h, w).")
        maps = maps.reshape(-1, side, side)
    return F.interpolate(torch.from_numpy(maps)[:, None], size=tuple(size), mode="bilinear", align_corners=False)[:, 0]


def attention_grid(
    images: Numbers,
    maps: Mapping[str, Numbers],
    *,
    masks: Numbers | None = None,
    title: str = "Where each network looks",
    ax: Axes | None = None,
) -> Axes:
    """Attention laid over images: a row per image, a column per network or stage.

    Args:
        images: (N, 3, H, W) uint8.
        maps: column's name -> attention (N, h, w) or (N, hw). Bright is the most attention of that one map.
        masks: (N, H, W) bool, True on the object: outlined in yellow. Over each picture stands the share of its
            attention inside, over each column their mean, over the images the share of the area that the object has.
        title: what stands over all.
    """
    images = to_array(images, "images", "(N, 3, H, W)")
    check_images(images, "images", "(N, 3, H, W)")
    if not maps:
        raise ValueError("No maps to draw; pass at least one column: {'teacher': attention_map(f)}.")
    count, _, height, width = images.shape
    columns = {}
    for name, column in maps.items():
        columns[name] = upsample(column, (height, width)).numpy()
        if len(columns[name]) != count:
            raise ValueError(f"{name!r} has {len(columns[name])} maps for {count} images; pass one per image.")
    tiles = np.stack([images, *(overlay(images, column) for column in columns.values())], axis=1)
    headers, titles = ["image", *columns], None
    if masks is not None:
        masks = to_array(masks, "masks", "(N, H, W)")
        shares = [masks.mean(axis=(1, 2)), *(attention_in_mask(column, masks).numpy() for column in columns.values())]
        titles = [f"{100 * share:.0f} %" for share in np.stack(shares, axis=1).ravel()]
        notes = ["object covers", *["on the object"] * len(columns)]
        headers = [
            f"{name}\n{note} {100 * share.mean():.0f}\N{NO-BREAK SPACE}%"
            for name, note, share in zip(headers, notes, shares, strict=True)
        ]
        if count == 1:  # there is no mean to tell: the note stands over the picture itself
            headers, titles = ["image", *columns], [header.split("\n")[-1] for header in headers]
        masks = masks.repeat(len(headers), axis=0)
    own = ax is None
    ax = image_grid(tiles.reshape(-1, 3, height, width), titles, columns=len(headers), masks=masks, ax=ax)
    if own:
        ax.figure.set_figheight(ax.figure.get_figheight() + 0.7)  # for the headers
    label_columns(ax, headers, title)
    return ax


def label_columns(ax: Axes, headers: Sequence[str], title: str) -> None:
    """Names over the columns of an image grid, as tick labels, for which the layout makes room; a title over them."""
    points = 72 * ax.get_window_extent().width / ax.figure.dpi / len(headers)
    room = max(6, int(points / (LETTER * HEADER_SIZE)))  # letters of a header that fit over a column
    headers = ["\n".join(textwrap.fill(line, room) for line in header.split("\n")) for header in headers]
    ax.axis("on")
    ax.spines[:].set_visible(False)
    width = ax.images[0].get_size()[1]
    step = width / len(headers)  # but for the gap after the last column, which is missing
    ax.set_xticks(np.linspace(step / 2, width - step / 2, len(headers)) - 0.5, headers, size=HEADER_SIZE, weight="bold")
    ax.set_yticks([])
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    lines = max(header.count("\n") + 1 for header in headers)
    ax.set_title(title, y=1, pad=9 + 1.3 * HEADER_SIZE * lines)  # Matplotlib's own place is a few pixels off the page


def overlay(images: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """Heat maps (N, H, W) over the grey of images (N, 3, H, W): uint8 (N, 3, H, W); each map has its own brightest."""
    grey = np.tensordot(images.astype(float), LUMA, axes=(1, 0))[..., None]  # (N, H, W, 1)
    peak = attention.max(axis=(1, 2), keepdims=True)
    heat = plt.colormaps[style.SEQUENTIAL](attention / np.where(peak > 0, peak, 1))[..., :3]  # (N, H, W, 3)
    return ((1 - HEAT) * grey + HEAT * 255 * heat).round().astype(np.uint8).transpose(0, 3, 1, 2)


def attention_bars(
    shares: Mapping[str, Sequence[float]], *, area: float, stages: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Mean share of attention on the object by stage, a bar per network, in percent.

    Args:
        shares: network's name -> one share 0..1 per stage: `attention_in_mask(...).mean()`.
        area: share of the images that the object covers: what attention to nothing in particular would have.
        stages: their names; None counts them from 1.
    """
    heights = named(shares, "shares", "(stages,)", "'teacher': [0.2, 0.3, 0.6]")
    count = len(next(iter(heights.values())))
    stages = [f"stage {k}" for k in range(1, count + 1)] if stages is None else stages
    for name, values in heights.items():
        if len(values) != len(stages) or not ((values >= 0) & (values <= 1)).all():
            raise ValueError(
                f"{name!r} has {values.tolist()}; expected a share, 0..1, for each of {len(stages)} stages."
            )
    if not 0 <= area <= 1:
        raise ValueError(f"area is {area}; expected a share, 0..1.")
    ax = style.axes(ax, figsize=(WIDTH, 3))
    places, thickness = np.arange(count), 0.8 / len(heights)
    for i, ((name, values), colour) in enumerate(zip(heights.items(), style.colours(heights), strict=True)):
        offset = (i - (len(heights) - 1) / 2) * thickness
        bars = ax.bar(places + offset, 100 * values, thickness, color=colour, label=name)
        ax.bar_label(bars, fmt="%.0f", padding=1)
    ax.axhline(100 * area, color=style.INK, linestyle="--", linewidth=1.2, label=f"even attention: {100 * area:.0f} %")
    ax.set_xticks(places, stages)
    highest = max(area, *(values.max() for values in heights.values()))
    ax.set(ylim=(0, 130 * highest), ylabel="on the object (%)")  # room for the legend
    ax.set_title("Attention on the object: above the dashed line is more than chance")
    ax.legend(loc="upper left", ncols=4)
    return ax
