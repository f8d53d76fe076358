"""The style: fixed colours, and an opaque light background in any theme."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb

from kd_teach import plots
from kd_teach.plots import style


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_use_style_is_opaque_and_light():
    with matplotlib.rc_context():
        plt.rcParams["figure.facecolor"] = "none"
        plots.use_style()
        assert plt.rcParams["figure.facecolor"] == plt.rcParams["savefig.facecolor"] == "white"
        assert plt.rcParams["image.cmap"] == style.SEQUENTIAL


def test_roles_keep_their_colours():
    names = ["Student alone", "resnet20 (teacher)", "student distilled"]
    assert style.colours(names) == [style.ALONE, style.TEACHER, style.DISTILLED]
    assert style.colours(reversed(names)) == [style.DISTILLED, style.TEACHER, style.ALONE]


def test_colours_differ_for_the_same_role_and_for_others():
    colours = style.colours(["distilled, T = 1", "distilled, T = 4", "fitnet", "at"])
    assert colours == [style.DISTILLED, *style.OTHERS[:3]]


@pytest.mark.parametrize("colour", [style.TEACHER, style.ALONE, style.DISTILLED, style.INK])
def test_contrast_with_white(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 3  # WCAG 2.1, 1.4.11: graphics


def test_axes_are_laid_out_or_passed_through():
    made = style.axes(None, figsize=(7, 3))
    assert made.figure.get_size_inches().tolist() == [7, 3]
    assert made.figure.get_layout_engine() is not None
    assert style.axes(made, figsize=(1, 1)) is made
