"""Whom a sample picks as its neighbour: conditional probabilities of one query as bars (PKT, as in t-SNE)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_images, named, to_array
from kd_teach.plots.similarities import class_numbers

THUMB = 36  # points, the side of a neighbour's picture; less where bars stand closer
NAME_SIZE, NAME_ROOM = 8, 62  # points, points × letters: longer names are set smaller, or neighbours would touch
GAP = 0.8  # between the nearest and the farthest, in bars


def neighbour_bars(
    probabilities: Mapping[str, Numbers],
    query: int,
    *,
    images: Numbers | None = None,
    labels: Numbers | None = None,
    classes: Sequence[str] | None = None,
    nearest: int = 7,
    farthest: int = 2,
    ax: Axes | None = None,
) -> Axes:
    """How likely one sample picks each other as its neighbour: a bar per network, the neighbour's picture below.

    Args:
        probabilities: network's name -> (N,), the query's row. The first network's order is that of the bars.
        query: which sample it is, 0..N-1; it is no neighbour of its own.
        images: (N, 3, H, W) uint8; None shows numbers of samples instead of pictures.
        labels: (N,) class numbers; names of the query's class are set bold.
        classes: names by class number.
        nearest, farthest: how many of the most and of the least likely neighbours to show.

    Bars begin at the dotted line, chance (every other sample equally likely), for PKT's rows are nearly even: bars from
    0 would all look alike.
    """
    rows = named(probabilities, "probabilities", "(N,)", "'teacher': neighbour_probabilities(e)[0]")
    count = len(next(iter(rows.values())))
    for name, row in rows.items():
        if len(row) != count or row.min() < 0 or abs(row.sum() - 1) > 1e-3:
            raise ValueError(
                f"probabilities of {name!r} are {len(row)} values from {row.min():.3g} with sum {row.sum():.4g}; "
                f"expected {count} values, none negative, that sum to one: a row of neighbour_probabilities(e)."
            )
    if not 0 <= query < count or count < 2:
        raise ValueError(f"query is {query} of {count} samples; expected 0..{count - 1}, and two samples at least.")
    if nearest < 1 or farthest < 0:
        raise ValueError(f"nearest is {nearest}, farthest is {farthest}; expected at least 1 and 0.")
    if images is not None:
        images = to_array(images, "images", "(N, 3, H, W)")
        check_images(images, "images", "(N, 3, H, W)")
        if len(images) != count:
            raise ValueError(f"{len(images)} images came with probabilities of {count} samples; pass the whole batch.")
    labels = class_numbers(labels, classes, count)

    first = next(iter(rows.values()))
    order = np.argsort(-first, kind="stable")
    order = order[order != query]
    near = order[:nearest]
    far = order[max(len(near), len(order) - farthest) :]
    shown = np.concatenate([near, far])
    places = np.arange(len(shown)) + GAP * (np.arange(len(shown)) >= len(near))

    ax = style.axes(ax, figsize=(8, 3.5))
    width = 0.8 / len(rows)
    for i, ((name, row), colour) in enumerate(zip(rows.items(), style.colours(rows), strict=True)):
        over = (count - 1) * row[shown] - 1
        ax.bar(places + (i - (len(rows) - 1) / 2) * width, over, width, bottom=1, color=colour, label=name)
    ax.axhline(1, color=style.INK, linestyle=":", linewidth=1.2, label="chance")
    if len(far):
        ax.text(places[len(near)] - 0.5 - GAP / 2, 1, "…", ha="center", va="bottom", fontsize=14)
    names = [_name(j, labels, classes) for j in shown]
    ax.set_xticks(places, names, fontsize=min(NAME_SIZE, NAME_ROOM / max(map(len, names))))
    if labels is not None:
        for tick, j in zip(ax.get_xticklabels(), shown, strict=True):
            tick.set_fontweight("bold" if labels[j] == labels[query] else "normal")
    ax.set_xlim(-0.6, places[-1] + 0.6)
    if images is not None:
        _pictures(ax, places, images[shown])
    ax.set(
        ylabel="times as likely as chance",
        title=f"Sample {query} picks a neighbour, in the order of the {next(iter(rows))}",
    )
    low, high = ax.get_ylim()
    ax.set_ylim(top=high + 0.25 * (high - low))  # room for the legend
    ax.legend(loc="upper right", ncols=len(rows) + 1)
    return ax


def neighbour_report(
    probabilities: Mapping[str, Numbers],
    query: int,
    images: Numbers,
    *,
    axes: tuple[Axes, Axes] | None = None,
    **options,
) -> Figure:
    """The query's picture beside its neighbours, 8 x 3.5 inches.

    Args:
        probabilities, query, images, options: as for `neighbour_bars`, all but `ax`.
        axes: where to draw the bars, and the picture; None makes a figure.
    """
    bars, picture = axes or (None, None)
    bars = neighbour_bars(probabilities, query, images=images, **options, ax=bars)
    if picture is None:
        left, right = bars.figure.add_gridspec(1, 2, width_ratios=(1, 4.6))
        bars.set_subplotspec(right)
        picture = bars.figure.add_subplot(left)
    picture.imshow(to_array(images, "images", "(N, 3, H, W)")[query].transpose(1, 2, 0), interpolation="nearest")
    labels = options.get("labels")
    named = "" if labels is None else f"\n{_name(query, labels, options.get('classes'))}"
    picture.set_title(f"Sample {query}{named}", loc="center")
    picture.axis("off")
    return bars.figure


def _pictures(ax: Axes, places: np.ndarray, images: np.ndarray) -> None:
    """A thumbnail under each place, between the axis and the names."""
    wide = ax.get_window_extent().width / ax.figure.dpi * 72 / (ax.get_xlim()[1] - ax.get_xlim()[0])  # points per bar
    side = min(THUMB, 0.75 * wide)
    below = {"xycoords": ("data", "axes fraction"), "boxcoords": "offset points", "box_alignment": (0.5, 1)}
    for place, image in zip(places, images, strict=True):
        picture = OffsetImage(image.transpose(1, 2, 0), zoom=side / max(image.shape[1:]), interpolation="nearest")
        box = AnnotationBbox(picture, (place, 0), (0, -4), frameon=False, pad=0, annotation_clip=False, **below)
        box.set_in_layout(False)  # the names' padding keeps the room
        ax.add_artist(box)
    ax.tick_params(axis="x", length=0, pad=side + 7)


def _name(sample: int, labels: Numbers | None, classes: Sequence[str] | None) -> str:
    if labels is None:
        return str(sample)
    return str(int(labels[sample])) if classes is None else classes[int(labels[sample])]
