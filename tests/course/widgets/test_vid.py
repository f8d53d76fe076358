"""The VID widget: the curve is the loss's own, its minimum is the residual, or the floor."""

import math

import numpy as np
import pytest
import torch

from kd_teach.course.widgets import vid_widget
from kd_teach.course.widgets.vid import FLOOR, cost, draw_sigma, example
from kd_teach.methods.vid import ChannelGaussian, vid


@pytest.fixture
def widget():
    return vid_widget()


def drawn(square, sigma, *, scale=1.0):
    residuals = scale * np.random.default_rng(0).standard_normal((1, 4000)).astype(np.float32)
    return draw_sigma(residuals, [square], [7], sigma, 1).axes


@pytest.mark.parametrize(("name", "value"), [("sigma", 0.5), ("rank", 1)])
def test_every_control_redraws(widget, name, value):
    before = widget.image.value
    widget.controls[name].value = value
    assert widget.image.value != before
    assert widget.message.value == ""


def test_cost_is_that_of_the_loss():
    stage = ChannelGaussian(2, 1, normed=False, floor=FLOOR)
    f_s, f_t = torch.rand(3, 2, 4, 4), torch.rand(3, 1, 4, 4)
    with torch.no_grad():
        square = (stage.mean(f_s) - f_t).square().mean().item()
        assert cost(stage.variance().sqrt().item(), square) == pytest.approx(
            vid(stage.mean(f_s), f_t, stage.variance()).item()
        )


@pytest.mark.parametrize("square", [0.04, 1.0, 9.0])
def test_star_is_the_minimum_and_dot_the_present_sigma(square):
    curve, star, dot = drawn(square, 2.0)[0].lines
    assert star.get_xdata()[0] == pytest.approx(math.sqrt(square))
    assert star.get_ydata()[0] <= np.nanmin(curve.get_ydata()) + 1e-9
    assert dot.get_xdata()[0] == 2
    assert dot.get_ydata()[0] == pytest.approx(0.5 * (math.log(4) + square / 4))


def test_below_the_floor_the_star_stays_there():
    axes = drawn(1e-4, 1.0, scale=0.01)
    assert axes[0].lines[1].get_xdata()[0] == pytest.approx(math.sqrt(FLOOR))
    assert "floor" in axes[0].get_legend().texts[1].get_text()
    assert drawn(0.0, 1.0, scale=0.0)  # a dead channel, guessed exactly


def test_far_sigmas_stay_in_the_picture():
    left, _ = drawn(9.0, 0.1)
    assert left.get_ylim()[0] < left.lines[2].get_ydata()[0] < left.get_ylim()[1]


def test_gaussian_has_the_sigma_of_the_slider():
    gaussian = drawn(1.0, 0.5)[1].lines[0]
    x, y = gaussian.get_data()
    area, variance = (torch.trapezoid(torch.tensor(values), torch.tensor(x)).item() for values in (y, y * x**2))
    assert area == pytest.approx(1, abs=1e-3)
    assert math.sqrt(variance) == pytest.approx(0.5, abs=1e-2)


def test_channels_run_from_predictable_to_unpredictable(widget):
    guess, hint = example()
    squares = (guess - hint).square().mean(dim=(0, 2, 3)).flip(0)
    turned = vid_widget(guess.flip(1), hint.flip(1))
    _, shown, names = turned.draw.args
    assert shown == pytest.approx(squares.flip(0).tolist())
    assert names == list(range(7, -1, -1))


def test_bad_input_is_named():
    f = torch.rand(2, 3, 4, 4)
    with pytest.raises(ValueError, match="together"):
        vid_widget(f)
    with pytest.raises(ValueError, match="expected one"):
        vid_widget(f, f[:1])


def test_static_panel_shows_the_start_and_the_best_sigma_of_one_channel(widget):
    start, best = widget.static
    assert "sigma" not in start and start["rank"] == best["rank"] == 1
    guess, hint = example()
    least = (hint - guess).square().mean(dim=(0, 2, 3)).min().item()
    assert best["sigma"] ** 2 == pytest.approx(max(least, FLOOR), rel=1e-4)
