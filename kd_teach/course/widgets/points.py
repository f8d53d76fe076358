"""Points in the plane that can be moved by mouse, finger or arrow keys.

Made with anywidget: a few dozen lines of plain JavaScript, no build step, works offline; bqplot (a plotting library of
its own) and ipympl (which sends a whole new picture for every move) were the alternatives.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import anywidget
import ipywidgets
import traitlets

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Points(anywidget.AnyWidget, ipywidgets.ValueWidget):
    """A polygon whose corners can be moved, beside one that stays.

    Args:
        value: the corners [[x, y], ...]; changes as they are moved, in steps of 30 ms or more.
        fixed: corners that stay, [[x, y], ...], perhaps none.
        limit: the picture shows -limit..limit both ways, and more where a corner lies outside.
        description: what a reader can do.

    Corners are named A, B, C ... Each that can be moved is an SVG circle of class "kd-point" with its number as
    `data-index`; it takes the focus, arrow keys move it by a hundredth of the width, with shift by a twentieth.

    Raises:
        TraitError: corners that are not pairs of finite numbers.
    """

    _esm = Path(__file__).with_name("points.js")
    _css = Path(__file__).with_name("points.css")
    value: traitlets.List = traitlets.List().tag(sync=True)
    fixed: traitlets.List = traitlets.List().tag(sync=True)
    limit = traitlets.Float(2.0).tag(sync=True)
    description = traitlets.Unicode("points: drag them").tag(sync=True)

    @traitlets.validate("value", "fixed")
    def _corners(self, proposal) -> list[list[float]]:
        points = proposal["value"]
        if len(points) > len(LETTERS) or not all(map(_is_point, points)):
            raise traitlets.TraitError(
                f"{proposal['trait'].name} is {points}; expected at most 26 finite pairs [x, y]."
            )
        return [[float(x), float(y)] for x, y in points]


def _is_point(point) -> bool:
    if not isinstance(point, Sequence) or len(point) != 2:
        return False
    return all(isinstance(number, int | float) and math.isfinite(number) for number in point)
