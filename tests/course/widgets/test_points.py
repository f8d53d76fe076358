"""The points that can be dragged: what Python sees of them, and what it tells the script."""

import math
from pathlib import Path

import ipywidgets
import pytest
import traitlets

from kd_teach.course.widgets import Explorer, Points, points
from kd_teach.plots import style

SCRIPT, LOOK = (Path(points.__file__).with_name(f"points.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))


def test_corners_arrive_as_lists_of_floats():
    corners = Points(value=[(1, 2), [0.5, -1]], fixed=[[0, 0]])
    assert corners.value == [[1.0, 2.0], [0.5, -1.0]]
    assert corners.fixed == [[0.0, 0.0]]


@pytest.mark.parametrize(
    "value", [[1, 2], [[1, 2, 3]], [[1]], [["a", "b"]], [[math.nan, 0]], [[math.inf, 0]], ["ab"], [[0, 0]] * 27]
)
def test_what_is_no_corner_is_refused(value):
    corners = Points(value=[[1, 2]])
    with pytest.raises(traitlets.TraitError, match="pairs"):
        corners.value = value
    assert corners.value == [[1.0, 2.0]]


def test_state_for_the_browser_holds_what_the_script_reads():
    state = Points(value=[[1, 2]], fixed=[[3, 4]], limit=5, description="drag").get_state()
    read = {name.split('"')[1] for name in SCRIPT.split("model.get(")[1:]}
    assert read == {"value", "fixed", "limit", "description"}
    assert {name: state[name] for name in read} == {
        "value": [[1.0, 2.0]],
        "fixed": [[3.0, 4.0]],
        "limit": 5.0,
        "description": "drag",
    }


def test_it_is_a_control_like_others():
    assert isinstance(Points(), ipywidgets.ValueWidget)
    seen = []

    def draw(corners):
        seen.append(corners)
        raise RuntimeError("nothing to draw")

    corners = Points(value=[[0, 0]])
    Explorer(draw, {"corners": corners}, static=[{}])
    corners.value = [[0, 1]]
    corners.value = [[0, 1]]  # no move
    assert seen == [[[0.0, 0.0]], [[0.0, 1.0]]]


@pytest.mark.parametrize("needed", ["kd-point", "data-index", "tabindex", "pointerdown", "ArrowLeft", "aria-label"])
def test_script_has_the_handles_for_hands_keys_and_tests(needed):
    assert needed in SCRIPT


def test_script_needs_nothing_from_elsewhere():
    assert "import " not in SCRIPT
    assert "http" not in SCRIPT.replace("http://www.w3.org/2000/svg", "")


def test_the_networks_have_their_colours():
    assert LOOK.count(style.TEACHER) == 3 and LOOK.count(style.DISTILLED) == 3 and style.INK in LOOK
