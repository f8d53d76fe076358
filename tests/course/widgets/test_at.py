"""The AT widget: the maps follow p, stage and image; the title tells the loss."""

import pytest
import torch

from kd_teach.course.widgets import at_widget
from kd_teach.course.widgets.at import example
from kd_teach.methods.at import ATLoss, attention_map
from kd_teach.plots import attention_in_mask


@pytest.fixture
def widget():
    return at_widget()


@pytest.mark.parametrize(("name", "value"), [("p", 8.0), ("stage", 1), ("image", 3)])
def test_every_control_redraws(widget, name, value):
    before = widget.image.value
    widget.controls[name].value = value
    assert widget.image.value != before
    assert widget.message.value == ""


def test_p_runs_from_a_half_to_eight(widget):
    slider = widget.controls["p"]
    assert (slider.base**slider.min, slider.base**slider.max, slider.value) == (0.5, 8, 2)


def test_title_is_the_loss_and_pictures_tell_the_shares(widget):
    _, teacher, student, masks = example()
    ax = widget.draw(p=4.0, stage=2, image=3).axes[0]
    t, s = teacher[1][2:3], student[1][2:3]
    title = ax.get_title() or ax.get_title(loc="left")
    assert f"p = 4: distance of the two maps {ATLoss(p=4)([s], [t]).item():.2f}" in title
    shares = [attention_in_mask(attention_map(f, 4.0), masks[2:3]).item() for f in (t, s)]
    assert [text.get_text() for text in ax.texts][1:] == [f"on the object {100 * share:.0f}\xa0%" for share in shares]


def test_without_masks_and_with_other_grids():
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    widget = at_widget(images, [torch.rand(2, 3, 4, 4)], [torch.rand(2, 5, 8, 8, requires_grad=True)])
    assert widget.message.value == "" and widget.image.value
    oblong = at_widget(images, [torch.rand(2, 3, 4, 2)], [torch.rand(2, 3, 4, 2)])
    assert not oblong.draw(p=2, stage=1, image=1).axes[0].texts


def test_static_panel_shows_other_powers(widget):
    assert [setting["p"] for setting in widget.static] == [0.5, 8]
    assert widget.panel().startswith(b"\x89PNG")


def test_bad_input_is_named():
    images, teacher, student, _ = example()
    with pytest.raises(ValueError, match="together"):
        at_widget(images, teacher)
    with pytest.raises(ValueError, match="3 stages, the student 2"):
        at_widget(images, teacher, student[:2])
