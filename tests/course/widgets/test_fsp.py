"""Flow matrices do not care where in the picture things are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kd_teach.course.widgets import fsp, fsp_widget
from kd_teach.methods.fsp import FSPLoss, fsp_matrix


@pytest.fixture
def maps():
    """Of teacher and student: three maps, of which the last is smaller."""
    return [[torch.rand(2, c, s, s) for c, s in ((3, 8), (4, 8), (5, 4))] for _ in range(2)]


def state(figure) -> tuple[str, str]:
    title, loss = figure.get_suptitle().split(": loss = ")
    return title, loss


def test_matrices_and_loss_are_those_of_the_pair(maps):
    teacher, student = maps
    shown = fsp_widget(*maps)
    figure = shown.draw(pair=1, shuffle=False)
    g_t, g_s = (fsp_matrix(*f[1:]).mean(dim=0) for f in maps)
    for ax, matrix in zip(figure.axes[1:], (g_t, g_s, g_s - g_t), strict=True):
        assert np.allclose(ax.images[0].get_array(), matrix, atol=1e-6)
    assert len({ax.images[0].get_clim() for ax in figure.axes[1:]}) == 1
    assert state(figure) == ("stage 1 → stage 2, pixels in place", f"{FSPLoss()(student[1:], teacher[1:]):.4g}")
    assert np.allclose(figure.axes[0].images[0].get_array(), F.adaptive_max_pool2d(teacher[1], 4)[0].mean(dim=0))


@pytest.mark.parametrize("pair", [0, 1])
def test_shuffled_pixels_change_the_picture_only(maps, pair):
    shown = fsp_widget(*maps)
    before, after = (shown.draw(pair=pair, shuffle=shuffle) for shuffle in (False, True))
    pictures = [figure.axes[0].images[0].get_array() for figure in (before, after)]
    assert not np.allclose(*pictures)
    assert np.allclose(*(np.sort(picture, axis=None) for picture in pictures))
    for a, b in zip(before.axes[1:], after.axes[1:], strict=True):
        assert np.allclose(a.images[0].get_array(), b.images[0].get_array(), atol=1e-5)
    assert state(before)[1] == state(after)[1]
    assert "shuffled" in state(after)[0]


def test_shuffle_is_the_same_for_both_maps():
    places = torch.arange(16.0).reshape(1, 1, 4, 4)
    a, b = fsp.shuffled((places, 2 * places.expand(1, 3, 4, 4)))
    assert torch.equal(2 * a.expand(1, 3, 4, 4), b)
    assert not torch.equal(a, places)


def test_controls_draw_again(maps):
    shown = fsp_widget(*maps, ["in", "middle", "out"])
    assert [text for text, _ in shown.controls["pair"].options] == ["in → middle", "middle → out"]
    for name, value in (("pair", 1), ("shuffle", True)):
        before = shown.image.value
        shown.controls[name].value = value
        assert shown.image.value != before
        assert shown.message.value == ""
    assert not plt.get_fignums()


def test_made_up_maps_have_a_student_that_differs():
    shown = fsp_widget()
    assert shown.message.value == ""
    assert float(state(shown.draw(pair=1, shuffle=False))[1]) > 0


def test_what_does_not_fit_is_refused(maps):
    with pytest.raises(ValueError, match="both networks"):
        fsp_widget(maps[0])
    with pytest.raises(ValueError, match="channel by channel"):
        fsp_widget(maps[0], [f[:, :2] for f in maps[1]])
    with pytest.raises(ValueError, match="2 names came with 3 maps"):
        fsp_widget(*maps, ["a", "b"])
