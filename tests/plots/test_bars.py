"""Bars are means, dots are seeds, numbers are printed."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from kd_teach import plots
from kd_teach.plots import style

RESULTS = {"teacher": 0.92, "student alone": [0.7, 0.72, 0.74], "student distilled": [0.75, 0.79]}


def test_bars_dots_and_numbers():
    ax = plots.accuracy_bars(RESULTS)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([92, 72, 77])
    assert [to_hex(bar.get_facecolor()).upper() for bar in ax.patches] == [
        style.TEACHER,
        style.ALONE,
        style.DISTILLED,
    ]
    assert [list(dots.get_ydata()) for dots in ax.lines] == [
        pytest.approx([70, 72, 74]),
        pytest.approx([75, 79]),
    ]
    assert [text.get_text() for text in ax.texts] == ["92.0 %", "72.0 %", "77.0 %"]
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["teacher", "student alone\nmean of 3 seeds", "student distilled\nmean of 2 seeds"]
    assert ax.get_ylim()[0] == 0


def test_numbers_stand_above_every_dot_and_inside():
    ax = plots.accuracy_bars({"perfect": [0.9, 1.0]})
    assert 100 < ax.texts[0].get_position()[1] < ax.get_ylim()[1]


def test_without_seeds_no_dots_are_promised():
    ax = plots.accuracy_bars({"teacher": 0.9})
    assert not ax.lines
    assert "dot" not in ax.get_title(loc=plt.rcParams["axes.titlelocation"])


def test_draws_on_the_axes_passed_in():
    ax = plt.subplots()[1]
    assert plots.accuracy_bars(RESULTS, ax=ax) is ax


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({}, "No results"),
        ({"a": 92.0}, "'a' is .92.0."),
        ({"a": []}, "'a'"),
        ({"a": [0.5, float("nan")]}, "nan"),
    ],
)
def test_bad_input_is_named(results, message):
    with pytest.raises(ValueError, match=message):
        plots.accuracy_bars(results)
    assert not plt.get_fignums()
