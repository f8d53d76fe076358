"""A feature map squeezed into fewer channels: what can be rebuilt from them, and the squeezed channels themselves.

Source: Kim et al., Paraphrasing Complex Network: Network Compression via Factor Transfer, NeurIPS 2018.
https://arxiv.org/abs/1802.04977
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from kd_teach.plots._numbers import Numbers, check_finite, named, to_array
from kd_teach.plots.channels import colour_scale, label_rows
from kd_teach.plots.images import image_grid


def project_channels(f: Tensor, rate: float) -> tuple[Tensor, float]:
    """The best linear squeeze of channels and its undoing: PCA over channels, every pixel of every image a sample.

    A trained paraphraser is a non-linear relative: it looks at 3x3 neighbourhoods and has an activation after each
    layer. What it can do better than this projection is what those add.

    Args:
        f: (N, C, H, W).
        rate: k, the share of channels that is kept; round(k C) of them, at least one, at most all.

    Returns:
        The map rebuilt from them, (N, C, H, W), and the share of variance that it has of the original, 0..1.

    Raises:
        ValueError: another shape, a rate that keeps no channel or more than there are, or a constant map.
    """
    check_finite(to_array(f, "f", "(N, C, H, W)"), "f")
    kept = round(rate * f.shape[1])
    if not 1 <= kept <= f.shape[1]:
        raise ValueError(f"rate {rate} keeps {kept} of {f.shape[1]} channels; expected 1 to {f.shape[1]}.")
    samples = f.detach().double().movedim(1, -1)  # (N, H, W, C)
    mean = samples.mean(dim=(0, 1, 2))
    centred = (samples - mean).flatten(0, 2)
    variances, directions = torch.linalg.eigh(centred.T @ centred)  # in increasing order
    if not variances[-1] > 0:
        raise ValueError("f is constant: there is no variance to keep.")
    main = directions[:, -kept:]
    rebuilt = (samples - mean) @ main @ main.T + mean
    return rebuilt.movedim(-1, 1).to(f.dtype), (variances[-kept:].sum() / variances.sum()).clamp(0, 1).item()


def reconstructions(
    original: Numbers, rebuilt: Mapping[str, Numbers], titles: Sequence[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Some channels of one image's map, and below each what is rebuilt of it; its R² stands above.

    Args:
        original: (M, H, W), a few channels.
        rebuilt: row's name -> (M, H, W) the same channels, rebuilt.
        titles: one per channel; None counts them.

    Each column has its own colours, those of its original. R² = 1 - sum of squared errors / squared distances of the
    original from its own mean: 1 is perfect, 0 as good as the mean. A channel that is the same everywhere has none.
    """
    named(rebuilt, "rebuilt maps", "(M, H, W)", "'k = 1/2': maps")
    tiles = np.stack(list(named({"the original": original, **rebuilt}, "maps", "(M, H, W)", "", alike=True).values()))
    original, *others = tiles  # (rows, M, H, W)
    heads = [f"channel {c}" for c in range(len(original))] if titles is None else list(titles)
    for maps in others:
        heads += [_r_squared(channel, guess) for channel, guess in zip(original, maps, strict=True)]
    coloured = np.stack([_coloured(tiles[:, c], original[c]) for c in range(len(original))], axis=1)
    ax = image_grid(coloured.reshape(-1, *coloured.shape[2:]), heads, columns=len(original), ax=ax)
    label_rows(ax, ["original", *rebuilt])
    ax.set_title("What is left of each channel after the squeeze")
    return ax


def factor_maps(factors: Mapping[str, Numbers], *, count: int = 8, ax: Axes | None = None) -> Axes:
    """The factors of one image, a row per network: the loss wants each column alike.

    Args:
        factors: network's name -> (k, H, W) of one image, the same shape for all.
        count: how many of the k channels to show: those with the most energy in the first network.

    Each network's whole factor has length 1, as in the loss. A column has its own colours, the same in all its rows, so
    that a quiet factor can be seen beside a loud one. Above the tiles of the other rows stands their cosine with the
    first row's tile.
    """
    factors = named(factors, "factors", "(k, H, W)", "'teacher': loss.encode(f_t)[0]", alike=True)
    first = next(iter(factors.values()))
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1.")
    chosen = np.argsort(-(first**2).sum(axis=(1, 2)), kind="stable")[:count]
    tiles = np.stack([(factor / (np.linalg.norm(factor) or 1))[chosen] for factor in factors.values()])
    heads = [f"factor {c}" for c in chosen]
    for row in tiles[1:]:
        heads += [f"cos {_cosine(tile, target):.2f}" for tile, target in zip(row, tiles[0], strict=True)]
    coloured = np.stack([_coloured(tiles[:, c], tiles[:, c]) for c in range(len(chosen))], axis=1)
    ax = image_grid(coloured.reshape(-1, *coloured.shape[2:]), heads, columns=len(chosen), ax=ax)
    label_rows(ax, list(factors))
    ax.set_title("Factors of one image: each column, with its own colours, should be alike")
    return ax


def _coloured(maps: np.ndarray, like: np.ndarray) -> np.ndarray:
    """(n, H, W) as uint8 pictures (n, 3, H, W) in the colours that fit the values of `like`."""
    colour = colour_scale(like)
    return colour.cmap(colour.norm(maps), bytes=True)[..., :3].transpose(0, 3, 1, 2)


def _r_squared(original: np.ndarray, guess: np.ndarray) -> str:
    spread = ((original - original.mean()) ** 2).sum()
    return f"R² {1 - ((original - guess) ** 2).sum() / spread:.2f}" if spread > 0 else "constant"


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return (a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) or 1)
