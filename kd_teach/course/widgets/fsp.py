"""Flow of Solution Procedure: which channels of two layers go together, wherever in the picture that is."""

from collections.abc import Sequence
from itertools import pairwise

import ipywidgets
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

import kd_teach.plots as plots
from kd_teach.course.widgets.explorer import Explorer, filled
from kd_teach.methods.fsp import FSPLoss, fsp_matrix
from kd_teach.plots import style

Pair = tuple[Tensor, Tensor]  # two maps (N, C, h, w) on one grid


def fsp_widget(
    maps_t: Sequence[Tensor] | None = None, maps_s: Sequence[Tensor] | None = None, names: Sequence[str] | None = None
) -> Explorer:
    """Pick a pair of layers, and shuffle all pixels in the same way: pictures fall apart, the matrices stay.

    Args:
        maps_t, maps_s: two or more maps (N, C, H, W) of teacher and student, such as (stem, *stages), of equal
            channels; without maps_t small ones are made up.
        names: what the maps are called.

    The larger map of a pair is pooled before the shuffle, as the loss pools it.
    """
    if (maps_t is None) != (maps_s is None):
        raise ValueError("fsp_widget needs the maps of both networks, or none.")
    if maps_t is None:
        maps_t, maps_s = _made_up(0), _made_up(1)
    FSPLoss()(maps_s, maps_t)  # raises where the two do not fit
    names = ["stem", *(f"stage {i}" for i in range(1, len(maps_t)))] if names is None else list(names)
    if len(names) != len(maps_t):
        raise ValueError(f"{len(names)} names came with {len(maps_t)} maps; pass one per map, or none.")
    pooled = [(_on_one_grid(*t), _on_one_grid(*s)) for t, s in zip(pairwise(maps_t), pairwise(maps_s), strict=True)]
    options = [(f"{a} → {b}", i) for i, (a, b) in enumerate(pairwise(names))]
    wide = {"layout": {"width": "440px"}, "style": {"description_width": "150px"}}
    controls = {
        "pair": ipywidgets.Dropdown(options=options, description="from layer to layer", **wide),
        "shuffle": ipywidgets.Checkbox(False, description="shuffle the pixels of all maps alike", **wide),
    }
    static = [{"shuffle": False}, {"shuffle": True}]

    def blank() -> Figure:
        figure = plt.figure(figsize=(8, 2.9))  # fixed places: to find them anew doubles a redraw
        panels = [figure.add_axes((left, 0.16, 0.222, 0.61)) for left in (0.005, 0.298, 0.533, 0.768)]
        panels[0].imshow([[0]], cmap="gray")
        panels[0].set(xticks=[], yticks=[])
        panels[0].set_title("a picture in the\nteacher's first map", fontsize=10)
        colours = style.TEACHER, style.DISTILLED, style.INK
        titles = "teacher's\nmatrix", "student's\nmatrix", "difference\n(white = none)"
        for ax, title, colour in zip(panels[1:], titles, colours, strict=True):
            plots.flow_matrix(torch.zeros(1, 1), limit=1, bar=False, ax=ax)
            ax.set_title(title, color=colour, fontsize=10)
            ax.set(xlabel="channel, 2nd map", ylabel="channel, 1st map")
        for ax in panels[2:]:  # the rows of panels[1]: each tick costs a millisecond at every redraw
            ax.set(yticks=[], ylabel="")
        return figure

    def fill(figure: Figure, pair: int, shuffle: bool) -> None:
        """One channel before and after the step, the mean matrices of both networks, their difference, and the loss."""
        teacher, student = pooled[pair]
        if shuffle:
            teacher, student = shuffled(teacher), shuffled(student)
        g_t, g_s = (fsp_matrix(*maps).mean(dim=0) for maps in (teacher, student))
        limit = max(g.abs().max().item() for g in (g_t, g_s, g_s - g_t)) or 1.0
        picture, *matrices = (ax.images[0] for ax in figure.axes)
        for image, values in zip((picture, *matrices), (teacher[0][0].mean(dim=0), g_t, g_s, g_s - g_t), strict=True):
            image.set_data(values.numpy())
            rows, columns = values.shape
            image.set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
        picture.autoscale()
        for image in matrices:
            image.set_clim(-limit, limit)
        state = "shuffled" if shuffle else "in place"
        title = f"{options[pair][0]}, pixels {state}: loss = {FSPLoss()(student, teacher).item():.4g}"
        figure.suptitle(title, fontweight="bold", fontsize=11)

    return Explorer(filled(blank, fill), controls, static=static, update=fill)


def shuffled(maps: Pair) -> Pair:
    """The pixels of both maps in one other order, the same for all samples and channels."""
    h, w = maps[0].shape[2:]
    order = torch.randperm(h * w, generator=torch.Generator().manual_seed(0))
    return tuple(f.flatten(2)[:, :, order].unflatten(2, (h, w)) for f in maps)


def _on_one_grid(f1: Tensor, f2: Tensor) -> Pair:
    grid = tuple(map(min, f1.shape[2:], f2.shape[2:]))
    return tuple(F.adaptive_max_pool2d(f.detach().float(), grid) for f in (f1, f2))


def _made_up(seed: int, samples: int = 8) -> list[Tensor]:
    """A bright spot that moves from sample to sample, seen by three random layers."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    angles = torch.arange(samples)[:, None, None] * (2 * torch.pi / samples)
    spot = torch.exp(-8 * ((x - 0.5 * angles.cos()) ** 2 + (y - 0.5 * angles.sin()) ** 2))  # (N, 16, 16)
    random = torch.Generator().manual_seed(seed)
    maps = [(spot[:, None] * torch.randn(8, 1, 1, generator=random)).relu()]
    for channels in (8, 12):
        mix = torch.randn(channels, maps[-1].shape[1], 1, 1, generator=random)
        maps.append(F.conv2d(F.avg_pool2d(maps[-1], 2), mix).relu())
    return maps
