"""The plane has the numbers it was given; the histogram and the margin stand at the right values."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.methods import partial_distance

AXIS = torch.linspace(-3, 3, 61)
COST = partial_distance(AXIS[:, None], AXIS.clamp(min=-1))


def title(ax):
    return ax.get_title() or ax.get_title(loc="left")


def key(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def at(ax, t, s):
    """The drawn value at a place, None where nothing is drawn."""
    (image,) = ax.images
    left, right, low, high = image.get_extent()
    rows, columns = image.get_array().shape
    value = image.get_array()[int((s - low) / (high - low) * rows), int((t - left) / (right - left) * columns)]
    return None if value is np.ma.masked else value


def test_each_pair_has_its_cost_and_what_is_free_is_left_white():
    ax = plots.loss_plane(COST, AXIS, AXIS, margin=-1)
    assert ax.images[0].origin == "lower"
    assert at(ax, 1, -2) == pytest.approx(9, abs=1e-5)  # a positive target is met from both sides
    assert at(ax, 1, 3) == pytest.approx(4, abs=1e-5)
    assert at(ax, -2.5, 0.5) == pytest.approx(2.25, abs=1e-5)  # lifted to the margin
    assert at(ax, -2.5, -2) is None and at(ax, -0.5, -0.7) is None
    assert at(ax, -2.5, -0.7) is not None  # above the margin
    assert ax.images[0].norm.vmin == 0


def test_margin_dots_and_limit_of_the_colours():
    t, s = torch.linspace(-2, 2, 1000), torch.linspace(1, 0, 1000)
    ax = plots.loss_plane(COST, AXIS, AXIS, margin=-1, dots=(t, s), most=4)
    assert key(ax) == ["margin -1.00", "costs nothing", "one neuron"]
    *_, margin, dots = ax.lines
    assert list(margin.get_xdata()) == [-1, -1]
    assert len(dots.get_xdata()) == 300
    assert (dots.get_xdata()[0], dots.get_ydata()[-1]) == pytest.approx((-2, 0))
    assert ax.images[0].norm.vmax == 4
    assert key(plots.loss_plane(COST, AXIS, AXIS)) == ["costs nothing"]


def test_histogram_has_its_gaussian_margin_and_measured_mean():
    values = torch.tensor([-1.0, -2.0, 0.5, 1.0, 3.0])
    ax = plots.channel_histogram(values, weight=-2.0, bias=0.5, margin=-1.2)
    assert key(ax) == ["5 values", "Gaussian of the batch norm", "margin -1.20", "mean of negatives -1.50"]
    heights, edges, _ = ax.patches[0].get_data()
    assert (heights * np.diff(edges)).sum() == pytest.approx(1)
    gaussian, margin, measured, _ = ax.lines
    x, y = gaussian.get_data()
    assert x[y.argmax()] == pytest.approx(0.5, abs=0.05)
    assert y.max() == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)), rel=1e-3)
    assert (margin.get_xdata()[0], measured.get_xdata()[0]) == (-1.2, -1.5)
    assert (x[0], x[-1]) == pytest.approx((-5.5, 6.5))


def test_lines_of_the_histogram_end_below_its_legend():
    with plt.rc_context(plots.STYLE):
        ax = plots.channel_histogram(torch.linspace(-3, 30, 500), weight=1.0, bias=14.0, margin=-1)
        ax.set_xlim(-40, 0.1)  # brings the lines under the legend
        ax.figure.draw_without_rendering()
    under = ax.get_legend().get_window_extent().y0
    assert all(line.get_window_extent().y1 < under for line in ax.lines[1:])


def test_a_channel_without_negatives_has_no_measured_mean():
    ax = plots.channel_histogram(torch.rand(50), weight=1.0, bias=3.0)
    assert key(ax) == ["50 values", "Gaussian of the batch norm"]


def test_report_has_a_plane_per_student_and_one_key():
    dots = {"student alone": (AXIS, -AXIS), "student distilled": (AXIS, AXIS)}
    figure = plots.loss_plane_report(COST, AXIS, AXIS, dots, margin=-1)
    planes = [ax for ax in figure.axes if ax.images]
    assert [title(ax).split(":")[0] for ax in planes] == list(dots)
    assert planes[0].lines[-1].get_ydata()[0] == 3 and planes[1].lines[-1].get_ydata()[0] == -3
    assert all(ax.get_legend() is None for ax in planes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "margin -1.00",
        "costs nothing",
        "one neuron",
    ]


def test_report_counts_the_free_neurons_and_their_mean_cost():
    t, s = torch.tensor([-2.0, -2.0, 1.0, 9.0]), torch.tensor([-2.0, 0.5, -1.0, 0.0])  # the last is outside the plane
    figure = plots.loss_plane_report(COST, AXIS, AXIS, {"alone": (t, s), "nobody": (t[3:], s[3:])}, margin=-1)
    first, second = (title(ax) for ax in figure.axes if ax.images)
    assert first == f"alone:\n33 % free, mean cost {(0 + 1.5**2 + 2**2) / 3:.2g}"
    assert second == "nobody"


def test_draws_on_the_axes_passed_in():
    left, right = plt.subplots(1, 2)[1]
    assert plots.loss_plane(COST, AXIS, AXIS, ax=left) is left
    assert plots.channel_histogram(AXIS, weight=1, bias=0, ax=right) is right
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.loss_plane(COST[:5], AXIS, AXIS), "cost has shape"),
        (lambda: plots.loss_plane(-COST, AXIS, AXIS), "numbers >= 0"),
        (lambda: plots.loss_plane(COST * float("nan"), AXIS, AXIS), "NaN"),
        (lambda: plots.loss_plane(COST, AXIS, AXIS, margin=0.5), "margin is 0.5"),
        (lambda: plots.loss_plane(COST, AXIS, AXIS, dots=(AXIS, AXIS[1:])), "61 values of the teacher and 60"),
        (lambda: plots.channel_histogram(AXIS, weight=0, bias=0), "weight is 0"),
        (lambda: plots.channel_histogram(AXIS, weight=1, bias=0, margin=1), "margin is 1"),
        (lambda: plots.channel_histogram(COST, weight=1, bias=0), "expected \\(M,\\)"),
        (lambda: plots.loss_plane_report(COST, AXIS, AXIS, {}), "No dots"),
        (lambda: plots.loss_plane_report(COST, AXIS, AXIS, {"a": (AXIS, AXIS[1:])}), "dots holds"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
