"""Relational Knowledge Distillation: move the student's points and see what its two losses notice."""

import math
from collections.abc import Sequence
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kd_teach.course.widgets.explorer import Explorer
from kd_teach.course.widgets.points import LETTERS, Points
from kd_teach.methods.rkd import RKDLoss, angles, distance_ratios
from kd_teach.plots import style

Corners = Sequence[Sequence[float]]  # (N, 2)
TEACHER = [[-0.9, -0.6], [0.8, -0.9], [1.0, 0.7], [-0.4, 1.0]]
OUTSIDE, INSIDE = 1.18, 0.82  # where letters stand, of the way from the centre to their corner
STUDENT = [[-0.9, -0.6], [0.8, -0.9], [0.3, 0.1], [-0.4, 1.0]]


def rkd_widget(teacher: Corners | Tensor = TEACHER, student: Corners | Tensor = STUDENT) -> Explorer:
    """The teacher's polygon stays, the student's can be dragged; buttons show what changes nothing.

    Args:
        teacher, student: (N, 2) embeddings of the same N samples, 3 <= N <= 26.
    """
    teacher, student = (torch.as_tensor(points, dtype=torch.float32) for points in (teacher, student))
    if teacher.shape != student.shape or teacher.ndim != 2 or teacher.shape[1] != 2 or not 3 <= len(teacher) <= 26:
        raise ValueError(
            f"The points have shapes {tuple(teacher.shape)} and {tuple(student.shape)}; expected (N, 2) twice, N "
            "from 3 to 26."
        )
    teacher, student = teacher.tolist(), student.tolist()
    points = Points(value=student, fixed=teacher, description="the student's corners: drag them, or use the arrow keys")
    explorer = Explorer(
        partial(draw, teacher),
        {"student": points},
        static=[{}, {"student": scale(rotate(teacher))}],
        update=partial(move, teacher),
    )
    explorer.buttons = {}
    starts = {"Reset": student, "Copy the teacher": teacher}
    for name in [*starts, *CHANGES]:
        explorer.buttons[name] = ipywidgets.Button(description=name, layout={"width": "auto"})
        explorer.buttons[name].on_click(partial(_press, points, CHANGES.get(name), starts.get(name)))
    rest = [child for child in explorer.children if child is not points]
    hint = ipywidgets.HTML(
        "Blue: the teacher. Green: the student; drag its corners, or focus one and use the arrow keys."
    )
    explorer.children = [
        hint,
        ipywidgets.HBox(list(explorer.buttons.values()), layout={"flex_flow": "row wrap"}),
        points,
        *rest,
    ]
    return explorer


def _press(points: Points, change, start, button: ipywidgets.Button) -> None:
    points.value = start if change is None else change(points.value)


def scale(points: Corners) -> list[list[float]]:
    """Twice as far from the origin."""
    return [[2 * x, 2 * y] for x, y in points]


def rotate(points: Corners) -> list[list[float]]:
    """By 30 degrees about the origin."""
    cos, sin = math.cos(math.pi / 6), math.sin(math.pi / 6)
    return [[cos * x - sin * y, sin * x + cos * y] for x, y in points]


def shift(points: Corners) -> list[list[float]]:
    """To the right and up."""
    return [[x + 0.4, y + 0.2] for x, y in points]


CHANGES = {"Scale × 2": scale, "Rotate": rotate, "Shift": shift}


def draw(teacher: Corners, student: Corners) -> Figure:
    """Both polygons as the loss sees them, their distances and their angles, and the two losses in the titles."""
    # Fixed margins: looking for the best ones at every move of a point would take half of the time.
    margins = {"left": 0.02, "right": 0.98, "bottom": 0.15, "top": 0.84, "wspace": 0.32}
    figure, (shapes, distances, corners) = plt.subplots(1, 3, figsize=(8, 3.1), gridspec_kw=margins)
    for name, colour in (("teacher", style.TEACHER), ("student", style.DISTILLED)):
        shapes.fill(
            *zip(*teacher, strict=True), facecolor=colour, edgecolor=colour, alpha=0.25, linewidth=2, label=name
        )
        for letter, _ in zip(LETTERS, teacher, strict=False):
            shapes.text(0, 0, letter, color=colour, weight="bold", ha="center", va="center")
    shapes.set(aspect="equal", xticks=[], yticks=[])
    shapes.set_title("centred, mean\ndistance 1")
    shapes.legend(loc="upper right", fontsize=8)
    # On the diagonal both agree, and a line shows how far off each of the student's numbers is.
    for ax in (distances, corners):
        ax.plot([], [], color=style.TEACHER, linewidth=1)
        ax.vlines([], [], [], color=style.DISTILLED, linewidth=1)
        ax.plot([], [], "o", color=style.DISTILLED)
        ax.set(aspect="equal", ylabel="student's")
    distances.set(xlabel="teacher's distance / mean")
    corners.set(xlabel="teacher's angle (degrees)")
    move(teacher, figure, student)
    return figure


def move(teacher: Corners, figure: Figure, student: Corners) -> None:
    """Put everything in the picture where these points have it."""
    e_t, e_s = (torch.as_tensor(points, dtype=torch.float64) for points in (teacher, student))
    shapes, distances, corners = figure.axes
    places = [relative(e) for e in (e_t, e_s)]
    for polygon, e in zip(shapes.patches, places, strict=True):
        polygon.set_xy(e.numpy())
    letters = torch.cat([OUTSIDE * places[0], INSIDE * places[1]]).tolist()  # apart where the corners meet
    for text, place in zip(shapes.texts, letters, strict=False):
        text.set_position(place)
    reach = max(1.2, *(1.3 * e.abs().max().item() for e in places))
    shapes.set(xlim=(-reach, reach), ylim=(-reach, reach))

    i, j = torch.triu_indices(len(e_t), len(e_t), offset=1)
    ratios = [distance_ratios(e)[i, j] for e in (e_t, e_s)]
    _agreement(distances, *ratios, top=max(2, *(math.ceil(r.max()) for r in ratios)))
    distances.set_title(f"distances\nL_D = {RKDLoss(distance=1, angle=0)(e_s, e_t):.4f}")

    i, j, k = _triples(len(e_t))
    degrees = [angles(e)[i, j, k].clamp(-1, 1).acos().rad2deg() for e in (e_t, e_s)]
    _agreement(corners, *degrees, top=180)
    corners.set_title(f"angles\nL_A = {RKDLoss(distance=0, angle=1)(e_s, e_t):.4f}")


def relative(e: Tensor) -> Tensor:
    """Centred, in units of the mean distance: what neither a shift nor a scale changes."""
    e = e - e.mean(dim=0)
    mean = torch.pdist(e).mean()
    return e / torch.where(mean > 0, mean, 1.0)


def _triples(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Every angle once: i < k, j neither."""
    i, j, k = torch.cartesian_prod(*[torch.arange(count)] * 3).T
    once = (i < k) & (i != j) & (j != k)
    return i[once], j[once], k[once]


def _agreement(ax: Axes, teacher: Tensor, student: Tensor, *, top: float) -> None:
    """The student's numbers over the teacher's."""
    diagonal, dots = ax.lines
    diagonal.set_data([0, top], [0, top])
    dots.set_data(teacher.numpy(), student.numpy())
    ends = torch.stack([teacher.repeat(2, 1), torch.stack([teacher, student])])  # (x or y, end, pair)
    ax.collections[0].set_segments(ends.permute(2, 1, 0).numpy())
    ticks = (0, top / 2, top)  # few: each costs a millisecond at every move
    ax.set(xlim=(0, top), ylim=(0, top), xticks=ticks, yticks=ticks)
