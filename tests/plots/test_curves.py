"""Curves show the numbers of the history, epoch for epoch."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kd_teach import plots
from kd_teach.plots import style


@pytest.fixture
def history():
    """Two phases: two epochs of hint, three of distil."""
    nan = np.nan
    return pd.DataFrame(
        {
            "phase": ["hint", "hint", "distil", "distil", "distil"],
            "epoch": [1, 2, 1, 2, 3],
            "seconds": 2.0,
            "lr": 0.1,
            "hint": [40.0, 1.0, nan, nan, nan],
            "task": [nan, nan, 2.0, 1.5, 1.0],
            "distil": [nan, nan, 4.0, 3.0, 2.5],
            "loss": [40.0, 1.0, 3.8, 2.9, 2.4],
            "val_accuracy": [0.1, 0.11, 0.5, 0.6, 0.65],
        }
    )


def lines(ax):
    """label -> (x, y) of the points that are drawn."""
    drawn = {}
    for line in ax.lines:
        x, y = line.get_data()
        drawn[line.get_label()] = [(a, b) for a, b in zip(x, y, strict=True) if np.isfinite(b)]
    return drawn


def test_terms_are_drawn_at_epochs_counted_through(history):
    drawn = lines(plots.training_curves(history))
    assert drawn["hint"] == [(1, 40), (2, 1)]
    assert drawn["task"] == [(3, 2), (4, 1.5), (5, 1)]
    assert drawn["loss (weighted sum)"] == [(1, 40), (2, 1), (3, 3.8), (4, 2.9), (5, 2.4)]
    assert not {"seconds", "lr", "epoch", "val_accuracy"} & set(drawn)


def test_curves_break_between_phases(history):
    ax = plots.training_curves(history)
    (loss,) = [line for line in ax.lines if line.get_label().startswith("loss")]
    assert np.isnan(loss.get_ydata()).tolist() == [False, False, True, False, False, False]


def test_phases_are_separated_and_named(history):
    ax = plots.training_curves(history)
    assert [list(line.get_xdata()) for line in ax.lines if line.get_linestyle() == ":"] == [[2.5, 2.5]]
    (names,) = ax.child_axes
    named = zip(names.get_xticks(), names.get_xticklabels(), strict=True)
    assert [(x, label.get_text()) for x, label in named] == [(1.5, "hint"), (4, "distil")]
    assert not plots.training_curves(history[2:]).child_axes


def test_log_axis_only_for_positive_losses_that_span_decades(history):
    assert plots.training_curves(history).get_yscale() == "log"
    assert plots.training_curves(history[2:]).get_yscale() == "linear"
    assert plots.training_curves(history.assign(task=-1.0)).get_yscale() == "linear"


def test_chosen_terms_only(history):
    assert list(lines(plots.training_curves(history[2:], terms=["distil"]))) == ["distil"]
    one_term = history[2:].drop(columns=["hint", "distil"])
    assert list(lines(plots.training_curves(one_term))) == ["task"]


def test_a_term_looks_the_same_whatever_the_order_of_the_columns(history):
    swapped = history[[c for c in history if c not in ("hint", "distil")] + ["distil"]]
    looks = [
        {line.get_label(): (line.get_color(), line.get_marker()) for line in plots.training_curves(table).lines}
        for table in (history, swapped)
    ]
    for term in ("task", "distil"):
        assert looks[0][term] == looks[1][term]
    assert len({looks[0][term] for term in ("hint", "task", "distil")}) == 3


def test_accuracy_in_percent_and_fixed_colours(history):
    runs = {"student alone": history[2:], "teacher": history, "student distilled": history}
    ax = plots.accuracy_curves(runs)
    alone, teacher, distilled = ax.lines
    assert alone.get_ydata() == pytest.approx([50, 60, 65])
    assert list(teacher.get_xdata()) == [1, 2, 3, 4, 5]
    assert [line.get_color() for line in ax.lines] == [style.ALONE, style.TEACHER, style.DISTILLED]
    assert distilled.get_label() == "student distilled: 65.0 % at the end"


def test_report_shows_both_or_losses_only(history):
    losses, accuracy = plots.training_report(history).axes
    assert "task" in lines(losses)
    assert accuracy.lines[0].get_ydata() == pytest.approx([10, 11, 50, 60, 65])
    assert len(accuracy.child_axes) == 1
    assert len(plots.training_report(history.assign(val_accuracy=np.nan)).axes) == 1


def test_draws_on_the_axes_passed_in(history):
    left, right = plt.subplots(1, 2)[1]
    assert plots.training_curves(history, ax=left) is left
    assert plots.accuracy_curves({"teacher": history}, ax=right) is right
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda h: plots.training_curves(h[:0]), "no rows"),
        (lambda h: plots.training_curves(h.drop(columns="phase")), "lacks phase; it has epoch"),
        (lambda h: plots.training_curves(pd.DataFrame()), "lacks phase, loss; it has no columns"),
        (lambda h: plots.training_curves(h.to_dict()), "is a dict; expected a DataFrame"),
        (lambda h: plots.training_curves(h, terms=["distill"]), "'distill'.*'distil'"),
        (lambda h: plots.training_curves(h, terms=[]), "No terms"),
        (lambda h: plots.accuracy_curves({}), "No histories"),
        (lambda h: plots.accuracy_curves({"x": h.drop(columns="val_accuracy")}), "'x' lacks val_accuracy"),
        (lambda h: plots.accuracy_curves({"x": h.assign(val_accuracy=np.nan)}), "'x' has no validation"),
        (lambda h: plots.training_report(h[:0]), "no rows"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message, history):
    with pytest.raises(ValueError, match=message):
        call(history)
    assert not plt.get_fignums()
