"""OFD with handles: how the margin on the teacher's negative values decides which neurons cost something.

Heo et al., A Comprehensive Overhaul of Feature Distillation, ICCV 2019. https://arxiv.org/abs/1904.01866
"""

import math
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from kd_teach.course.widgets.explorer import Explorer
from kd_teach.methods.ofd import bn_margin, partial_distance
from kd_teach.plots.margins import channel_histogram, loss_plane


def ofd_widget(
    teacher: Tensor | None = None, student: Tensor | None = None, *, weight: float = 1.0, bias: float = 0.0
) -> Explorer:
    """A slider for the margin: one channel's histogram, and what each of its neurons costs the student.

    Args:
        teacher, student: (M,) values of one channel before the ReLU, at the same places of the same images, the
            student's behind its connector; None makes an example of the Gaussian.
        weight, bias: of the channel in the teacher's batch norm. The slider starts at the margin that they give.
    """
    if (teacher is None) != (student is None):
        raise ValueError("Pass teacher and student together, or none of them for a small example.")
    if teacher is None:
        teacher, student = example(weight, bias)
    if teacher.ndim != 1 or teacher.shape != student.shape:
        raise ValueError(
            f"teacher has shape {tuple(teacher.shape)} and student {tuple(student.shape)}; expected two (M,) alike: "
            "preacts[stage][:, channel].flatten()."
        )
    teacher, student = teacher.detach().float(), student.detach().float()
    right = margin_of(weight, bias)
    lowest = min(-3 * abs(weight), teacher.min().item())
    step = float(f"{-lowest / 60:.1g}")  # a round number
    slider = ipywidgets.FloatSlider(
        right,
        min=step * math.floor(lowest / step),
        max=0,
        step=step,
        readout_format=".2f",
        description="margin m on the teacher",
        layout={"width": "480px"},
        style={"description_width": "170px"},
    )
    draw, update = (partial(change, teacher, student, weight, bias) for change in (draw_margin, move_margin))
    return Explorer(draw, {"margin": slider}, static=[{"margin": 0.0}, {"margin": right}], update=update)


def draw_margin(teacher: Tensor, student: Tensor, weight: float, bias: float, margin: float) -> Figure:
    """Left the channel and its margin, right the plane of losses with the neurons on it."""
    margin = round(margin, 9)  # a slider adds up its steps with rounding errors: the same place, the same picture
    figure = plt.figure(figsize=(8, 3.5))
    left = figure.add_axes((0.04, 0.14, 0.39, 0.77))  # fixed places: to find them anew doubles a redraw
    right = figure.add_axes((0.51, 0.14, 0.48, 0.77))
    axis, plane = cost_plane(weight, bias, margin)
    with plt.rc_context({"legend.fontsize": 7}):
        channel_histogram(teacher, weight=weight, bias=bias, margin=margin, ax=left)
        loss_plane(plane, axis, axis, margin=margin, dots=(teacher, student), most=axis[-1] ** 2 / 2, ax=right)
    left.set_title(f"The rule gives {margin_of(weight, bias):.2f}")
    right.set_title(cost_title(teacher, student, margin))
    return figure


def move_margin(teacher: Tensor, student: Tensor, weight: float, bias: float, figure: Figure, margin: float) -> None:
    """Change the picture of another margin into this one's: the two lines, their names, the plane and its title."""
    margin = round(margin, 9)
    left, right = figure.axes[:2]
    for ax in (left, right):
        line = next(line for line in ax.lines if str(line.get_label()).startswith("margin"))
        line.set_xdata([margin, margin])
        name = next(text for text in ax.get_legend().get_texts() if text.get_text().startswith("margin"))
        name.set_text(f"margin {margin:.2f}")
    plane = cost_plane(weight, bias, margin)[1].double().numpy()  # as `loss_plane` has it
    right.images[0].set_data(np.ma.masked_equal(plane, 0))
    right.set_title(cost_title(teacher, student, margin))


def cost_plane(weight: float, bias: float, margin: float) -> tuple[Tensor, Tensor]:
    """The values (101,) of both axes, and what each pair of them costs (101, 101)."""
    reach = max(3 * abs(weight), abs(bias) + 2 * abs(weight))
    axis = torch.linspace(-reach, reach, 101)
    return axis, partial_distance(axis[:, None], axis.clamp(min=margin))


def cost_title(teacher: Tensor, student: Tensor, margin: float) -> str:
    """What the neurons cost on average, and how many cost nothing."""
    cost = partial_distance(student, teacher.clamp(min=margin))
    return f"Mean cost {cost.mean().item():.2f}; {100 * (cost == 0).float().mean().item():.0f} % are free"


def margin_of(weight: float, bias: float) -> float:
    """The mean of the negative half of N(bias, weight^2)."""
    norm = nn.BatchNorm2d(1)
    nn.init.constant_(norm.weight, weight)
    nn.init.constant_(norm.bias, bias)
    return bn_margin(norm).item()


def example(weight: float, bias: float) -> tuple[Tensor, Tensor]:
    """A teacher's channel as its batch norm promises, and a student that follows it from afar."""
    random = torch.Generator().manual_seed(0)
    teacher = bias + weight * torch.randn(2000, generator=random)
    return teacher, 0.7 * teacher + 0.6 * weight * torch.randn(2000, generator=random)
