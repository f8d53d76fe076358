"""Differences between two networks against slow loops, and costs against their table."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex

from kd_teach import plots
from kd_teach.plots import style

CLASSES = ("cat", "dog", "ship")
N = 12


@pytest.fixture
def logits():
    random = torch.Generator().manual_seed(0)
    return [torch.randn(N, 3, generator=random) + 10 * i for i in range(2)]


LABELS = torch.arange(N) % 3


def widths(ax):
    return [bar.get_width() for bar in ax.containers[0]]


def colours(ax):
    return [to_hex(bar.get_facecolor()).upper() for bar in ax.containers[0]]


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def expected_means(z_t, z_s):
    means = np.zeros((3, 3))
    for t, s, label in zip(z_t.tolist(), z_s.tolist(), LABELS.tolist(), strict=True):
        for k in range(3):
            means[label, k] += ((t[k] - sum(t) / 3) - (s[k] - sum(s) / 3)) / (N / 3)
    return means


def test_difference_of_one_image_is_centred():
    ax = plots.logit_difference([6.0, 2.0, 1.0], torch.tensor([100.0, 101.0, 99.0]), CLASSES, label=0)
    assert widths(ax) == pytest.approx([3, -2, -1])
    assert colours(ax) == [style.TEACHER, style.ALONE, style.ALONE]
    assert names(ax) == ["cat (true)", "dog", "ship"]
    assert [text.get_text() for text in ax.texts] == ["+3.0", "-2.0", "-1.0"]
    low, high = ax.get_xlim()
    assert low < -2 and high > 3


def test_differences_by_class_match_loops(logits):
    ax = plots.logit_differences(*logits, LABELS, CLASSES)
    expected = expected_means(*logits)
    heat = ax.images[0]
    assert heat.get_array().data == pytest.approx(expected, abs=1e-5)
    assert heat.get_clim() == pytest.approx((-abs(expected).max(), abs(expected).max()), abs=1e-5)
    assert [text.get_text() for text in ax.texts] == [f"{round(v, 1) + 0.0:.1f}" for v in expected.flatten()]
    assert names(ax) == list(CLASSES)
    assert plots.logit_differences(*logits, LABELS, CLASSES, limit=7).images[0].get_clim() == (-7, 7)


def test_report_draws_every_student_in_the_same_colours(logits):
    z_t, alone = logits
    figure = plots.logit_difference_report(z_t, {"alone": alone, "distilled": z_t}, LABELS, CLASSES)
    figure.draw_without_rendering()
    first, second, _ = figure.axes
    assert first.images[0].get_clim() == second.images[0].get_clim()
    assert second.images[0].get_array().data == pytest.approx(np.zeros((3, 3)))
    assert "distilled: 0.00 off" in second.get_title()
    assert first.get_tightbbox().x1 < second.get_tightbbox().x0


BEFORE = torch.tensor([[5, 5, 0], [2, 8, 0], [0, 0, 20]])
AFTER = torch.tensor([[4, 6, 0], [0, 10, 0], [0, 2, 18]])


def test_classes_that_win_stand_above_those_that_lose():
    ax = plots.class_accuracy_change(BEFORE, AFTER, CLASSES, names=("scratch", "kd"))
    assert names(ax) == ["dog", "cat", "ship"]
    assert widths(ax) == pytest.approx([20, -10, -10])
    assert colours(ax) == [style.DISTILLED, style.ALONE, style.ALONE]
    assert ax.texts[0].get_text() == "+20  (80 → 100 %)"
    assert "-2.5 points" in ax.get_title()  # 33 of 40 right before, 32 after
    assert "from scratch to kd" in ax.get_xlabel()


def test_notes_stay_inside_the_axes():
    ax = plots.class_accuracy_change(BEFORE, AFTER, CLASSES)
    ax.figure.draw_without_rendering()
    frame = ax.get_window_extent()
    assert all(frame.x0 <= text.get_window_extent().x0 for text in ax.texts)
    assert all(text.get_window_extent().x1 <= frame.x1 for text in ax.texts)


COSTS = pd.DataFrame({"seconds": [10.0, 15.0], "MB": [100.0, 400.0]}, index=["alone", "crd"])


def test_costs_stand_side_by_side_and_as_multiples():
    figure = plots.cost_report(COSTS, baseline="alone")
    figure.draw_without_rendering()
    for ax, column in zip(figure.axes, COSTS, strict=True):
        assert widths(ax) == COSTS[column].tolist() and ax.get_xlabel() == column
        frame = ax.get_window_extent()
        assert all(text.get_window_extent().x1 <= frame.x1 for text in ax.texts)
    assert names(figure.axes[0]) == ["alone", "crd"]
    assert figure.axes[0].yaxis_inverted()
    assert [text.get_text().split() for text in figure.axes[1].texts] == [["100"], ["400", "×", "4.00"]]
    assert colours(figure.axes[0])[0] != colours(figure.axes[0])[1]
    assert [text.get_text() for text in plots.cost_report(COSTS).axes[0].texts] == [" 10", " 15"]


def test_draws_on_the_axes_passed_in(logits):
    ax = plt.subplots()[1]
    assert plots.logit_difference(logits[0][0], logits[1][0], CLASSES, ax=ax) is ax
    assert plots.logit_differences(*logits, LABELS, CLASSES, ax=ax) is ax
    assert plots.class_accuracy_change(BEFORE, AFTER, CLASSES, ax=ax) is ax


Z = torch.zeros(3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.logit_difference(Z[0], Z[0, :2], CLASSES), r"\(3,\) and z_s \(2,\)"),
        (lambda: plots.logit_difference(Z[0], Z[0] / 0, CLASSES), "z_s holds 3 of 3"),
        (lambda: plots.logit_difference(Z[0], Z[0], CLASSES[:2]), "2 class names"),
        (lambda: plots.logit_difference(Z[0], Z[0], CLASSES, label=3), "label is 3"),
        (lambda: plots.logit_differences(Z, Z, [0, 1, 1], CLASSES), "No images of 'ship'"),
        (lambda: plots.logit_differences(Z, Z, [0, 1, 3], CLASSES), "expected 0..2"),
        (lambda: plots.logit_difference_report(Z, {}, [0, 1, 2], CLASSES), "No students"),
        (lambda: plots.class_accuracy_change(BEFORE, AFTER[:2], CLASSES), "3 class names came with after for 2"),
        (lambda: plots.class_accuracy_change(BEFORE, AFTER + 1, CLASSES), "the same images"),
        (lambda: plots.class_accuracy_change(BEFORE * 0, AFTER, CLASSES), "row sums from 0"),
        (lambda: plots.class_accuracy_change(-BEFORE, AFTER, CLASSES), "before has shape"),
        (lambda: plots.cost_report(COSTS.iloc[:0]), "empty"),
        (lambda: plots.cost_report(-COSTS), "holds -400"),
        (lambda: plots.cost_report(COSTS, baseline="kd"), "expected one of alone, crd"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
