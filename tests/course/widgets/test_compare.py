"""Weight and method move the bars beside cross-entropy's, which stay."""

import math

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import kd_teach.training.gradients
from kd_teach.course.widgets import compare_widget
from kd_teach.course.widgets.compare import example
from kd_teach.training.gradients import Pull

LAYERS = ["stem", "stage 1", "embedding", "logits"]


def pull(weight, distil, cosine):
    columns = {"task": [0.5, 0.1, 0.2, 0.3], "distil": distil, "cosine": cosine}
    return Pull(weight, pd.DataFrame(columns, index=LAYERS))


PULLS = {
    "kd": pull(0.9, [0.5, 0.2, 0.4, 0.6], [0.9, 0.8, 0.7, 0.6]),
    "hint": pull(100.0, [0.01, 0.02, 0.0, 0.0], [-0.1, 0.2, math.nan, math.nan]),
}


@pytest.mark.parametrize(("name", "value"), [("method", "hint"), ("times", 10.0)])
def test_every_control_redraws(name, value):
    widget = compare_widget(PULLS)
    before = widget.image.value
    widget.controls[name].value = value
    assert widget.image.value != before and widget.message.value == ""
    assert all(control.description for control in widget.controls.values())


def heights(bars):
    return [bar.get_height() for bar in bars]


def test_bars_are_the_weighted_norms():
    left, right = compare_widget(PULLS).draw(method="hint", times=2.0).axes
    task, method = left.containers
    assert heights(task) == [0.5, 0.1, 0.2, 0.3]
    assert heights(method)[:2] == pytest.approx([2, 4]) and all(map(math.isnan, heights(method)[2:]))
    assert method.get_label() == "hint, weight 200"
    assert [bar.get_width() for bar in right.containers[0]][:2] == [-0.1, 0.2]


def test_only_bars_move_not_the_axis():
    draw = compare_widget(PULLS).draw
    limits = {draw(method=method, times=times).axes[0].get_ylim() for method in PULLS for times in (0.01, 100)}
    assert len(limits) == 1


def test_nothing_is_cut():
    figure = compare_widget(PULLS).draw(method="kd", times=1.0)
    figure.draw_without_rendering()
    left, right = (ax.get_tightbbox() for ax in figure.axes)
    assert left.x0 >= 0 and left.x1 <= right.x0 and right.x1 <= figure.bbox.x1
    assert min(left.y0, right.y0) >= 0 and max(left.y1, right.y1) <= figure.bbox.y1


def test_static_panel_without_the_telling_methods():
    widget = compare_widget({"hint": PULLS["hint"]})
    assert widget.panel().startswith(b"\x89PNG")
    assert not plt.get_fignums()


def test_the_example_is_a_real_pair_and_computed_once(monkeypatch):
    example.cache_clear()
    monkeypatch.setattr(
        kd_teach.training.gradients, "list_methods", lambda: ["kd", "fitnet"]
    )  # two: the rest takes seconds
    widget = compare_widget()
    assert widget.controls["method"].options == ("kd", "fitnet")
    assert example()["kd"].layers.loc["logits", "cosine"] > 0.5  # soft targets pull where labels pull
    assert example() is example()
    example.cache_clear()


def test_no_methods():
    with pytest.raises(ValueError, match="pulls is empty"):
        compare_widget({})
