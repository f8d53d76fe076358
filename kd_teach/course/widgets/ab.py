"""AB with handles: how the margin shapes the hinge, and how it moves a student's boundaries step by step.

Heo et al., Knowledge Transfer via Distillation of Activation Boundaries, AAAI 2019. https://arxiv.org/abs/1811.03233
"""

from collections.abc import Sequence

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from kd_teach.course.toy2d import Fan, disc_and_ring, train_student, train_teacher
from kd_teach.course.widgets.explorer import Explorer, emptied, filled
from kd_teach.methods.ab import hinge
from kd_teach.plots import style
from kd_teach.plots.boundaries import activation_boundaries, side_loss

DOTS = 60  # on the hinge


def ab_widget(
    points: Tensor | None = None,
    labels: Tensor | None = None,
    *,
    teacher: Fan | None = None,
    margins: Sequence[float] = (0.25, 0.5, 1, 2),
    steps: Sequence[int] = (0, 2, 5, 10, 20, 40, 80, 120),
) -> Explorer:
    """Sliders for the margin and for the training step: the hinge with the student's neurons on it, and its fan.

    A student is trained here for each margin, all from the same start; that takes a second or two.

    Args:
        points, labels: (N, 2) inputs and (N,) classes 0 or 1; None takes a disc in a ring.
        teacher: the fan to learn; None trains a network of 8 neurons on the points.
        margins: the values of the margin slider, all > 0.
        steps: the values of the step slider, from 0 up.
    """
    if (points is None) != (labels is None):
        raise ValueError("Pass points and labels together, or none of them for a small example.")
    if not margins or not steps:
        raise ValueError("Pass at least one margin and one step.")
    if points is None:
        points, labels = disc_and_ring()
    if teacher is None:
        teacher = train_teacher(points, labels)
    students = {margin: train_student(teacher, points, margin=margin, steps=tuple(steps)) for margin in margins}
    wide = {"layout": {"width": "440px"}, "style": {"description_width": "110px"}}
    middle = margins[len(margins) // 2]
    controls = {
        "margin": ipywidgets.SelectionSlider(options=margins, value=middle, description="margin µ", **wide),
        "step": ipywidgets.SelectionSlider(options=steps, value=steps[0], description="training step", **wide),
    }

    def blank() -> Figure:
        figure = plt.figure(figsize=(8, 3.5))
        for place in ((0.06, 0.14, 0.48, 0.77), (0.58, 0.03, 0.41, 0.88)):  # fixed: to find them anew doubles a redraw
            figure.add_axes(place)
        return figure

    def fill(figure: Figure, margin: float, step: int) -> None:
        """Left the hinge with dots for some (point, neuron) pairs that should fire, right the two fans."""
        left, right = map(emptied, figure.axes)
        student = students[margin][step]
        t, s = teacher.preacts(points), student.preacts(points)  # (N, neurons)
        cost = hinge(s, t, margin)
        x = torch.linspace(-3, 3, 121)
        side_loss(x, hinge(x, torch.ones_like(x), margin), fires=True, margin=margin, ax=left)
        some = (t > 0).nonzero()[:: max(1, int((t > 0).sum()) // DOTS)].unbind(1)
        left.plot(s[some], cost[some], "o", markersize=5, color=style.DISTILLED, alpha=0.5, label="student's neurons")
        left.legend(loc="upper right")
        activation_boundaries({"teacher": teacher, "student (distilled)": student}, points, labels, ax=right)
        left.set_title(f"Loss per point, all neurons: {cost.sum().item() / len(points):.2f}")
        right.set_title(f"{100 * student.agreement(teacher, points):.1f} % on the teacher's side")
        right.set(xlabel="", ylabel="")

    return Explorer(filled(blank, fill), controls, static=[{"step": steps[0]}, {"step": steps[-1]}], update=fill)
