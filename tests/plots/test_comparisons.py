"""Costs against their table."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex

from kd_teach import plots


def widths(ax):
    return [bar.get_width() for bar in ax.containers[0]]


def colours(ax):
    return [to_hex(bar.get_facecolor()).upper() for bar in ax.containers[0]]


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


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


Z = torch.zeros(3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.cost_report(COSTS.iloc[:0]), "empty"),
        (lambda: plots.cost_report(-COSTS), "holds -400"),
        (lambda: plots.cost_report(COSTS, baseline="kd"), "expected one of alone, crd"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
