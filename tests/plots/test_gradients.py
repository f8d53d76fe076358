"""Sizes of gradients against autograd; bars against the numbers that came in."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from matplotlib.colors import to_hex

from kd_teach import plots
from kd_teach.methods import KDLoss
from kd_teach.plots import style

N, K = 6, 5


@pytest.fixture
def pair():
    random = torch.Generator().manual_seed(0)
    return [3 * torch.randn(N, K, generator=random).double() for _ in range(2)]


def line(ax, start):
    return next(line for line in ax.lines if line.get_label().startswith(start))


def mean_norm(loss, z):
    """Of the gradient per image: the loss is a mean, hence times N."""
    return N * torch.autograd.grad(loss, z)[0].norm(dim=1).mean().item()


def test_curves_match_autograd(pair):
    z_s, z_t = pair
    z_s.requires_grad_()
    ax = plots.gradient_by_temperature(z_s, z_t, temperatures=(1, 4, 16))
    expected = [mean_norm(KDLoss(temperature=t)(z_s, z_t), z_s) for t in (1.0, 4.0, 16.0)]
    assert line(ax, "with T²").get_xdata() == pytest.approx([1, 4, 16])
    assert line(ax, "with T²").get_ydata() == pytest.approx(expected, rel=1e-5)
    assert line(ax, "without T²").get_ydata() == pytest.approx(np.divide(expected, [1, 16, 256]), rel=1e-5)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_high_temperatures_reach_the_limit(pair):
    ax = plots.gradient_by_temperature(*pair, temperatures=(1, 5000))
    assert line(ax, "with T²").get_ydata()[1] == pytest.approx(line(ax, "limit").get_ydata()[0], rel=1e-2)
    assert line(ax, "with T²").get_ydata()[0] != pytest.approx(line(ax, "limit").get_ydata()[0], rel=1e-1)


def test_labels_add_cross_entropy(pair):
    z_s, labels = pair[0].requires_grad_(), torch.arange(N) % K
    ax = plots.gradient_by_temperature(*pair, labels)
    expected = mean_norm(F.cross_entropy(z_s, labels), z_s)
    assert line(ax, "cross-entropy").get_ydata()[0] == pytest.approx(expected)
    assert not any(other.get_label().startswith("cross") for other in plots.gradient_by_temperature(*pair).lines)


def widths(bars):
    return [bar.get_width() for bar in bars]


LAYERS = {"stem": 1.0, "logits": 0.5}


def test_layer_bars():
    ax = plots.gradient_by_layer({"cross-entropy": LAYERS, "hint": {"stem": 20.0, "logits": 0.0}})
    first, second = ax.containers
    assert [bar.get_height() for bar in first] == [1, 0.5]
    assert second[0].get_height() == 20 and math.isnan(second[1].get_height())
    assert [(text.get_text(), text.get_position()[1]) for text in ax.texts] == [("0", ax.get_ylim()[0])]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["stem", "logits"]
    assert first[0].get_x() + first[0].get_width() == pytest.approx(second[0].get_x())  # side by side
    assert sum(ax.get_xlim()) == 1  # the missing bar has its room too
    fixed = plots.gradient_by_layer({"a": LAYERS}, limits=(0.001, 100), colours=["#123456"])
    assert fixed.get_ylim() == (0.001, 100) and to_hex(fixed.containers[0][0].get_facecolor()) == "#123456"


@pytest.mark.parametrize("terms", [1, 2, 5])
def test_key_stands_above_the_layer_bars(terms):
    ax = plots.gradient_by_layer({f"term {i}": {"stem": 1.0, "logits": 1e-4} for i in range(terms)})
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().y0 > ax.containers[0][0].get_window_extent().y1


def test_cosine_bars():
    ax = plots.gradient_cosines(pd.Series({"stem": 0.5, "stage 1": -0.25, "logits": float("nan")}))
    bars = ax.containers[0]
    assert widths(bars)[:2] == [0.5, -0.25]
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars[:2]] == [style.DISTILLED, style.ALONE]
    assert [text.get_text() for text in ax.texts] == ["+0.50", "-0.25", "none"]
    assert [text.get_position()[0] < 0 for text in ax.texts] == [True, False, False]  # beside the bar, not on it
    assert ax.get_xlim() == (-1, 1)


def test_draws_on_the_axes_passed_in(pair):
    calls = [
        lambda ax: plots.gradient_by_temperature(*pair, ax=ax),
        lambda ax: plots.gradient_by_layer({"a": LAYERS}, ax=ax),
        lambda ax: plots.gradient_cosines(LAYERS, ax=ax),
    ]
    for call in calls:
        ax = plt.subplots()[1]
        assert call(ax) is ax


Z = torch.eye(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.gradient_by_temperature(Z, Z[:2]), r"'teacher' has shape \(2, 3\), the first \(3, 3\)"),
        (lambda: plots.gradient_by_temperature(Z, Z / 0), "'teacher' holds"),
        (lambda: plots.gradient_by_temperature(Z, Z + 1), "the same probabilities"),
        (lambda: plots.gradient_by_temperature(Z, 2 * Z, temperatures=(0,)), r"temperatures are \[0\]"),
        (lambda: plots.gradient_by_temperature(Z, 2 * Z, [0, 1, 3]), "expected 0..2"),
        (lambda: plots.gradient_by_layer({}), "No norms"),
        (lambda: plots.gradient_by_layer({"a": LAYERS, "b": {"stem": 1.0}}), r"'b' are \['stem'\]; expected"),
        (lambda: plots.gradient_cosines({}), "at least one"),
        (lambda: plots.gradient_cosines({"stem": 1.5}), "from -1 to 1"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
