"""The heat map shows its table, the first layer at the bottom."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

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


def test_draws_on_the_axes_passed_in():
    ax = plt.subplots()[1]
    assert plots.layer_similarity(TABLE, ax=ax) is ax


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.layer_similarity(TABLE + 1), "up to 1"),
        (lambda: plots.layer_similarity(TABLE * np.nan), "not NaN alone"),
        (lambda: plots.layer_similarity(TABLE.iloc[:0]), "up to 1"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
