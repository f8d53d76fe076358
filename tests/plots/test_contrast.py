"""Histograms of partners and strangers, and the bound under its ceiling."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kd_teach import plots

POSITIVE, NEGATIVE = [0.7, 0.72, 0.9], [-0.1, 0.0, 0.0, 0.1]


def area_between(patch, low, high):
    """Area of a filled step histogram between two scores."""
    xy = patch.get_xy()
    half = len(xy) // 2 + 1
    x, y = xy[:half, 0], xy[:half, 1]
    inside = (x[:-1] >= low) & (x[1:] <= high)
    return (np.diff(x) * y[1:])[inside].sum()


def test_both_histograms_have_area_one_where_their_scores_are():
    ax = plots.score_histograms(POSITIVE, NEGATIVE, threshold=0.5)
    negative, positive = ax.patches
    assert "positives" in positive.get_label()
    assert "negatives" in negative.get_label()
    assert area_between(positive, 0.6, 1) == pytest.approx(1)
    assert area_between(negative, -0.2, 0.2) == pytest.approx(1)
    assert ax.lines[0].get_xdata()[0] == 0.5
    assert ax.get_xlim() == (-1, 1)


def test_scores_outside_of_the_cosines_are_seen_too():
    assert plots.score_histograms([3.0], [-2.0], threshold=4.0).get_xlim() == (-2, 4)


def test_bound_stays_under_its_ceiling():
    ax = plots.information_bound({"student's side": [-1.0, 2.0, 3.0], "teacher's side": [-2.0, 1.0, 3.5]}, 64)
    first, second, ceiling = ax.lines
    assert first.get_xdata().tolist() == [1, 2, 3]
    assert second.get_ydata().tolist() == [-2.0, 1.0, 3.5]
    assert ceiling.get_ydata()[0] == math.log(64)
    assert ax.get_ylim()[0] < -2
    assert ax.get_ylim()[1] > math.log(64)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["ceiling: log K = 4.16", "says nothing"]
    [shade] = ax.patches
    box = shade.get_extents().transformed(ax.transData.inverted())
    assert (box.y0, box.y1) == pytest.approx((ax.get_ylim()[0], 0), abs=1e-9)


def test_epochs_can_be_given():
    ax = plots.information_bound({"a": [1.0, 2.0]}, 8, epochs=[10, 20])
    assert ax.lines[0].get_xdata().tolist() == [10, 20]


def test_one_negative_has_a_ceiling_of_zero():
    low, high = plots.information_bound({"a": [-0.0]}, 1).get_ylim()
    assert low < 0 < high


def test_draws_on_the_axes_passed_in():
    _, axes = plt.subplots(1, 2)
    assert plots.score_histograms(POSITIVE, NEGATIVE, ax=axes[0]) is axes[0]
    assert plots.information_bound({"a": [1.0]}, 9, ax=axes[1]) is axes[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.score_histograms([], NEGATIVE), "nothing empty"),
        (lambda: plots.score_histograms(POSITIVE, [math.nan]), "'negative' holds 1 of 1"),
        (lambda: plots.information_bound({}, 8), "at least one"),
        (lambda: plots.information_bound({"a": [1.0], "b": [1.0, 2.0]}, 8), r"'b' has shape \(2,\), the first \(1,\)"),
        (lambda: plots.information_bound({"a": [1.0]}, 0), "negatives is 0"),
        (lambda: plots.information_bound({"a": [math.inf]}, 8), "1 of 1"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
