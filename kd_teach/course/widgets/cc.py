"""Correlation Congruence: how many terms of its Taylor series a Gaussian kernel needs."""

from collections.abc import Sequence

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

import kd_teach.plots as plots
from kd_teach.course.widgets import _examples
from kd_teach.course.widgets.explorer import Explorer, emptied, filled
from kd_teach.methods.cc import KERNELS, correlation_matrix

GRID = torch.linspace(-1, 1, 101)


def cc_widget(e: Tensor | None = None, labels: Tensor | None = None, classes: Sequence[str] | None = None) -> Explorer:
    """Two sliders, sharpness and order: where the Taylor kernel leaves the exact one, and what the batch sees of it.

    Args:
        e: embeddings (N, D) of one batch; None makes a small batch up.
        labels: (N,) class numbers, by which the matrix is sorted.
        classes: names by class number.
    """
    if e is None:
        e, labels = _examples.batch()
        classes = _examples.CLASSES
    e = e.detach().float()
    wide = {"layout": {"width": "520px"}, "style": {"description_width": "210px"}}
    controls = {
        "gamma": ipywidgets.FloatSlider(
            0.4, min=0.1, max=4, step=0.1, description="gamma: how sharp the kernel is", **wide
        ),
        "order": ipywidgets.IntSlider(2, min=1, max=10, description="order: last power of the series", **wide),
    }
    static = [{}, {"gamma": 2.0}, {"gamma": 2.0, "order": 8}]

    def blank() -> Figure:
        # Fixed margins: looking for the best ones at every move of a slider would take a third of the time.
        margins = {"left": 0.08, "right": 0.98, "bottom": 0.15, "top": 0.91, "wspace": 0.06}
        figure, (left, _) = plt.subplots(1, 2, figsize=(8, 3.4), width_ratios=(1.3, 1), gridspec_kw=margins)
        plots.kernel_curves(
            {"cosine": GRID}, GRID, cosines=correlation_matrix(e, kernel="bilinear"), ax=left
        )  # the grey bars stay, the curve does not
        return figure

    def fill(figure: Figure, gamma: float, order: int) -> None:
        """Left both kernels over the cosine, right the Taylor kernel's matrix; their largest gap in the title."""
        left, right = map(emptied, figure.axes[:2])
        curves = {
            "exact RBF": KERNELS["rbf"](GRID, gamma, order),
            f"Taylor, order {order}": KERNELS["rbf_taylor"](GRID, gamma, order),
        }
        plots.kernel_curves(curves, GRID, ax=left)
        left.set(
            ylim=(min(-0.05, *(c.min().item() for c in curves.values())), 1.05), xticks=(-1, 0, 1), yticks=(0, 0.5, 1)
        )
        left.set(xlabel="cosine (grey: how often in this batch)")
        exact, taylor = (correlation_matrix(e, kernel=k, gamma=gamma, order=order) for k in ("rbf", "rbf_taylor"))
        left.set_title(f"γ = {gamma:g}, largest gap in this batch: {(exact - taylor).abs().max():.3f}")
        plots.similarity_matrix(taylor, labels, classes, limits=(0, 1), colour_label=None, ax=right)
        right.set(xticks=[], yticks=[])
        right.set_title("Taylor kernel, dark 0, bright 1")

    return Explorer(filled(blank, fill), controls, static=static, update=fill)
