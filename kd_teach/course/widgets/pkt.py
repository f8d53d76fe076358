"""Probabilistic Knowledge Transfer: pick a query and see whom teacher and student would pick as its neighbour."""

from collections.abc import Sequence

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

import kd_teach.plots as plots
from kd_teach.course.widgets import _examples
from kd_teach.course.widgets.explorer import Explorer, emptied, filled
from kd_teach.methods.pkt import PKTLoss, divergence, neighbour_probabilities


def pkt_widget(
    e_t: Tensor | None = None,
    e_s: Tensor | None = None,
    images: Tensor | None = None,
    labels: Tensor | None = None,
    classes: Sequence[str] | None = None,
) -> Explorer:
    """A slider picks the query; bars say how likely each network picks each neighbour, and the title what that costs.

    Args:
        e_t, e_s: embeddings (N, D_t) and (N, D_s) of one batch; without e_t a small batch is made up.
        images: (N, 3, H, W) uint8, as they stand in a split.
        labels: (N,) class numbers.
        classes: names by class number.
    """
    if e_t is None:
        e_t, labels = _examples.batch()
        e_s = 0.5 * (e_t + _examples.noise_like(e_t))
        images, classes = _examples.pictures(labels), _examples.CLASSES
    if e_s is None or images is None:
        raise ValueError("pkt_widget has the teacher's embeddings only; pass e_s and images of the same batch too.")
    PKTLoss()(e_s, e_t)  # raises where the two do not fit
    p_t, p_s = (neighbour_probabilities(e.detach().float()) for e in (e_t, e_s))
    wide = {"layout": {"width": "440px"}, "style": {"description_width": "130px"}}
    slider = ipywidgets.IntSlider(0, min=0, max=len(p_t) - 1, description="query: sample no.", **wide)
    costs = divergence(p_t, p_s).sum(dim=1)  # (N,), each row's share of the loss

    def blank() -> Figure:
        figure = plt.figure(figsize=(8, 3.5))  # fixed places: looking for the best ones would take a third of a redraw
        for place in ((0.27, 0.22, 0.72, 0.69), (0.01, 0.25, 0.18, 0.5)):
            figure.add_axes(place)
        return figure

    def fill(figure: Figure, query: int) -> None:
        """The query's picture, its neighbours in the teacher's order, and what its row costs."""
        bars, picture = map(emptied, figure.axes)
        rows = {"teacher": p_t[query], "distilled student": p_s[query]}
        plots.neighbour_report(rows, query, images, labels=labels, classes=classes, nearest=6, axes=(bars, picture))
        bars.set_title(f"KL of this row: {costs[query]:.1e}, mean of all rows: {costs.mean():.1e}")

    static = [{"query": 0}, {"query": len(p_t) // 2}]
    return Explorer(filled(blank, fill), {"query": slider}, static=static, update=fill)
