"""Matrices are sorted by class, share their colours, and have lines where classes begin."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.plots import style

LABELS = torch.tensor([2, 0, 1, 0, 2, 0])
ORDER = [1, 3, 5, 2, 0, 4]  # stable: samples of a class stay as they came
CLASSES = ("cat", "dog", "ship")
MATRIX = torch.arange(36, dtype=torch.float64).reshape(6, 6)


def lines(ax):
    """Where the vertical and the horizontal boundaries are."""
    vertical, horizontal = ax.collections
    return [s[0][0] for s in vertical.get_segments()], [s[0][1] for s in horizontal.get_segments()]


def test_rows_and_columns_are_sorted_by_class():
    ax = plots.similarity_matrix(MATRIX, LABELS, CLASSES)
    assert np.array_equal(ax.images[0].get_array(), MATRIX[ORDER][:, ORDER])
    assert lines(ax) == ([2.5, 3.5], [2.5, 3.5])
    assert [t.get_text() for t in ax.get_yticklabels()] == list(CLASSES)
    assert ax.get_yticks().tolist() == [1, 3, 4.5]  # the middle of each class
    assert ax.get_xticks().tolist() == [1, 3, 4.5]


def test_without_labels_nothing_moves_and_without_names_numbers_show():
    ax = plots.similarity_matrix(MATRIX)
    assert np.array_equal(ax.images[0].get_array(), MATRIX)
    assert not ax.collections
    assert [t.get_text() for t in plots.similarity_matrix(MATRIX, LABELS).get_yticklabels()] == ["0", "1", "2"]


def test_a_class_that_does_not_occur_is_left_out():
    ax = plots.similarity_matrix(MATRIX, LABELS * 2, ("a", "b", "c", "d", "e"))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "c", "e"]


def test_many_classes_are_sorted_but_not_named():
    ax = plots.similarity_matrix(torch.rand(21, 21), torch.arange(21))
    assert not ax.collections
    assert not ax.get_yticklabels()


def middle(*matrices):
    """The 1st and the 99th percentile of what is off the diagonals."""
    others = torch.cat([matrix[~torch.eye(len(matrix), dtype=torch.bool)] for matrix in matrices])
    return pytest.approx(np.quantile(others, (0.01, 0.99)))


def test_colours_span_the_middle_of_what_is_off_the_diagonal():
    matrix = MATRIX.clone().fill_diagonal_(1000)
    assert plots.similarity_matrix(matrix).images[0].get_clim() == middle(matrix)
    assert plots.similarity_matrix(matrix, limits=(-1, 2)).images[0].get_clim() == (-1, 2)
    assert plots.similarity_matrix(torch.ones(1, 1)).images[0].get_array() == 1


def test_a_few_twins_leave_the_others_their_colours_and_the_bar_says_so():
    matrix = torch.linspace(0, 1, 1600).reshape(40, 40)
    matrix[3, 4] = matrix[4, 3] = 50
    ax = plots.similarity_matrix(matrix)
    assert ax.images[0].get_clim()[1] < 1
    assert ax.images[0].colorbar.extend == "both"
    assert plots.similarity_matrix(matrix, limits=(0, 9)).images[0].colorbar.extend == "max"
    assert plots.similarity_matrix(torch.ones(4, 4)).images[0].colorbar.extend == "neither"


def test_colour_bar_can_be_left_out():
    assert len(plots.similarity_matrix(MATRIX, colour_label="closeness").figure.axes) == 2
    assert len(plots.similarity_matrix(MATRIX, colour_label=None).figure.axes) == 1


def test_report_shares_one_scale_and_the_fixed_colours():
    small = MATRIX / 10
    figure = plots.similarity_report({"teacher": MATRIX, "student alone": small}, LABELS, CLASSES, colour_label="alike")
    teacher, alone, bar = figure.axes
    assert [ax.images[0].get_clim() for ax in (teacher, alone)] == [middle(MATRIX, small)] * 2
    assert np.allclose(alone.images[0].get_array(), small[ORDER][:, ORDER])
    assert [ax.get_title() for ax in (teacher, alone)] == ["teacher", "student alone"]
    assert [ax.title.get_color() for ax in (teacher, alone)] == [style.TEACHER, style.ALONE]
    assert bar.get_ylabel() == "alike"
    assert "one class" in figure.get_suptitle()


def test_report_of_kernels_has_a_scale_each():
    figure = plots.similarity_report({"rbf": MATRIX, "bilinear": MATRIX / 10}, shared=False, title="Kernels")
    assert [ax.images[0].get_clim() for ax in figure.axes[:2]] == [middle(MATRIX), middle(MATRIX / 10)]
    assert len(figure.axes) == 4
    assert figure.get_suptitle() == "Kernels"


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("longest", ["ship", "rectangle"])
def test_report_cuts_nothing_and_leaves_no_blank_strip(count, shared, longest):
    with plt.rc_context(plots.STYLE):
        names = ("cat", "dog", longest)
        figure = plots.similarity_report(dict.fromkeys("abc"[:count], MATRIX), LABELS, names, shared=shared)
        figure.draw_without_rendering()
    panel, bar = figure.axes[0].get_tightbbox(), figure.axes[-1].get_tightbbox()
    assert 0 <= min(panel.y0, bar.y0) < 0.3 * figure.dpi
    assert 0 <= figure.texts[0].get_window_extent().y0 - panel.y1 < 0.3 * figure.dpi
    assert panel.x0 >= 0 and bar.x1 <= figure.bbox.x1


def test_kernel_curves_show_all_kernels_over_the_cosines_of_the_batch():
    grid = torch.linspace(-1, 1, 5)
    cosines = torch.tensor([[1, 0.5, 0.5], [0.5, 1, -0.7], [0.5, -0.7, 1]])
    ax = plots.kernel_curves({"exact": grid.exp(), "cut off": 1 + grid}, grid, cosines=cosines)
    assert [line.get_label() for line in ax.lines] == ["exact", "cut off"]
    assert np.allclose(ax.lines[0].get_ydata(), grid.exp())
    [outline] = ax.figure.axes[1].patches
    heights = dict(zip(np.linspace(-1, 1, 41).round(2).tolist(), outline.get_xy()[1::2, 1], strict=False))
    counts = {edge: height for edge, height in heights.items() if height}
    assert counts == {-0.7: 2, 0.5: 4}  # not the diagonal
    assert "grey" in ax.get_xlabel()
    assert len(plots.kernel_curves({"exact": grid}, grid).figure.axes) == 1


def test_draws_on_the_axes_passed_in():
    _figure, axes = plt.subplots(1, 2)
    assert plots.similarity_matrix(MATRIX, ax=axes[0]) is axes[0]
    assert plots.kernel_curves({"a": [0, 1]}, [0, 1], ax=axes[1]) is axes[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.similarity_matrix(MATRIX[:4]), r"\(4, 6\); expected \(N, N\)"),
        (lambda: plots.similarity_matrix(MATRIX / 0), "36 of 36 values"),
        (lambda: plots.similarity_matrix(MATRIX, LABELS[:5]), "expected 6 class numbers"),
        (lambda: plots.similarity_matrix(MATRIX, LABELS.float()), "float64"),
        (lambda: plots.similarity_matrix(MATRIX, LABELS, CLASSES[:2]), "2 class names came with labels for 3"),
        (lambda: plots.similarity_report({}), "at least one"),
        (
            lambda: plots.similarity_report({"a": MATRIX, "b": MATRIX[:5, :5]}),
            r"'b' has shape \(5, 5\), the first \(6, 6\)",
        ),
        (lambda: plots.similarity_report({"a": MATRIX}, LABELS[:5]), "expected 6 class numbers"),
        (lambda: plots.kernel_curves({}, [0, 1]), "at least one"),
        (lambda: plots.kernel_curves({"a": [0, 1, 2]}, [0, 1]), "3 values for 2 cosines"),
        (lambda: plots.kernel_curves({"a": [0, 1]}, [0, 1], cosines=MATRIX[:2]), r"\(2, 6\)"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
