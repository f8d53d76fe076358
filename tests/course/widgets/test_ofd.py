"""The OFD widget: the margin moves histogram, plane and cost."""

import pytest
import torch

from kd_teach.course.widgets import ofd_widget
from kd_teach.course.widgets.ofd import draw_margin, example, margin_of
from kd_teach.methods import partial_distance


def title(ax):
    return ax.get_title() or ax.get_title(loc="left")


def test_the_slider_starts_at_the_rule_and_redraws():
    widget = ofd_widget(weight=2.0)
    slider = widget.controls["margin"]
    assert slider.value == pytest.approx(-2 * 0.7979, abs=1e-3)
    assert slider.min <= -6 and slider.max == 0
    before = widget.image.value
    slider.value = -0.1
    assert widget.image.value != before
    assert widget.message.value == ""


def test_margin_stands_in_both_pictures_and_the_titles_tell_the_cost():
    teacher, student = example(1.0, 0.3)
    left, right = draw_margin(teacher, student, 1.0, 0.3, -0.5).axes[:2]
    assert left.get_legend().get_texts()[2].get_text() == "margin -0.50"
    assert right.get_legend().get_texts()[0].get_text() == "margin -0.50"
    cost = partial_distance(student, teacher.clamp(min=-0.5))
    free = 100 * (cost == 0).float().mean().item()
    assert title(right) == f"Mean cost {cost.mean().item():.2f}; {free:.0f} % are free"
    assert title(left) == f"The rule gives {margin_of(1.0, 0.3):.2f}"
    lower = draw_margin(teacher, student, 1.0, 0.3, -3.0).axes[1]
    assert float(title(lower).split()[2].rstrip(";")) > cost.mean().item()  # a lower target leaves fewer in peace


def test_takes_a_channel_with_a_gradient():
    widget = ofd_widget(torch.randn(50), torch.randn(50, requires_grad=True), weight=-0.5, bias=1.0)
    assert widget.message.value == "" and widget.image.value


def test_static_panel_compares_a_plain_relu_with_the_rule():
    widget = ofd_widget()
    assert [setting["margin"] for setting in widget.static] == [0, pytest.approx(-0.798, abs=1e-3)]
    assert widget.panel().startswith(b"\x89PNG")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="together"):
        ofd_widget(torch.randn(5))
    with pytest.raises(ValueError, match="expected two"):
        ofd_widget(torch.randn(5), torch.randn(6))
