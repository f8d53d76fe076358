"""Lines lie where neurons switch; the hinge and the shares are the numbers that were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from kd_teach import plots
from kd_teach.methods.ab import hinge
from kd_teach.plots import style

S = torch.arange(-60, 61) / 20  # with an exact 0
POINTS = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -2.0]])
FAN = (torch.tensor([[1.0, 0.0], [1.0, 2.0]]), torch.tensor([-0.5, 0.4]))
OTHER = (torch.tensor([[1.0, 0.0], [-1.0, -2.0]]), torch.tensor([-0.5, -0.4]))  # its second neuron is turned round


def title(ax):
    return ax.get_title() or ax.get_title(loc="left")


def key(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("fires", [True, False])
def test_hinge_stands_beside_the_count_of_wrong_sides(fires):
    cost = hinge(S, torch.full_like(S, 1.0 if fires else -1.0), 1.5)
    ax = plots.side_loss(S, cost, fires=fires, margin=1.5)
    drawn, count, margin = ax.lines
    assert drawn.get_ydata() == pytest.approx(cost.numpy())
    wrong = dict(zip(count.get_xdata().round(3), count.get_ydata(), strict=True))
    expected = (1, 1, 0) if fires else (0, 0, 1)  # a neuron at 0 does not fire
    assert (wrong[-1.0], wrong[0.0], wrong[1.0]) == expected
    assert set(margin.get_xdata()) == {1.5 if fires else -1.5}
    shaded = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (shaded.x0, shaded.x1) == pytest.approx((-3, 0) if fires else (0, 3), abs=1e-6)
    assert ("above" in title(ax)) is fires


@pytest.mark.parametrize("fires", [True, False])
def test_margin_ends_below_a_legend_of_four(fires):
    with plt.rc_context(plots.STYLE):
        ax = plots.side_loss(
            S, S**2, fires=fires, margin=2, ax=plt.figure(figsize=(8, 3.5)).add_axes((0.06, 0.14, 0.48, 0.77))
        )
        ax.plot([0], [0], "o", label="student's neurons")  # as in the widget of AB
        ax.legend(loc="upper right" if fires else "upper left")
        ax.figure.draw_without_rendering()
    margin = next(line for line in ax.lines if line.get_label().startswith("margin"))
    assert margin.get_window_extent().y1 < ax.get_legend().get_window_extent().y0


def test_report_shows_both_cases():
    figure = plots.hinge_report(S, S * 0 + 2, S * 0 + 1, margin=1)
    left, right = figure.axes
    assert set(left.lines[0].get_ydata()) == {2} and set(right.lines[0].get_ydata()) == {1}
    assert "fires" in title(left) and "silent" in title(right)


def test_bars_are_percents_of_each_stage():
    ax = plots.sign_agreement_bars({"student alone": [0.6, 0.5], "student distilled": torch.tensor([0.9, 0.75])})
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([60, 50, 90, 75])
    assert to_hex(ax.patches[2].get_facecolor()).upper() == style.DISTILLED
    assert [label.get_text() for label in ax.get_xticklabels()] == ["stage 1", "stage 2"]
    assert [text.get_text() for text in ax.texts] == ["60", "50", "90", "75"]
    assert set(ax.lines[0].get_ydata()) == {50}


def test_lines_are_where_neurons_switch():
    ax = plots.activation_boundaries({"teacher": FAN}, POINTS)
    (lines,) = ax.collections
    for segment, weight, bias in zip(lines.get_segments(), *FAN, strict=True):
        assert segment @ weight.numpy() + bias.item() == pytest.approx([0, 0], abs=1e-5)
        (x0, y0), (x1, y1) = segment
        assert max(abs(x1 - x0), abs(y1 - y0)) > 2 * ax.get_xlim()[1]  # it crosses the picture
    assert not ax.images
    assert to_hex(lines.get_colors()[0]).upper() == style.TEACHER


def test_points_by_class():
    ax = plots.activation_boundaries({"teacher": FAN}, POINTS, torch.tensor([0, 1, 1, 1]))
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[1, 1]], [[-1, 1], [-1, -1], [1, -2]]]


def test_two_fans_darken_where_neurons_stand_on_different_sides():
    ax = plots.activation_boundaries({"teacher": FAN, "student distilled": OTHER}, POINTS)
    (plane,) = ax.images
    assert set(np.unique(plane.get_array())) == {1}  # the second neuron, everywhere
    assert key(ax) == ["teacher", "student distilled"]
    moved = (FAN[0], FAN[1] - torch.tensor([1.0, 0.0]))  # the first neuron now switches at 1.5 instead of 0.5
    plane = plots.activation_boundaries({"teacher": FAN, "student": moved}, POINTS).images[0].get_array()
    axis = np.linspace(*ax.get_xlim(), plane.shape[1])
    assert (plane == ((axis > 0.5) & (axis <= 1.5))).all()


@pytest.mark.parametrize("width", [3, 5])
def test_no_point_is_under_the_legend(width):
    square = torch.tensor([[x, y] for x in (-1.0, -0.5, 0.0, 0.5, 1.0) for y in (-1.0, 1.0)])
    with plt.rc_context(plots.STYLE):
        ax = plt.subplots(figsize=(width, 3.3), layout="constrained")[1]
        plots.activation_boundaries({"teacher": FAN, "distilled student, step 300": OTHER}, square, ax=ax)
        ax.figure.draw_without_rendering()
    legend = ax.get_legend()
    points = ax.transData.transform(square)
    assert not legend.get_window_extent().count_contains(points)
    assert ax.get_window_extent().count_contains(points) == len(points)
    assert legend.get_frame().get_alpha() == 1  # no line shines through


def test_draws_on_the_axes_passed_in():
    panels = plt.subplots(1, 3)[1]
    assert plots.side_loss(S, S**2, fires=True, ax=panels[0]) is panels[0]
    assert plots.sign_agreement_bars({"a": [0.5]}, ax=panels[1]) is panels[1]
    assert plots.activation_boundaries({"teacher": FAN}, POINTS, ax=panels[2]) is panels[2]
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.side_loss(S, S[1:], fires=True), "120 values of the loss came with 121"),
        (lambda: plots.side_loss(S, S, fires=True, margin=0), "margin is 0"),
        (lambda: plots.hinge_report(S, S, S[1:]), "120 values"),
        (lambda: plots.sign_agreement_bars({}), "No agreement"),
        (lambda: plots.sign_agreement_bars({"a": [55.0]}), "'a' holds .55"),
        (lambda: plots.sign_agreement_bars({"a": [0.5], "b": [0.5, 0.6]}), r"'b' has shape \(2,\), the first \(1,\)"),
        (lambda: plots.activation_boundaries({}, POINTS), "0 fans"),
        (lambda: plots.activation_boundaries({"a": FAN}, POINTS[:, :1]), "points has shape"),
        (lambda: plots.activation_boundaries({"a": FAN}, POINTS, torch.zeros(3)), "3 labels"),
        (lambda: plots.activation_boundaries({"a": (FAN[0] * 0, FAN[1])}, POINTS), "no row zero"),
        (lambda: plots.activation_boundaries({"a": FAN, "b": (FAN[0][:1], FAN[1][:1])}, POINTS), "2 and 1 neurons"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
