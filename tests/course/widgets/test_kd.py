"""The temperature slider redraws, and what is drawn is softmax(z / T)."""

import matplotlib.pyplot as plt
import pytest
import torch

from kd_teach.course.widgets import kd_widget
from kd_teach.course.widgets.kd import EXAMPLE
from kd_teach.methods import KDLoss

Z_T, Z_S, CLASSES, LABELS = EXAMPLE


@pytest.mark.parametrize(("name", "value"), [("temperature", 12.0), ("image", 2), ("log", True)])
def test_every_control_redraws(name, value):
    widget = kd_widget()
    before = widget.image.value
    widget.controls[name].value = value
    assert widget.image.value != before and widget.message.value == ""
    assert all(control.description for control in widget.controls.values())


def test_bars_are_the_soft_targets_of_both():
    bars = kd_widget().draw(temperature=2.0, image=1, log=False).axes[0]
    assert [group.get_label() for group in bars.containers] == ["teacher", "student alone"]
    for group, z in zip(bars.containers, (Z_T, Z_S), strict=True):
        assert [bar.get_width() for bar in group] == pytest.approx((z[1] / 2).softmax(0).tolist())
    loss = KDLoss(temperature=2.0)(Z_S[1:2], Z_T[1:2]).item()
    assert bars.get_title() == f"T = 2: T² KL = {loss:.2f}, without T² {loss / 4:.3f}"
    assert bars.get_yticklabels()[1].get_text() == "dog (true)"


def test_log_axis_and_picture():
    images = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    figure = kd_widget(Z_T, Z_S, CLASSES, images=images).draw(temperature=1.0, image=2, log=True)
    bars, picture = figure.axes
    assert bars.get_xscale() == "log"
    assert (picture.images[0].get_array() == images[2].permute(1, 2, 0).numpy()).all()
    figure.draw_without_rendering()
    assert picture.get_tightbbox().x1 <= bars.get_tightbbox().x0 + 1
    assert bars.get_tightbbox().x1 <= figure.bbox.x1 and bars.get_tightbbox().y0 >= 0


def test_long_names_are_not_cut():
    names = ("a very long name of a class", *CLASSES[1:])
    figure = kd_widget(Z_T, Z_S, names, labels=LABELS).draw(temperature=1.0, image=0, log=False)
    figure.draw_without_rendering()
    assert figure.axes[0].get_tightbbox().x0 >= 0


def test_own_numbers_and_static_panel():
    widget = kd_widget(Z_T[:2].numpy(), Z_S[:2].double(), CLASSES, labels=LABELS[:2], student="distilled student")
    assert widget.controls["image"].max == 1 and widget.message.value == ""
    assert widget.panel().startswith(b"\x89PNG")
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kd_widget(Z_T), "together"),
        (lambda: kd_widget(Z_T, Z_S[:2], CLASSES), r"for \[2, 3\] images"),
        (lambda: kd_widget(Z_T, Z_S, CLASSES, labels=LABELS[:1]), r"for \[1, 3\] images"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
