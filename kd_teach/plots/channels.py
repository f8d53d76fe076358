"""The channels of a feature map as pictures, and which of them VID's student finds hard to predict.

VID: Ahn et al., Variational Information Distillation for Knowledge Transfer, CVPR 2019.
https://arxiv.org/abs/1904.05835
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, check_images, named, to_array
from kd_teach.plots.attention import attention_in_mask, label_columns
from kd_teach.plots.images import WIDTH, image_grid

DIVERGING = "coolwarm_r"  # blue above zero, red below; grey, not white, at zero: a silent channel still has an edge


def channel_grid(
    maps: Numbers,
    titles: Sequence[str] | None = None,
    *,
    count: int = 16,
    columns: int = 8,
    sort: bool = True,
    mask: Numbers | None = None,
    ax: Axes | None = None,
) -> Axes:
    """What each channel makes of one image: the most active first, all in the same colours.

    Args:
        maps: (C, h, w), the feature map of one image.
        titles: one per channel, in the order of the channels; None writes the channel's number.
        count: how many channels to show.
        columns: pictures per row.
        sort: the most active first (mean of |f|); else in the order given.
        mask: (H, W) bool, True on the object: outlined in every channel, which is drawn with so many pixels then.

    A map with negative entries gets colours of which grey is zero, blue above, red below; else dark is zero.

    Raises:
        ValueError: another shape, not finite, a mask that is no multiple of the map, or counts that do not fit.
    """
    maps = to_array(maps, "maps", "(C, h, w)").astype(float)
    check_finite(maps, "maps")
    if titles is not None and len(titles) != len(maps):
        raise ValueError(f"{len(titles)} titles came with {len(maps)} channels; pass one per channel, or none.")
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1.")
    titles = [str(c) for c in range(len(maps))] if titles is None else titles
    order = np.argsort(-np.abs(maps).mean(axis=(1, 2)), kind="stable") if sort else np.arange(len(maps))
    order = order[:count]

    colour = colour_scale(maps[order])
    tiles = colour.cmap(colour.norm(maps[order]), bytes=True)[..., :3].transpose(0, 3, 1, 2)
    masks = None
    if mask is not None:
        mask = to_array(mask, "mask", "(H, W)")
        times = mask.shape[0] // tiles.shape[2]
        if times == 0 or mask.shape != (times * tiles.shape[2], times * tiles.shape[3]):
            raise ValueError(f"mask is {mask.shape}, a channel {tiles.shape[2:]}; expected a whole multiple of that.")
        tiles = tiles.repeat(times, axis=2).repeat(times, axis=3)
        masks = mask[None].repeat(len(tiles), axis=0)
    ax = image_grid(tiles, [titles[c] for c in order], columns=columns, masks=masks, ax=ax)
    ax.figure.colorbar(colour, ax=ax, shrink=0.8, pad=0.02, label="activation")
    of_all = "" if len(order) == len(maps) else f" {len(order)} of {len(maps)}"
    ax.set_title(f"Channels of one image,{of_all} most active first" if sort else f"Channels of one image{of_all}")
    return ax


def colour_scale(maps: np.ndarray) -> ScalarMappable:
    """Colours for activations: from zero up, or, if some are negative, the same way up and down from zero."""
    largest = np.abs(maps).max() or 1
    if maps.min() < 0:
        return ScalarMappable(Normalize(-largest, largest), DIVERGING)
    return ScalarMappable(Normalize(0, largest), style.SEQUENTIAL)


def channel_report(
    image: Numbers, maps: Mapping[str, Numbers], *, mask: Numbers | None = None, count: int = 16
) -> Figure:
    """The same image through several networks: its picture, then each network's most active channels, 8 inches wide.

    Args:
        image: (3, H, W) uint8.
        maps: network's name -> its feature map (C, h, w); C may differ.
        mask: (H, W) bool, True on the object: outlined. Over the image stands the share of its area that the object
            has, over each network the share of its activity (|f|, all channels) that lies on the object.
        count: channels shown per network.

    Each network has its own colours: only its own channels compare in brightness, and channel 5 of one network has
    nothing to do with channel 5 of another.
    """
    image = _image(image)
    maps = named(maps, "maps", "(C, h, w)", "'teacher': f.stages[1][0]")
    figure = plt.figure(figsize=(WIDTH, 2.1 * len(maps)), layout="constrained")
    cells = figure.add_gridspec(len(maps), 2, width_ratios=(1, 6))
    mask = None if mask is None else to_array(mask, "mask", "(H, W)")
    picture = image_grid(image[None], masks=None if mask is None else mask[None], ax=figure.add_subplot(cells[0, 0]))
    picture.set(title="The image" if mask is None else f"Object: {100 * mask.mean():.0f} %", anchor="N")
    for row, (name, f) in enumerate(maps.items()):
        panel = figure.add_subplot(cells[row, 1])
        ax = channel_grid(f, count=count, columns=(count + 1) // 2, mask=mask, ax=panel)
        inside = ""
        if mask is not None:
            share = attention_in_mask(np.abs(f).mean(axis=0)[None], mask[None]).item()
            inside = f", {100 * share:.0f} % on the object"
        ax.set_title(f"{name}: {min(count, len(f))} of {len(f)} channels, most active first{inside}")
    return figure


def maps_beside_photos(
    photos: Numbers,
    maps: Mapping[str, Numbers],
    names: Sequence[str],
    *,
    title: str,
    label: str = "activation",
    ax: Axes | None = None,
) -> Axes:
    """A row per photo: its class, the photo, and one map of each network, all maps in the same colours.

    Args:
        photos: (N, 3, H, W) uint8.
        maps: column's name -> (N, h, w): one channel, or anything else that has a value per place; one h and w for all.
        names: what stands beside the N photos, such as their classes.
        title: what stands over all.
        label: what the colours mean.

    Maps with negative entries get colours of which grey is zero, blue above, red below; else dark is zero.
    """
    photos = to_array(photos, "photos", "(N, 3, H, W)")
    check_images(photos, "photos", "(N, 3, H, W)")
    columns = named(maps, "maps", "(N, h, w)", "'teacher': f.stages[1][:, 0]", alike=True)
    stacked = np.stack(list(columns.values()), axis=1)  # (N, columns, h, w)
    count, _, height, width = photos.shape
    if not len(names) == len(stacked) == count:
        raise ValueError(
            f"{count} photos came with {len(names)} names and {len(stacked)} maps a column; pass one of each per photo."
        )
    colour = colour_scale(stacked)
    rows, across = (np.arange(size) * stacked.shape[i] // size for size, i in ((height, 2), (width, 3)))
    painted = colour.cmap(colour.norm(stacked[:, :, rows][:, :, :, across]), bytes=True)[..., :3]
    tiles = np.concatenate([photos[:, None], painted.transpose(0, 1, 4, 2, 3)], axis=1)
    own = ax is None
    ax = image_grid(tiles.reshape(-1, 3, height, width), columns=1 + len(columns), ax=ax)
    if own:
        ax.figure.set_figheight(ax.figure.get_figheight() + 0.5)  # for the headers
    label_columns(ax, ["photo", *columns], title)
    bottom = ax.images[0].get_size()[0]
    ax.set_yticks((np.arange(count) + 0.5) * bottom / count - 0.5, names)
    ax.figure.colorbar(colour, ax=ax, shrink=0.8, pad=0.02, label=label)
    return ax


def channel_sigmas(variances: Numbers, *, spreads: Numbers | None = None, ax: Axes | None = None) -> Axes:
    """VID's learnt sigma of each channel, from predictable to unpredictable.

    Args:
        variances: (C,) sigma^2 of one stage, as `VIDLoss.variances()` returns them.
        spreads: (C,) standard deviation of each teacher channel over images and places, drawn as a tick: the sigma of
            a student that knows its mean only. The further a bar ends below its tick, the more the student knows.
    """
    sigmas = np.sqrt(_variances(variances))
    order = np.argsort(sigmas, kind="stable")
    if spreads is not None:
        spreads = to_array(spreads, "spreads", "(C,)").astype(float)
        if spreads.shape != sigmas.shape or not (spreads >= 0).all():
            raise ValueError(f"spreads has shape {spreads.shape}; expected {sigmas.shape} numbers of at least 0.")
    ax = style.axes(ax, figsize=(WIDTH, 3))
    places = np.arange(len(sigmas))
    ax.bar(places, sigmas[order], color=style.OTHERS[2], label="σ")
    if spreads is not None:
        ax.plot(places, spreads[order], "_", color=style.INK, markeredgewidth=2, label="spread of the channel itself")
        ax.set_ylim(top=1.3 * max(sigmas.max(), spreads.max()))  # room for the legend above every tick
        ax.legend(loc="upper left", ncols=2)
    ax.set_xticks(places, order, fontsize=min(9, 460 / len(order)), rotation=90 if len(order) > 24 else 0)
    ax.set(xlabel="channel, from predictable to unpredictable", ylabel="σ", xlim=(-0.7, len(order) - 0.3))
    ax.set_title("VID: how sure the student is of each of the teacher's channels")
    ax.grid(True, axis="y")
    return ax


def sigma_report(
    variances: Numbers,
    maps: Numbers,
    *,
    image: Numbers | None = None,
    spreads: Numbers | None = None,
    mask: Numbers | None = None,
    count: int = 8,
) -> Figure:
    """VID's sigmas above; below, the channels of one image that it is surest and least sure of, 8 inches wide.

    Args:
        variances, spreads: as for `channel_sigmas`.
        maps: (C, h, w) the teacher's feature map of one image.
        image: (3, H, W) uint8, shown beside them.
        mask: (H, W) bool, True on the object: outlined in every channel.
        count: channels in each of the two rows.
    """
    sigmas = np.sqrt(_variances(variances))
    maps = to_array(maps, "maps", "(C, h, w)").astype(float)
    if len(maps) != len(sigmas):
        raise ValueError(f"{len(sigmas)} variances came with {len(maps)} channels; pass those of one stage.")
    count = min(count, len(sigmas))
    order = np.argsort(sigmas, kind="stable")
    chosen = np.concatenate([order[:count], order[-count:]])
    image = None if image is None else _image(image)
    bars = channel_sigmas(variances, spreads=spreads)
    figure = bars.figure
    cells = figure.add_gridspec(2, 2, width_ratios=(1, 5), height_ratios=(1, 1))
    bars.set_subplotspec(cells[0, :])
    figure.set_size_inches(WIDTH, 5)
    titles = [f"{c}: σ {sigmas[c]:.2f}" for c in chosen]
    ax = figure.add_subplot(cells[1, :] if image is None else cells[1, 1])
    channel_grid(maps[chosen], titles, count=2 * count, columns=count, sort=False, mask=mask, ax=ax)
    label_rows(ax, ["surest", "least\nsure"])
    ax.set_title("The channels at both ends")
    if image is not None:
        _picture(figure.add_subplot(cells[1, 0]), image)
    return figure


def label_rows(ax: Axes, names: Sequence[str]) -> None:
    """Names beside the rows of an image grid, as tick labels: for those the layout makes room."""
    ax.axis("on")
    ax.spines[:].set_visible(False)
    height = ax.images[0].get_size()[0]
    step = height / len(names)
    ax.set_yticks(
        np.arange(len(names)) * step + 0.6 * step, names, weight="bold", fontsize=7.5
    )  # lower, as titles stand above
    ax.set_xticks([])
    ax.tick_params(length=0)


def _image(image: Numbers) -> np.ndarray:
    image = to_array(image, "image", "(3, H, W)")
    check_images(image, "image", "(3, H, W)")
    return image


def _picture(ax: Axes, image: np.ndarray) -> None:
    ax.imshow(image.transpose(1, 2, 0), interpolation="nearest")
    ax.set_title("The image")
    ax.axis("off")
    ax.set_anchor("N")


def _variances(variances: Numbers) -> np.ndarray:
    variances = to_array(variances, "variances", "(C,)").astype(float)
    if not (np.isfinite(variances) & (variances > 0)).all():
        raise ValueError(f"variances holds {variances.min():.3g}; expected sigma^2 > 0: loss.variances()[stage].")
    return variances
