"""The AB widget: margin and step move the hinge and the fan; the titles are the loss and the agreement."""

import pytest
import torch

from kd_teach.course.toy2d import as_map, disc_and_ring, train_student, train_teacher
from kd_teach.course.widgets import ab_widget
from kd_teach.methods import ABLoss

STEPS = (0, 5, 25)


@pytest.fixture(scope="module")
def world():
    points, labels = disc_and_ring(60)
    return points, labels, train_teacher(points, labels, steps=40)


@pytest.fixture
def widget(world):
    points, labels, teacher = world
    return ab_widget(points, labels, teacher=teacher, margins=(0.5, 2), steps=STEPS)


def title(ax):
    return ax.get_title() or ax.get_title(loc="left")


def test_every_control_redraws(widget):
    for name, value in (("margin", 0.5), ("step", 25)):
        before = widget.image.value
        widget.controls[name].value = value
        assert widget.image.value != before
        assert widget.message.value == ""


def test_hinge_dots_and_titles_follow_margin_and_step(world):
    points, labels, teacher = world
    students = {margin: train_student(teacher, points, margin=margin, steps=STEPS) for margin in (0.5, 2)}
    widget, shown = ab_widget(points, labels, teacher=teacher, margins=(0.5, 2), steps=STEPS), []
    for margin, step in ((0.5, 0), (2, 25)):
        left, right = widget.draw(margin=margin, step=step).axes
        hinge, _, edge, dots = left.lines
        assert set(edge.get_xdata()) == {margin}
        assert hinge.get_ydata()[hinge.get_xdata() == 0] == pytest.approx(margin**2)
        s, cost = dots.get_data()
        assert cost == pytest.approx((margin - s).clip(0) ** 2, abs=1e-5)
        student = students[margin][step]
        loss = ABLoss([(8, 1, 1)], [(8, 1, 1)], margin=margin)
        value = loss([as_map(student.preacts(points))], [as_map(teacher.preacts(points))]).item()
        assert title(left) == f"Loss per point, all neurons: {value:.2f}"
        assert title(right) == f"{100 * student.agreement(teacher, points):.1f} % on the teacher's side"
        shown.append(float(title(right).split()[0]))
    assert shown[1] > shown[0]


def test_with_nothing_it_makes_its_own_world():
    widget = ab_widget(margins=(1,), steps=(0, 1))
    assert widget.message.value == "" and widget.image.value


def test_static_panel_shows_before_and_after(widget):
    assert widget.static == [{"step": 0}, {"step": 25}]
    assert widget.panel().startswith(b"\x89PNG")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="together"):
        ab_widget(torch.rand(4, 2))
    with pytest.raises(ValueError, match="at least one margin"):
        ab_widget(margins=())
