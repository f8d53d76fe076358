"""Pictures of a study: points, intervals and words against the tables that came in."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from kd_teach import plots
from kd_teach.plots import style
from kd_teach.plots.studies import GREY

COMPARISON = pd.DataFrame(
    {
        "difference": [-3.0, 4.0, 0.5, 2.0, np.nan],
        "low": [-4.0, 3.0, -1.0, np.nan, np.nan],
        "high": [-2.0, 5.0, 2.0, np.nan, np.nan],
        "n": [5, 5, 5, 1, 0],
        "verdict": ["LOSES", "BEATS", "CANNOT TELL", "TOO FEW SEEDS", "TOO FEW SEEDS"],
    },
    index=["rkd", "kd", "at", "sp", "cc"],
)
RANKS = pd.DataFrame({"rank": [2.5, 1.0, 2.5], "low": [2, 1, 2], "high": [3, 1, 3], "seeds": 4}, index=["a", "b", "c"])
COSTS = pd.DataFrame(
    {
        "cost": [1.0, 2.0, 3.0],
        "test_accuracy": [0.6, 0.7, 0.65],
        "spread": [0.01, np.nan, 0.02],
        "worth": [True, True, False],
    },
    index=["alone", "kd", "at"],
)
FALLS = pd.DataFrame({"fall": [0.5, 0.1, -0.2], "gain": [2.0, -1.0, 0.5]}, index=["kd", "at", "sp"])
CURVE = pd.DataFrame(
    {"multiple": [1.0, 0.1, 3.0, 0.3], "val_accuracy": [0.6, 0.4, 0.3, 0.7], "chosen": [0, 0, 0, 1]}
).assign(epochs=3)
CURVES = pd.concat([CURVE.assign(method=name, variant="paper") for name in "abcdefg"], ignore_index=True)


def test_forest_draws_differences_intervals_and_verdicts():
    ax = plots.difference_forest(COMPARISON, baseline="kd")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["kd", "sp", "at", "rkd"]  # largest first
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # and on top
    bars = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 2]
    assert [list(bar.get_xdata()) for bar in bars] == [[3, 5], [-1, 2], [-4, -2]]  # one pair: no interval
    points = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [point.get_xdata()[0] for point in points] == [4, 2, 0.5, -3]
    assert [point.get_marker() for point in points] == ["^", "x", "o", "v"]
    assert [to_hex(point.get_color()).upper() for point in points] == [style.DISTILLED, GREY, GREY, style.ALONE]
    [notes] = ax.child_axes
    texts = [label.get_text() for label in notes.get_yticklabels()]
    assert texts == ["+4.00  BEATS  (5)", "+2.00  TOO FEW SEEDS  (1)", "+0.50  CANNOT TELL  (5)", "-3.00  LOSES  (5)"]
    assert "over kd" in ax.get_xlabel()


def test_forest_notes_stand_level_with_their_rows():
    ax = plots.difference_forest(COMPARISON)
    ax.figure.draw_without_rendering()
    [notes] = ax.child_axes
    heights = [
        [label.get_window_extent().y0 + label.get_window_extent().height / 2 for label in side.get_yticklabels()]
        for side in (ax, notes)
    ]
    assert heights[0] == pytest.approx(heights[1], abs=3)
    assert notes.get_yticklabels()[1].get_window_extent().x1 <= ax.figure.bbox.x1


def test_ranks_and_their_intervals():
    ax = plots.rank_intervals(RANKS)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a", "c"]
    [bars] = ax.collections
    assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [[1, 1], [2, 3], [2, 3]]
    assert list(ax.lines[0].get_xdata()) == [1, 2.5, 2.5]
    assert "4 seeds" in ax.get_title(loc="left") or "4 seeds" in ax.get_title()


def test_cost_names_every_point_and_joins_the_worthy():
    ax = plots.accuracy_against_cost(COSTS, baseline="alone")
    joined = ax.lines[0]
    assert list(joined.get_xdata()) == [1, 2] and list(joined.get_ydata()) == pytest.approx([60, 70])
    assert [text.get_text() for text in ax.texts] == ["alone", "kd", "at"]
    points = [c.lines[0] for c in ax.containers]
    assert [to_hex(p.get_color()).upper() for p in points] == [style.ALONE, style.TEACHER, GREY]
    bars = [c.lines[2][0].get_segments()[0][:, 1] for c in ax.containers if c.has_yerr]
    assert [list(bar) for bar in bars] == [pytest.approx([59, 61]), pytest.approx([63, 67])]


def test_names_do_not_cover_points_or_each_other():
    crowd = pd.DataFrame({"cost": [1, 1.02, 1.04, 1.06, 2], "test_accuracy": 0.7, "spread": np.nan, "worth": True})
    crowd.index = [f"method {i}" for i in range(5)]
    ax = plots.accuracy_against_cost(crowd)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(box.count_overlaps(boxes[i + 1 :]) for i, box in enumerate(boxes))
    points = ax.transData.transform(np.column_stack([crowd["cost"], 100 * crowd["test_accuracy"]]))
    assert not any(box.count_contains(points) for box in boxes)


def test_fall_against_gain():
    ax = plots.fall_against_gain(FALLS, rho=0.5)
    assert list(ax.lines[-1].get_xdata()) == pytest.approx([50, 10, -20])
    assert list(ax.lines[-1].get_ydata()) == [2, -1, 0.5]
    assert [text.get_text() for text in ax.texts] == ["kd", "at", "sp"]
    assert "+0.50" in ax.get_title()
    assert "correlation" not in plots.fall_against_gain(FALLS, rho=float("nan")).get_title()


def test_weight_curve_marks_the_chosen():
    ax = plots.weight_curve(CURVE)
    curve, ring = ax.lines
    assert list(curve.get_xdata()) == [0.1, 0.3, 1, 3] and list(curve.get_ydata()) == pytest.approx([40, 70, 60, 30])
    assert list(ring.get_xdata()) == [0.3] and list(ring.get_ydata()) == pytest.approx([70])
    assert ring.get_markerfacecolor() == "none"
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "0.3", "1", "3"]


def test_weight_curve_draws_the_closer_look_with_its_spread():
    """Two seeds at 6 epochs: 80 and 84 %, mean 82, sd 2.83; the ring is there, and not on the coarse line."""
    close = pd.DataFrame({"multiple": 1.0, "epochs": 6, "val_accuracy": [0.80, 0.84], "chosen": [1, 0]})
    ax = plots.weight_curve(pd.concat([CURVE.assign(chosen=0), close]))
    coarse, closer, ring = ax.lines
    assert list(coarse.get_xdata()) == [0.1, 0.3, 1, 3] and list(closer.get_ydata()) == pytest.approx([82])
    assert list(ring.get_xdata()) == [1] and list(ring.get_ydata()) == pytest.approx([82])
    [[low, high]] = [segment[:, 1] for segment in ax.collections[1].get_segments()]
    assert (low, high) == pytest.approx((82 - 8**0.5, 82 + 8**0.5))
    assert closer.get_color() != coarse.get_color()


def test_weight_report_has_a_panel_per_method():
    figure = plots.weight_report(CURVES)
    assert [ax.get_title() for ax in figure.axes] == list("abcdefg")
    assert {ax.get_ylim() for ax in figure.axes} == {figure.axes[0].get_ylim()}


def test_weight_report_keeps_the_variants_of_a_method_apart():
    both = [CURVE.assign(method="ft", variant=v) for v in ("paper", "repdistiller")]
    figure = plots.weight_report(pd.concat([*both, CURVE.assign(method="at", variant="paper")]))
    assert [ax.get_title() for ax in figure.axes] == ["ft paper", "ft repdistiller", "at"]
    assert all(len(ax.lines[0].get_xdata()) == len(CURVE) for ax in figure.axes)


def test_weight_report_does_not_write_one_multiple_over_the_next():
    curve = pd.DataFrame({"multiple": [0.03, 0.1, 0.3, 1, 3, 10], "val_accuracy": 0.5, "chosen": False}).assign(
        epochs=3
    )
    figure = plots.weight_report(pd.concat([curve.assign(method=m, variant="paper") for m in "abcd"]))
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_draws_on_the_axes_passed_in():
    ax = plt.subplots()[1]
    assert plots.difference_forest(COMPARISON, ax=ax) is ax
    assert plots.rank_intervals(RANKS, ax=ax) is ax
    assert plots.accuracy_against_cost(COSTS, ax=ax) is ax
    assert plots.fall_against_gain(FALLS, ax=ax) is ax
    assert plots.weight_curve(CURVE, ax=ax) is ax


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.difference_forest(COMPARISON.drop(columns="low")), "lacks low"),
        (lambda: plots.difference_forest(COMPARISON.iloc[-1:]), "No row has a difference"),
        (lambda: plots.difference_forest(COMPARISON.assign(verdict="WINS")), "Unknown verdict 'WINS'"),
        (lambda: plots.rank_intervals(RANKS.iloc[:0]), "no rows"),
        (lambda: plots.accuracy_against_cost(COSTS, baseline="kdd"), "Did you mean 'kd'"),
        (lambda: plots.fall_against_gain(FALLS.iloc[:0]), "no rows"),
        (lambda: plots.weight_curve(CURVE.assign(chosen=1)), "4 chosen"),
        (lambda: plots.weight_curve(CURVE.assign(multiple=0.0)), "expected positive"),
        (lambda: plots.weight_report(CURVE), "lacks method, variant"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()


GAINS = pd.DataFrame(
    {
        "setting": ["here", "here", "in another place"],
        "method": ["kd", "at", "at"],
        "difference": [4.0, -0.04, -3.26],
        "n": [5, 4, 3],
        "verdict": ["BEATS", "CANNOT TELL", "LOSES"],
    }
)


def test_gain_grid_has_a_cell_per_method_and_setting_coloured_by_verdict():
    ax = plots.gain_grid(GAINS)
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "▲ +4.0", (0, 1): "○ +0.0", (1, 1): "▼ -3.3"}
    boxes = {patch.get_xy(): to_hex(patch.get_facecolor()) for patch in ax.patches}
    assert boxes == {(-0.5, -0.5): style.DISTILLED.lower(), (-0.5, 0.5): GREY, (0.5, 0.5): style.ALONE.lower()}
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "here\n(4 to 5 pairs)",
        "in another\nplace\n(3 pairs)",
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["kd", "at"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first method on top
    assert ax.get_xlabel().endswith("▲ BEATS, ▼ LOSES, ○ CANNOT TELL; blank: not tried")
    plt.close(ax.figure)


def test_gain_grid_names_what_it_cannot_draw():
    with pytest.raises(ValueError, match="lacks n"):
        plots.gain_grid(GAINS.drop(columns="n"))
    with pytest.raises(ValueError, match="no rows"):
        plots.gain_grid(GAINS[:0])
    with pytest.raises(ValueError, match="Unknown verdict 'WINS'"):
        plots.gain_grid(GAINS.assign(verdict="WINS"))
    with pytest.raises(ValueError, match="kd stands twice in the setting 'here'"):
        plots.gain_grid(pd.concat([GAINS, GAINS[:1]]))
