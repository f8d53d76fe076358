"""The NST widget: the kernel decides the matrix and its MMD, the place decides the regions."""

import numpy as np
import pytest
import torch

from kd_teach.course.widgets import nst_widget
from kd_teach.methods import NSTLoss
from kd_teach.plots import gram_row

IMAGES = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)


def title(ax):
    return ax.get_title() or ax.get_title(loc="left")


def test_every_control_redraws():
    widget = nst_widget()
    for name, value in (("kernel", "linear"), ("image", 3), ("row", 1), ("column", 2)):
        before = widget.image.value
        widget.controls[name].value = value
        assert widget.image.value != before
        assert widget.message.value == ""


@pytest.mark.parametrize("kernel", ["linear", "polynomial", "gaussian"])
def test_mmd_and_regions_are_those_of_the_maps(kernel):
    teacher, student = torch.rand(2, 5, 4, 4), torch.rand(2, 3, 4, 4)
    widget = nst_widget(IMAGES, teacher, student)
    left, middle, right = widget.draw(kernel=kernel, image=2, row=1, column=3).axes[:3]
    mmd = NSTLoss(kernel=kernel)([student[1:]], [teacher[1:]]).item()
    assert title(left).startswith(f"{kernel}: MMD² = ")
    assert float(title(left).split()[-1]) == pytest.approx(mmd, abs=1e-4)
    for ax, f in ((middle, teacher), (right, student)):
        assert np.allclose(ax.images[1].get_array(), gram_row(f[1], (1, 3)))
    assert middle.images[1].norm.vmax == right.images[1].norm.vmax


def test_other_grids_and_widths_are_brought_together():
    widget = nst_widget(IMAGES, torch.rand(2, 5, 8, 8, requires_grad=True), torch.rand(2, 3, 4, 4))
    assert widget.message.value == ""
    assert (widget.controls["row"].max, widget.controls["column"].max) == (3, 3)


def test_sorting_the_channels_leaves_the_mmd_alone():
    teacher, student = torch.rand(2, 5, 4, 4), torch.rand(2, 3, 4, 4)
    widget = nst_widget(IMAGES, teacher, student)
    left = widget.draw(kernel="polynomial", image=2, row=0, column=0).axes[0]
    assert float(title(left).split()[-1]) == pytest.approx(NSTLoss()([student[1:]], [teacher[1:]]).item(), abs=1e-4)


def test_static_panel_shows_two_kernels():
    widget = nst_widget()
    assert [setting["kernel"] for setting in widget.static] == ["linear", "polynomial"]
    assert widget.panel().startswith(b"\x89PNG")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="together"):
        nst_widget(IMAGES)
    with pytest.raises(ValueError, match="2 images came with 3 maps"):
        nst_widget(IMAGES, torch.rand(3, 2, 4, 4), torch.rand(2, 2, 4, 4))
