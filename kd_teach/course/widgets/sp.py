"""Similarity-Preserving distillation: what noise in the student's features does to its similarity matrix."""

from collections.abc import Sequence

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

import kd_teach.plots as plots
from kd_teach.course.widgets import _examples
from kd_teach.course.widgets.explorer import Explorer
from kd_teach.methods.sp import SPLoss, similarity_matrix
from kd_teach.plots import style


def sp_widget(
    f_t: Tensor | None = None,
    labels: Tensor | None = None,
    classes: Sequence[str] | None = None,
    *,
    f_s: Tensor | None = None,
) -> Explorer:
    """A slider mixes noise into the student's features; the squares of its matrix fade and the loss grows.

    Args:
        f_t: the teacher's maps (N, C, H, W) or vectors (N, D) of one batch; None makes a small batch up.
        labels: (N,) class numbers, by which the matrices are sorted.
        classes: names by class number.
        f_s: the student's features of the same batch; None takes the teacher's, so that all is well without noise.
    """
    if f_t is None:
        f_t, labels = _examples.batch()
        classes = _examples.CLASSES
    f_t = f_t.detach().float()
    f_s = f_t if f_s is None else f_s.detach().float()
    SPLoss()(f_s, f_t)  # raises where the two do not fit
    wide = {"layout": {"width": "520px"}, "style": {"description_width": "200px"}}
    slider = ipywidgets.FloatSlider(0, min=0, max=1, step=0.05, description="noise in the student's features", **wide)
    random = _examples.noise_like(f_s)

    def draw(noise: float) -> Figure:
        """Both matrices on one scale, the student's of (1 - noise) f_s + noise * random, and the loss above them."""
        noisy = torch.lerp(f_s, random, noise)
        matrices = {"teacher": similarity_matrix(f_t), "student": similarity_matrix(noisy)}
        others = ~torch.eye(len(f_t), dtype=torch.bool)
        limits = 0.0, matrices["teacher"][others].max().item()  # the teacher's, so that the colours hold still
        figure, panels = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
        colours = style.TEACHER, style.DISTILLED
        for ax, (name, matrix), colour in zip(panels, matrices.items(), colours, strict=True):
            plots.similarity_matrix(matrix, labels, classes, limits=limits, colour_label=None, ax=ax)
            ax.set_title(name, color=colour)
            ax.set_xticks([])
        panels[1].set_yticks([])
        loss = SPLoss()(noisy, f_t).item()
        figure.suptitle(f"Noise {noise:.0%} → loss = {loss:.2e}", fontweight="bold", fontsize=11)
        return figure

    return Explorer(draw, {"noise": slider}, static=[{"noise": 0.0}, {"noise": 0.8}])
