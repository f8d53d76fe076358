"""The FitNet widget: guesses are held-out, and the channel slider fits its stage."""

import pytest
import torch

from kd_teach.course.widgets import fitnet_widget
from kd_teach.course.widgets.fitnet import draw_guess, example, fit_stage
from kd_teach.plots import r_squared
from kd_teach.plots.regressors import fit_regressor


@pytest.fixture(scope="module")
def stages():
    return example()


@pytest.fixture
def widget(stages):
    return fitnet_widget(*stages)


@pytest.mark.parametrize(("name", "value"), [("stage", 3), ("rank", 5), ("image", 4)])
def test_every_control_redraws(widget, name, value):
    before = widget.image.value
    widget.controls[name].value = value
    assert widget.image.value != before
    assert widget.message.value == ""


def test_channel_slider_ends_with_the_stage(widget):
    widget.controls["rank"].value = widget.controls["rank"].max
    assert widget.controls["rank"].value == 12
    widget.controls["stage"].value = 1
    assert (widget.controls["rank"].value, widget.controls["rank"].max) == (8, 8)
    widget.controls["stage"].value = 3
    assert widget.controls["rank"].max == 16
    assert widget.message.value == ""


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_scores_are_of_the_half_that_was_not_fitted(stages, shift):
    """A hint that is nowhere negative gets a rectified guess, a signed one does not."""
    f_t, f_s = stages[0][1] - shift, stages[1][1]
    fit = fit_stage(f_s, f_t)
    guess = fit_regressor(f_s[:16], f_t[:16])(f_s[16:])
    assert guess.min() < 0
    assert torch.equal(fit.hint, f_t[16:])
    assert torch.equal(fit.guess, guess if shift else guess.relu())
    assert torch.allclose(fit.scores, r_squared(fit.guess, f_t[16:]))
    assert (fit.scores[fit.order].diff() <= 0).all()


def test_dead_channels_are_left_out_and_larger_grids_pooled():
    f_t = torch.rand(6, 4, 4, 4)
    f_t[:, 1] = 0
    fit = fit_stage(torch.rand(6, 2, 8, 8), f_t)
    assert sorted(fit.order.tolist()) == [0, 2, 3]
    assert fit.guess.shape == (3, 4, 4, 4)


def test_picture_shows_hint_and_guess_of_the_channel(stages):
    fit = fit_stage(stages[1][0], stages[0][0])
    left, middle, right = draw_guess([fit], stage=1, rank=3, image=2).axes
    channel = fit.order[2]
    assert torch.allclose(torch.tensor(left.images[0].get_array()), fit.hint[1, channel])
    assert torch.allclose(torch.tensor(middle.images[0].get_array()), fit.guess[1, channel])
    assert left.images[0].get_clim() == middle.images[0].get_clim()
    (chosen,) = right.containers[0]
    assert chosen.get_x() + chosen.get_width() / 2 == pytest.approx(3)
    assert chosen.get_height() == pytest.approx(fit.scores[channel].item())
    assert f"{fit.scores[channel]:.2f}" in (right.get_title() or right.get_title(loc="left"))


def test_blank_notebook_and_static_panel():
    widget = fitnet_widget()
    assert [setting["rank"] for setting in widget.static] == [1, 12]
    assert widget.panel().startswith(b"\x89PNG")


def test_bad_input_is_named(stages):
    teacher, student = stages
    with pytest.raises(ValueError, match="together"):
        fitnet_widget(teacher)
    with pytest.raises(ValueError, match="as many stages"):
        fitnet_widget(teacher, student[:1])
    with pytest.raises(ValueError, match="at least two images"):
        fitnet_widget([teacher[0][:1]], [student[0][:1]])
