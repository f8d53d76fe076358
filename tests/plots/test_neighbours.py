"""Bars are the query's probabilities in the first network's order, each over the picture of its neighbour."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.offsetbox import AnnotationBbox

from kd_teach import plots
from kd_teach.plots import style

TEACHER = torch.tensor([0.10, 0.30, 0.00, 0.05, 0.35, 0.20])  # the query is sample 2
STUDENT = torch.tensor([0.20, 0.10, 0.00, 0.30, 0.25, 0.15])
BOTH = {"teacher": TEACHER, "student alone": STUDENT}
ORDER = [4, 1, 5, 0, 3]
LABELS, CLASSES = torch.tensor([0, 1, 1, 0, 1, 2]), ("cat", "dog", "ship")
IMAGES = torch.arange(6 * 3 * 4 * 4).reshape(6, 3, 4, 4).to(torch.uint8)


def heights(bars):
    return [bar.get_height() for bar in bars]


def pictures(ax):
    return [a.offsetbox.get_data() for a in ax.artists if isinstance(a, AnnotationBbox)]


def test_bars_follow_the_first_network():
    ax = plots.neighbour_bars(BOTH, 2)
    teacher, student = ax.containers
    assert heights(teacher) == pytest.approx((5 * TEACHER[ORDER] - 1).tolist(), abs=1e-6)
    assert heights(student) == pytest.approx((5 * STUDENT[ORDER] - 1).tolist(), abs=1e-6)
    assert {bar.get_y() for bar in teacher} == {1}
    assert [t.get_text() for t in ax.get_xticklabels()] == [str(i) for i in ORDER]
    assert teacher[0].get_facecolor() == plt.matplotlib.colors.to_rgba(style.TEACHER)
    assert student[0].get_facecolor() == plt.matplotlib.colors.to_rgba(style.ALONE)


def test_chance_is_where_bars_begin():
    [line] = plots.neighbour_bars(BOTH, 2).lines
    assert line.get_ydata()[0] == 1
    assert line.get_label() == "chance"


def test_far_neighbours_stand_apart():
    ax = plots.neighbour_bars(BOTH, 2, nearest=2, farthest=1)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["4", "1", "3"]
    a, b, c = ax.get_xticks()
    assert b - a == 1
    assert c - b > 1.5
    assert [t.get_text() for t in ax.texts] == ["…"]
    assert b < ax.texts[0].get_position()[0] < c


def test_nothing_is_shown_twice():
    ax = plots.neighbour_bars(BOTH, 2, nearest=4, farthest=4)
    assert [t.get_text() for t in ax.get_xticklabels()] == [str(i) for i in ORDER]
    assert len(plots.neighbour_bars(BOTH, 2, nearest=9, farthest=0).containers[0]) == 5


def test_the_query_is_no_neighbour_even_if_it_may_pick_itself():
    self_pairs = torch.tensor([0.1, 0.1, 0.6, 0.2])
    assert "2" not in [t.get_text() for t in plots.neighbour_bars({"teacher": self_pairs}, 2).get_xticklabels()]


def test_pictures_and_names_are_those_of_the_neighbours():
    ax = plots.neighbour_bars(BOTH, 2, images=IMAGES, labels=LABELS, classes=CLASSES)
    for shown, i in zip(pictures(ax), ORDER, strict=True):
        assert np.array_equal(shown, IMAGES[i].permute(1, 2, 0))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["dog", "dog", "ship", "cat", "cat"]
    assert [t.get_fontweight() for t in ax.get_xticklabels()] == ["bold", "bold", "normal", "normal", "normal"]


def test_pictures_do_not_touch_the_names_or_each_other():
    ax = plots.neighbour_bars(BOTH, 2, images=IMAGES, labels=LABELS, classes=CLASSES)
    ax.figure.draw_without_rendering()
    boxes = [a.get_window_extent() for a in ax.artists if isinstance(a, AnnotationBbox)]
    names = [t.get_window_extent() for t in ax.get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert all(box.y0 > name.y1 for box, name in zip(boxes, names, strict=True))
    assert all(name.y0 > 0 for name in names)


def test_long_names_do_not_touch_each_other():
    figure = plots.neighbour_report(
        {"teacher": torch.full((12,), 1 / 12)},
        0,
        torch.zeros(12, 3, 8, 8, dtype=torch.uint8),
        labels=torch.zeros(12, dtype=torch.int64),
        classes=("automobile",),
    )
    figure.draw_without_rendering()
    extents = [name.get_window_extent() for name in figure.axes[0].get_xticklabels()]
    assert len(extents) == 9 and all(a.x1 < b.x0 for a, b in itertools.pairwise(extents))


def test_card_shows_the_query_beside_the_bars():
    figure = plots.neighbour_report(BOTH, 2, IMAGES, labels=LABELS, classes=CLASSES)
    bars, picture = figure.axes
    figure.draw_without_rendering()
    assert np.array_equal(picture.images[0].get_array(), IMAGES[2].permute(1, 2, 0))
    assert picture.get_title(loc="center") == "Sample 2\ndog"
    assert picture.get_position().x1 < bars.get_position().x0
    assert len(pictures(bars)) == 5


def test_draws_on_the_axes_passed_in():
    ax = plt.subplots()[1]
    assert plots.neighbour_bars(BOTH, 2, ax=ax) is ax


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.neighbour_bars({}, 0), "at least one"),
        (lambda: plots.neighbour_bars({"a": TEACHER[:4]}, 0), "with sum 0.45"),
        (lambda: plots.neighbour_bars({"a": TEACHER, "b": TEACHER[1:] / 0.9}, 0), "expected 6 values"),
        (lambda: plots.neighbour_bars({"a": 2 * TEACHER - 1 / 6}, 0), "from -0.167"),
        (lambda: plots.neighbour_bars(BOTH, 6), "query is 6 of 6"),
        (lambda: plots.neighbour_bars(BOTH, 0, nearest=0), "nearest is 0"),
        (lambda: plots.neighbour_bars(BOTH, 0, images=IMAGES[:5]), "5 images came with"),
        (lambda: plots.neighbour_bars(BOTH, 0, images=IMAGES.float()), "expected uint8"),
        (lambda: plots.neighbour_report(BOTH, 0, IMAGES, labels=LABELS[:3]), "expected 6 class numbers"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
