"""R^2 against loops, least squares against what it must find, bars against the numbers."""

import math

import matplotlib.pyplot as plt
import pytest
import torch

from kd_teach import plots
from kd_teach.plots import style


def title(axes):
    return axes.get_title() or axes.get_title(loc="left")


def test_r_squared_matches_loops():
    hint, guess = torch.randn(3, 2, 4, 5), torch.randn(3, 2, 4, 5)
    for c, score in enumerate(plots.r_squared(guess, hint).tolist()):
        values = hint[:, c].flatten().tolist()
        mean = sum(values) / len(values)
        off = sum((a - b) ** 2 for a, b in zip(values, guess[:, c].flatten().tolist(), strict=True))
        assert score == pytest.approx(1 - off / sum((a - mean) ** 2 for a in values))


def test_r_squared_of_the_truth_the_mean_and_a_constant_channel():
    hint = torch.randn(3, 3, 4, 4)
    hint[:, 2] = 5
    guess = hint.clone()
    guess[:, 1] = hint[:, 1].mean()
    perfect, mean, constant = plots.r_squared(guess, hint).tolist()
    assert perfect == 1 and mean == pytest.approx(0, abs=1e-6) and math.isnan(constant)


def test_regressor_recovers_a_linear_teacher():
    f_s = torch.randn(4, 3, 5, 5)
    truth = torch.nn.Conv2d(3, 6, 1)
    layer = plots.fit_regressor(f_s, truth(f_s))
    assert torch.allclose(layer.weight, truth.weight, atol=1e-5)
    assert torch.allclose(layer.bias, truth.bias, atol=1e-5)
    assert not layer.weight.requires_grad


def test_regressor_is_the_best_and_survives_dead_channels():
    f_s, f_t = torch.randn(4, 3, 5, 5), torch.randn(4, 2, 5, 5)
    f_s[:, 1] = 0
    layer = plots.fit_regressor(f_s, f_t)
    best = (layer(f_s) - f_t).square().sum()
    for _ in range(10):
        other = plots.fit_regressor(f_s, f_t)
        other.weight += 0.1 * torch.randn_like(other.weight)
        assert (other(f_s) - f_t).square().sum() >= best
    assert layer.weight[:, 1].abs().max() < 1e-5


def test_bars_are_sorted_by_the_last_series():
    ax = plots.r_squared_bars({"before": [0.1, 0.2, -0.3], "after": [0.5, 0.9, 0.7]})
    before, after = ax.containers
    assert [bar.get_height() for bar in after] == pytest.approx([0.9, 0.7, 0.5])
    assert [bar.get_height() for bar in before] == pytest.approx([0.2, -0.3, 0.1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "0"]
    assert [text.get_text() for text in ax.get_legend().texts] == ["before: median 0.10", "after: median 0.70"]


def test_bars_leave_dead_channels_out_and_say_so():
    nan = math.nan
    ax = plots.r_squared_bars({"teacher": [0.1, nan, 0.3], "student alone": [0.1, nan, 0.2]})
    assert [len(bars) for bars in ax.containers] == [2, 2]
    assert "1 that never change" in ax.get_xlabel()
    assert ax.containers[0][0].get_facecolor()[:3] == pytest.approx(plt.matplotlib.colors.to_rgb(style.TEACHER))
    assert "never change" not in plots.r_squared_bars({"after": [0.5]}).get_xlabel()


def test_axis_ends_at_minus_one_half():
    assert plots.r_squared_bars({"a": [-7.0, 0.5]}).get_ylim() == (-0.5, 1)
    assert plots.r_squared_bars({"a": [0.2, 0.5]}).get_ylim() == (0, 1)


def test_draws_on_the_axes_passed_in():
    ax = plt.subplots()[1]
    assert plots.r_squared_bars({"a": [0.5]}, ax=ax) is ax
    assert len(plt.get_fignums()) == 1


F = torch.rand(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.r_squared(F, F[:1]), "expected the same"),
        (lambda: plots.r_squared(F[0], F[0]), r"\(N, C, H, W\)"),
        (lambda: plots.fit_regressor(F, F[..., :2]), "Pool the larger"),
        (lambda: plots.fit_regressor(F, F[:1]), "the same N, H, W"),
        (lambda: plots.r_squared_bars({}), "No scores"),
        (lambda: plots.r_squared_bars({"a": [0.1], "b": [0.1, 0.2]}), r"\[1, 2\] channels"),
        (lambda: plots.r_squared_bars({"a": [1.5]}), "at most 1"),
        (lambda: plots.r_squared_bars({"a": [math.nan]}), "holds no number"),
        (lambda: plots.r_squared_bars({"a": [0.5, math.nan], "b": [math.nan, 0.5]}), "holds no number"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
