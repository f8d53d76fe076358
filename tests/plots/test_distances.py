"""Histograms count each pair and each angle of three distinct samples, once."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.methods.rkd import angles, distance_ratios
from kd_teach.plots import style

EQUILATERAL = torch.tensor([[0, 0], [1, 0], [0.5, 0.75**0.5]], dtype=torch.float64)
RIGHT = torch.tensor([[0, 0], [3, 0], [0, 4]], dtype=torch.float64)  # sides 3, 4, 5


def outline(patch):
    """Heights of a step histogram by the middle of their bins, those that are not zero."""
    xy = patch.get_xy()
    steps = [(a[0], b[0], a[1]) for a, b in itertools.pairwise(xy) if a[1] == b[1] and a[1] > 0]
    return {round((left + right) / 2, 6): height for left, right, height in steps}


def test_angles_of_known_triangles():
    ax = plots.angle_histogram({"teacher": angles(EQUILATERAL), "student alone": angles(RIGHT)})
    teacher, alone = (outline(patch) for patch in ax.patches)
    assert all(abs(middle - 60) <= 2 + 1e-6 for middle in teacher)  # bins of four degrees, which meet at 60
    assert sum(teacher.values()) * 4 == pytest.approx(1)  # area one
    assert [round(float(x)) // 4 for x in alone] == [36 // 4, 53 // 4, 90 // 4]
    assert set(np.round(list(alone.values()), 6)) == {round(1 / 12, 6)}
    assert ax.get_xlim() == (0, 180)
    assert ax.lines[0].get_xdata()[0] == 60


def test_distances_leave_out_the_diagonal():
    ax = plots.distance_histogram({"teacher": distance_ratios(EQUILATERAL), "student": distance_ratios(RIGHT)})
    teacher, student = (outline(patch) for patch in ax.patches)
    assert all(side == pytest.approx(1, abs=0.04) for side in teacher)  # 1, or a rounding below it
    assert list(student) == [pytest.approx(v, abs=0.04) for v in (0.75, 1, 1.25)]
    assert ax.get_xlim()[1] >= 1.25
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["teacher", "student"]


def test_report_sets_heat_maps_over_histograms():
    e = {"teacher": torch.rand(6, 3), "student distilled": torch.rand(6, 4)}
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    ratios = {name: distance_ratios(x) for name, x in e.items()}
    figure = plots.relation_report(ratios, {name: angles(x) for name, x in e.items()}, labels, ("a", "b"))
    heats = [ax for ax in figure.axes if ax.images]
    order = [0, 2, 4, 1, 3, 5]
    for ax, matrix in zip(heats, ratios.values(), strict=True):
        assert np.allclose(ax.images[0].get_array(), matrix[order][:, order])
    assert heats[0].images[0].get_clim() == heats[1].images[0].get_clim()
    histograms = [ax for ax in figure.axes if len(ax.patches) == 2]
    assert ["distance" in histograms[0].get_xlabel(), "degrees" in histograms[1].get_xlabel()] == [True, True]
    colours = [plt.matplotlib.colors.to_hex(patch.get_edgecolor()) for patch in histograms[0].patches]
    assert colours == [style.TEACHER.lower(), style.DISTILLED.lower()]


def test_draws_on_the_axes_passed_in():
    _, axes = plt.subplots(1, 2)
    assert plots.angle_histogram({"a": angles(RIGHT)}, ax=axes[0]) is axes[0]
    assert plots.distance_histogram({"a": distance_ratios(RIGHT)}, ax=axes[1]) is axes[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.angle_histogram({}), "at least one"),
        (lambda: plots.angle_histogram({"a": torch.zeros(3, 3)}), r"\(3, 3\); expected \(N, N, N\)"),
        (lambda: plots.angle_histogram({"a": torch.zeros(3, 3, 2)}), r"\(3, 3, 2\)"),
        (lambda: plots.angle_histogram({"a": torch.zeros(2, 2, 2)}), "three or more"),
        (lambda: plots.angle_histogram({"a": torch.zeros(3, 3, 3) / 0}), "27 of 27"),
        (lambda: plots.distance_histogram({"a": torch.zeros(3, 2)}), r"\(3, 2\)"),
        (lambda: plots.relation_report({"a": distance_ratios(RIGHT)}, {"b": angles(RIGHT)}), r"of \['a'\], cosines of"),
        (lambda: plots.relation_report({"a": distance_ratios(RIGHT)}, {"a": torch.zeros(3, 3)}), r"\(3, 3\)"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
