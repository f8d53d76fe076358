"""The heat map shows its table, the first layer at the bottom."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from kd_teach import plots

TABLE = pd.DataFrame(
    [[0.9, 0.2], [0.4, np.nan], [-0.004, 0.6]], index=["stem", "stage 1", "logits"], columns=["stem", "logits"]
)


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def frames(ax):
    """(row, column) of the framed cells."""
    return [(round(p.get_y() + 0.47), round(p.get_x() + 0.47)) for p in ax.patches]


def test_cells_and_names():
    ax = plots.layer_similarity(TABLE, names=("resnet20", "resnet8"))
    values = ax.images[0].get_array()
    assert values.filled(-9).tolist() == [[0.9, 0.2], [0.4, -9], [-0.004, 0.6]]
    assert ax.images[0].get_clim() == (0, 1)
    assert labels(ax.yaxis) == list(TABLE.index) and labels(ax.xaxis) == list(TABLE.columns)
    assert ax.get_ylim()[0] < ax.get_ylim()[1]  # the stem is at the bottom
    assert [text.get_text() for text in ax.texts] == ["0.90", "0.20", "0.40", "nan", "0.00", "0.60"]
    assert "resnet20" in ax.get_ylabel() and "resnet8" in ax.get_xlabel()


def test_the_most_similar_row_of_each_column_is_framed():
    assert frames(plots.layer_similarity(TABLE)) == [(0, 0), (2, 1)]


def test_many_layers_have_no_numbers():
    many = pd.DataFrame(np.eye(12))
    assert not plots.layer_similarity(many).texts


def test_report_sets_students_side_by_side():
    figure = plots.layer_similarity_report({"alone": TABLE, "distilled": TABLE / 2}, teacher="resnet20")
    figure.draw_without_rendering()
    first, second, _ = figure.axes
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, 1)
    assert second.images[0].get_array()[0, 0] == 0.45
    assert labels(first.yaxis) == list(TABLE.index) and labels(second.yaxis) == [""] * 3
    assert [ax.get_title() or ax.get_title(loc="left") for ax in (first, second)] == ["alone", "distilled"]
    assert figure.get_suptitle() == "Framed: each column's most similar layer of resnet20"
    assert first.get_tightbbox().x1 < second.get_tightbbox().x0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_report_cuts_no_text(count):
    layers = ["stem", "stage 1", "stage 2", "stage 3", "embedding", "logits"]
    table = pd.DataFrame(np.eye(6), index=layers, columns=layers)
    with plt.rc_context(plots.STYLE):
        figure = plots.layer_similarity_report({f"student {i}": table for i in range(count)})
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert len(boxes) > 36
    assert figure.texts[0].get_window_extent().y0 >= figure.axes[0].get_tightbbox().y1  # one title over the other
    assert all(box.x0 >= 0 and box.y0 >= 0 for box in boxes)
    assert all(box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_draws_on_the_axes_passed_in():
    ax = plt.subplots()[1]
    assert plots.layer_similarity(TABLE, ax=ax) is ax


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.layer_similarity(TABLE + 1), "up to 1"),
        (lambda: plots.layer_similarity(TABLE * np.nan), "not NaN alone"),
        (lambda: plots.layer_similarity(TABLE.iloc[:0]), "up to 1"),
        (lambda: plots.layer_similarity_report({}), "No tables"),
        (lambda: plots.layer_similarity_report({"a": TABLE, "b": TABLE * 9}), "up to 1"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
