"""Flow matrices, and how over the epochs they come nearer."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots

TEACHER = [torch.tensor([[4.0, 0.0], [1.0, 2.0]]), torch.tensor([[10.0, -3.0, 0.0]])]
STUDENT = [torch.tensor([[1.0, 0.0], [1.0, 5.0]]), torch.tensor([[10.0, -3.0, 20.0]])]


def test_zero_is_in_the_middle_of_the_colours():
    heat = plots.flow_matrix(TEACHER[1]).images[0]
    assert np.array_equal(heat.get_array(), TEACHER[1])
    assert heat.get_clim() == (-10, 10)
    assert plots.flow_matrix(TEACHER[0], limit=7).images[0].get_clim() == (-7, 7)
    assert plots.flow_matrix(torch.zeros(2, 2)).images[0].get_clim() == (-1, 1)


def test_bar_leaves_out_the_colours_that_cannot_occur():
    bars = [
        plots.flow_matrix(TEACHER[0]).figure.axes[-1],
        plots.flow_history([STUDENT[0]], TEACHER[0]).axes[-1],
    ]
    assert [bar.get_ylim() for bar in bars] == [(0, 4), (0, 4)]
    assert plots.flow_matrix(TEACHER[1]).figure.axes[-1].get_ylim() == (-10, 10)


def test_axes_say_which_map_is_which():
    ax = plots.flow_matrix(TEACHER[1], bar=False)
    assert "first" in ax.get_ylabel()  # rows
    assert "second" in ax.get_xlabel()
    assert len(ax.figure.axes) == 1


def test_history_shows_first_last_and_the_aim():
    flows = [torch.full((2, 2), float(epoch)) for epoch in range(9)]
    figure = plots.flow_history(flows, TEACHER[0], columns=3)
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert [ax.get_title() for ax in panels] == ["epoch 0", "epoch 4", "epoch 8", "the aim"]
    assert [ax.images[0].get_array()[0, 0] for ax in panels] == [0, 4, 8, 4]
    assert {ax.images[0].get_clim() for ax in panels} == {(-4, 4)}  # the aim's, though epoch 8 overshoots it
    [bar] = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    assert bar._colorbar.extend == "max"


def test_history_of_few_epochs_shows_each_once():
    figure = plots.flow_history(TEACHER[:1], TEACHER[0], epochs=[3])
    assert [ax.get_title() for ax in figure.axes][:2] == ["epoch 3", "the aim"]


def test_distances_are_curves_on_a_log_axis():
    ax = plots.flow_distances({"stem → 1": [4.0, 2.0, 1.0], "1 → 2": torch.tensor([9.0, 3.0, 1.0])})
    assert ax.get_yscale() == "log"
    assert ax.lines[1].get_xydata().tolist() == [[0, 9], [1, 3], [2, 1]]
    assert [line.get_label() for line in ax.lines] == ["stem → 1", "1 → 2"]
    ax.figure.draw_without_rendering()
    assert {"1", "2", "5"} <= {label.get_text() for label in ax.get_yticklabels()}
    assert plots.flow_distances({"a": [1.0, 2.0]}, epochs=[5, 6]).lines[0].get_xdata().tolist() == [5, 6]


def test_draws_on_the_axes_passed_in():
    _, axes = plt.subplots(1, 2)
    assert plots.flow_matrix(TEACHER[0], ax=axes[0]) is axes[0]
    assert plots.flow_distances({"a": [1.0]}, ax=axes[1]) is axes[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.flow_matrix(torch.zeros(1, 2, 2)), r"\(1, 2, 2\); expected \(m, n\)"),
        (lambda: plots.flow_matrix(TEACHER[0], limit=0), "limit is 0"),
        (lambda: plots.flow_matrix(TEACHER[0] / 0), "4 of 4 values|values that are NaN"),
        (lambda: plots.flow_history([], TEACHER[0]), "0 matrices"),
        (lambda: plots.flow_history(TEACHER, TEACHER[0]), r"\(1, 3\), the target \(2, 2\)"),
        (lambda: plots.flow_history(TEACHER[:1], TEACHER[0], columns=1), "1 columns"),
        (lambda: plots.flow_distances({}), "at least one"),
        (lambda: plots.flow_distances({"a": [1.0, 0.0]}), "from 0"),
        (lambda: plots.flow_distances({"a": [1.0, 1.0], "b": [1.0]}), "1 values"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
