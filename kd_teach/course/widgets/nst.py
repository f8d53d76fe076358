"""NST with handles: what each kernel makes of two sets of channels, and which regions the channels find alike.

Huang & Wang, Like What You Like: Knowledge Distill via Neuron Selectivity Transfer, 2017.
https://arxiv.org/abs/1707.01219
"""

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from kd_teach.course.widgets import at
from kd_teach.course.widgets.explorer import Explorer, emptied, filled
from kd_teach.methods._tensors import match_size
from kd_teach.plots.selectivity import (
    KERNELS,
    block_means,
    channel_order,
    gram_row,
    kernel_blocks,
    kernel_matrix,
    mmd_title,
    similar_regions,
    similarity_limits,
)


def nst_widget(images: Tensor | None = None, teacher: Tensor | None = None, student: Tensor | None = None) -> Explorer:
    """A picker for the kernel, sliders for a place in the image: MMD^2, and the regions that look like the place.

    Args:
        images: (N, 3, H0, W0) uint8; None, with the maps, makes a small example.
        teacher, student: (N, C, H, W) maps of one stage; C may differ, the larger grid is pooled.
    """
    given = [part is not None for part in (images, teacher, student)]
    if any(given) != all(given):
        raise ValueError("Pass images, teacher and student together, or none of them for a small example.")
    if images is None:
        images, stages_t, stages_s, _ = at.example()
        teacher, student = stages_t[-1], stages_s[-1]
    if not len(images) == len(teacher) == len(student):
        raise ValueError(
            f"{len(images)} images came with {len(teacher)} maps of the teacher and {len(student)} of the student."
        )
    student, teacher = match_size(student.detach().float(), teacher.detach().float())
    # The order of the first image for all, so that a channel keeps its row from image to image.
    teacher, student = teacher[:, channel_order(teacher[0])], student[:, channel_order(student[0])]
    rows, columns = teacher.shape[2:]
    wide = {"layout": {"width": "440px"}, "style": {"description_width": "110px"}}
    controls = {
        "kernel": ipywidgets.ToggleButtons(options=KERNELS, value="polynomial", description="kernel"),
        "image": ipywidgets.IntSlider(1, min=1, max=len(images), description="image", **wide),
        "row": ipywidgets.IntSlider(rows // 2, min=0, max=rows - 1, description="place: row", **wide),
        "column": ipywidgets.IntSlider(columns // 2, min=0, max=columns - 1, description="place: column", **wide),
    }

    def blank() -> Figure:
        figure = plt.figure(figsize=(8, 3.2))
        left = figure.add_axes((0.03, 0.08, 0.41, 0.82))  # fixed places: to find them anew doubles a redraw
        for x in (0.495, 0.75):
            figure.add_axes((x, 0.1, 0.245, 0.76))
        kernel_blocks(kernel_matrix(teacher[0], student[0]), teacher.shape[1], ax=left)
        return figure

    def fill(figure: Figure, kernel: str, image: int, row: int, column: int) -> None:
        """Left the channels' similarities, then the regions like the marked one; `image` counts from 1."""
        f_t, f_s = teacher[image - 1], student[image - 1]
        left, *others = figure.axes[:3]  # the fourth is the colour bar, which follows the matrix
        matrix = kernel_matrix(f_t, f_s, kernel)
        means = block_means(matrix, len(f_t))
        left.images[0].set(data=matrix.numpy(), clim=similarity_limits(matrix))
        for text, mean in zip(left.texts, means.flat, strict=True):
            text.set_text(f"{mean:.3f}")
        left.set_title(f"{kernel}: {mmd_title(means)}")
        rows = {"teacher": gram_row(f_t, (row, column)), "student": gram_row(f_s, (row, column))}
        most = max(values.max().item() for values in rows.values())
        for ax, (name, values) in zip(others, rows.items(), strict=True):
            similar_regions(values, images[image - 1], (row, column), most=most, ax=emptied(ax))
            ax.set_title(f"{name}: regions alike")

    static = [{"kernel": "linear"}, {"kernel": "polynomial", "row": 0, "column": 0}]
    return Explorer(filled(blank, fill), controls, static=static, update=fill)
