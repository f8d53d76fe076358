"""Soft-target bars have the lengths of softmax(z / T)."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from kd_teach import plots
from kd_teach.plots import style

CLASSES = ("cat", "dog", "ship", "truck")
LOGITS = torch.tensor([5.0, 3.0, -1.0, -2.0])


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize(
    "logits", [LOGITS, LOGITS.numpy(), LOGITS.tolist(), LOGITS.bfloat16(), LOGITS.requires_grad_()]
)
def test_bars_match_the_equation(logits):
    ax = plots.soft_targets(logits, CLASSES, temperatures=(1, 4))
    assert [bars.get_label() for bars in ax.containers] == ["T = 1", "T = 4"]
    for bars, temperature in zip(ax.containers, (1, 4), strict=True):
        e = [math.exp(z / temperature) for z in LOGITS.tolist()]
        assert [bar.get_width() for bar in bars] == pytest.approx([v / sum(e) for v in e])
    assert names(ax) == list(CLASSES)


def test_classes_read_from_top_to_bottom_and_bars_do_not_overlap():
    ax = plots.soft_targets(LOGITS, CLASSES)
    bottom, top = ax.get_ylim()
    assert bottom > top
    spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bars in ax.containers for bar in bars)
    assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(spans))


def test_true_class_is_marked():
    ax = plots.soft_targets(LOGITS, CLASSES, label=torch.tensor(1))
    assert names(ax) == ["cat", "dog (true)", "ship", "truck"]
    assert [label.get_fontweight() == "bold" for label in ax.get_yticklabels()] == [False, True, False, False]


def test_many_classes_show_the_largest_and_the_true_one():
    ax = plots.soft_targets(LOGITS, CLASSES, top=2, label=3)
    assert names(ax) == ["cat", "dog", "truck (true)"]
    e = LOGITS.exp()
    assert ax.containers[0][2].get_width() == pytest.approx((e[3] / e.sum()).item())  # of all classes


def test_log_axis_shows_the_smallest_bar():
    ax = plots.soft_targets(LOGITS, CLASSES, log=True)
    assert ax.get_xscale() == "log"
    assert ax.get_xlim()[0] < min(bar.get_width() for bars in ax.containers for bar in bars)
    assert plots.soft_targets([1000.0, 0.0], ("a", "b"), log=True).get_xlim()[0] > 0


def test_networks_side_by_side_at_one_temperature():
    student = torch.tensor([0.0, 1.0, 2.0, 9.0])
    ax = plots.soft_targets_by_network({"teacher": LOGITS, "alone": student}, CLASSES, temperature=2, label=1)
    assert [bars.get_label() for bars in ax.containers] == ["teacher", "alone"]
    for bars, logits in zip(ax.containers, (LOGITS, student), strict=True):
        assert [bar.get_width() for bar in bars] == pytest.approx((logits / 2).softmax(0).tolist())
    assert [to_hex(bars[0].get_facecolor()).upper() for bars in ax.containers] == [style.TEACHER, style.ALONE]
    assert "T = 2" in ax.get_title() and names(ax)[1] == "dog (true)"


def test_networks_show_the_classes_that_any_of_them_finds_likely():
    few = plots.soft_targets_by_network({"teacher": LOGITS, "alone": LOGITS.flip(0) - 50}, CLASSES, top=2)
    assert names(few) == ["cat", "truck"]  # not by bare logits: only their differences count


def test_card_puts_the_picture_beside_the_bars():
    image = torch.arange(3 * 4 * 4, dtype=torch.uint8).reshape(3, 4, 4)
    figure = plots.soft_target_report(image, LOGITS, CLASSES, label=0, temperatures=(2,))
    bars, picture = figure.axes
    figure.draw_without_rendering()
    assert np.array_equal(picture.images[0].get_array(), image.permute(1, 2, 0))
    assert picture.get_position().x1 < bars.get_position().x0
    assert len(bars.containers) == 1
    assert len(plt.get_fignums()) == 1


def test_draws_on_the_axes_passed_in():
    ax = plt.subplots()[1]
    assert plots.soft_targets(LOGITS, CLASSES, ax=ax) is ax


IMAGE = torch.zeros(3, 4, 4, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.soft_targets(LOGITS[None], CLASSES), r"\(1, 4\); expected \(K,\)"),
        (lambda: plots.soft_targets([], ()), r"\(0,\); expected \(K,\)"),
        (lambda: plots.soft_targets(LOGITS, CLASSES[:3]), "3 class names came with logits of .network. for 4"),
        (lambda: plots.soft_targets([1.0, float("nan")], "ab"), "1 of 2 values that are NaN"),
        (lambda: plots.soft_targets(LOGITS, CLASSES, temperatures=(1, 0)), r"temperatures are \[1, 0\]"),
        (lambda: plots.soft_targets(LOGITS, CLASSES, temperatures=()), "at least one"),
        (lambda: plots.soft_targets(LOGITS, CLASSES, label=4), "label is 4"),
        (lambda: plots.soft_targets(LOGITS, CLASSES, top=0), "top is 0"),
        (lambda: plots.soft_targets_by_network({}, CLASSES), "No logits"),
        (lambda: plots.soft_targets_by_network({"t": LOGITS, "s": LOGITS[:3]}, CLASSES), "of 's' for 3 classes"),
        (lambda: plots.soft_targets_by_network({"t": LOGITS}, CLASSES, temperature=0), "temperature is 0"),
        (lambda: plots.soft_target_report(IMAGE[:1], LOGITS, CLASSES), r"\(1, 4, 4\); expected uint8"),
        (lambda: plots.soft_target_report(IMAGE.float(), LOGITS, CLASSES), "float64"),
        (lambda: plots.soft_target_report(IMAGE, LOGITS, CLASSES, label=9), "label is 9"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
