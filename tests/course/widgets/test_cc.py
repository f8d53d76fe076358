"""The Taylor kernel against the exact one."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach.course.widgets import cc_widget
from kd_teach.methods.cc import correlation_matrix

E = torch.rand(5, 4)


def test_curves_and_matrix_are_those_of_the_kernels():
    figure = cc_widget(E).draw(gamma=1.5, order=3)
    left, right = figure.axes[0], figure.axes[1]
    exact, taylor = (line.get_ydata() for line in left.lines)
    x = left.lines[0].get_xdata()
    assert np.allclose(exact, np.exp(3 * (x - 1)), atol=1e-6)
    assert np.allclose(taylor, np.exp(-3) * sum((3 * x) ** p / f for p, f in enumerate((1, 1, 2, 6))), atol=1e-6)
    assert left.lines[1].get_label() == "Taylor, order 3"
    matrix = correlation_matrix(E, kernel="rbf_taylor", gamma=1.5, order=3)
    assert np.allclose(right.images[0].get_array(), matrix)
    gap = (correlation_matrix(E, kernel="rbf", gamma=1.5) - matrix).abs().max()
    assert left.get_title() == f"γ = 1.5, largest gap in this batch: {gap:.3f}"


@pytest.mark.parametrize(("gamma", "order"), [(0.1, 1), (4.0, 1), (4.0, 10)])
def test_curves_stay_inside(gamma, order):
    left = cc_widget(E).draw(gamma=gamma, order=order).axes[0]
    low, high = left.get_ylim()
    assert all(low <= line.get_ydata().min() and line.get_ydata().max() <= high for line in left.lines)


def test_sliders_draw_again():
    shown = cc_widget()
    for name, value in (("gamma", 2.0), ("order", 6)):
        before = shown.image.value
        shown.controls[name].value = value
        assert shown.image.value != before
        assert shown.message.value == ""
    assert not plt.get_fignums()


def test_own_embeddings_are_sorted_by_class():
    shown = cc_widget(E, torch.tensor([0, 1, 0, 1, 0]), ("a", "b"))
    figure = shown.draw(gamma=0.4, order=2)
    order = [0, 2, 4, 1, 3]
    assert np.allclose(figure.axes[1].images[0].get_array(), correlation_matrix(E)[order][:, order])
