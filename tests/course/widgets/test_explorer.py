"""The helper behind all widgets: it draws again, shows errors, and leaves a picture where nothing can move."""

import base64
import gc
import io

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from kd_teach.course import widgets
from kd_teach.course.widgets import Explorer
from kd_teach.course.widgets.explorer import DPI, WIDEST, emptied

WIDGET = "application/vnd.jupyter.widget-view+json"


def draw(level, colour):
    """A page `level` inches wide in one colour; level 3 fails."""
    if level == 3:
        raise ValueError("<b>three</b> & more")
    return plt.figure(figsize=(level, 1), facecolor=colour)


def explorer(static=({"level": 1}, {"level": 2, "colour": "blue"}), draw=draw, update=None) -> Explorer:
    controls = {
        "level": ipywidgets.IntSlider(1, min=1, max=4, description="How wide:"),
        "colour": ipywidgets.Dropdown(options=["red", "blue"], description="colour"),
    }
    return Explorer(draw, controls, static=static, update=update)


def opened(png: bytes) -> np.ndarray:
    """The pixels (H, W, 3) of a PNG."""
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("RGB"))


def colour_at(pixels: np.ndarray, column: int) -> tuple[int, ...]:
    return tuple(pixels[pixels.shape[0] // 2, column].tolist())


METHODS = [name for name in dir(widgets) if name.endswith("_widget")]
MOVES = {
    "ab": {"margin": [2, 0.5], "step": [10]},
    "cc": {"gamma": [2.0, 0.1], "order": [1, 8]},
    "compare": {"method": ["fitnet", "at", "kd"], "times": [10.0]},
    "crd": {"variant": ["paper"], "negatives": [4], "temperature": [0.3, 0.05], "learnt": [1.0, 0.0]},
    "fsp": {"pair": [1, 0], "shuffle": [True]},
    "nst": {"kernel": ["linear", "gaussian"], "image": [3], "row": [0], "column": [2]},
    "ofd": {"margin": [-0.3, 0.0, -2.0]},
    "pkt": {"query": [20, 0, 31]},
    "rkd": {"student": [[[0, 0], [1, 0.5], [0, 9], [1, 1]], [[1, 1]] * 4]},
}
RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_controls_stand_above_the_picture_of_their_first_values():
    shown = explorer()
    assert shown.children == (*shown.controls.values(), shown.image, shown.message)
    assert opened(shown.image.value).shape == (DPI, DPI, 3)
    assert colour_at(opened(shown.image.value), 0) == RED
    assert shown.message.value == ""


def test_every_control_draws_again():
    shown = explorer()
    shown.controls["level"].value = 2
    assert opened(shown.image.value).shape == (DPI, 2 * DPI, 3)
    shown.controls["colour"].value = "blue"
    assert opened(shown.image.value).shape == (DPI, 2 * DPI, 3)
    assert colour_at(opened(shown.image.value), 0) == BLUE


def test_a_change_draws_once():
    levels = []

    def count(level, colour):
        levels.append(level)
        return draw(level, colour)

    shown = explorer(draw=count)
    shown.controls["level"].value = 4
    shown.controls["level"].value = 4  # no change
    shown.controls["level"].description = "Wide:"  # nor is this one that the picture shows
    assert levels == [1, 4]


def test_error_is_shown_as_text_and_goes_with_the_next_good_picture():
    shown = explorer()
    before = shown.image.value
    shown.controls["level"].value = 3
    assert "ValueError: &lt;b&gt;three&lt;/b&gt; &amp; more" in shown.message.value
    assert "draw: raise ValueError(" in shown.message.value
    assert "<b>" not in shown.message.value
    assert shown.image.value == before
    shown.controls["level"].value = 2
    assert shown.message.value == ""
    assert shown.image.value != before


def test_error_in_the_first_picture_is_shown_too():
    shown = explorer(draw=lambda level, colour: 1 / 0)
    assert "ZeroDivisionError" in shown.message.value


def test_update_changes_the_last_picture_instead_of_drawing_it():
    drawn, figures = [], []

    def count(level, colour):
        drawn.append(level)
        return draw(level, colour)

    def update(figure, level, colour):
        if level == 3:
            raise ValueError("not this one")
        figures.append(figure)
        figure.set(facecolor=colour, figwidth=level)

    shown = explorer(draw=count, update=update)
    shown.controls["level"].value = 2
    shown.controls["colour"].value = "blue"
    assert drawn == [1]
    assert opened(shown.image.value).shape == (DPI, 2 * DPI, 3)
    assert colour_at(opened(shown.image.value), 0) == BLUE
    assert figures[0] is figures[1]
    shown.controls["level"].value = 3
    assert "not this one" in shown.message.value
    shown.controls["level"].value = 4
    assert drawn == [1, 4]  # what failed may be half changed: drawn anew
    assert shown.message.value == ""
    shown.panel()
    assert drawn == [1, 4, 1, 2]
    shown.controls["level"].value = 1
    assert drawn == [1, 4, 1, 2]
    assert plt.get_fignums() == []


def test_emptied_axes_are_as_new_ones():
    _, (used, new) = plt.subplots(1, 2)
    used.plot([0, 900], [0, 900])
    used.bar([0, 1], [2, 3])
    used.scatter([0], [0])
    used.imshow([[1]], origin="lower")
    used.text(0, 0, "text")
    used.add_artist(AnnotationBbox(OffsetImage(np.ones((2, 2))), (0, 0)))
    used.legend(["line"])
    used.set(xlim=(-1, 1000), aspect="auto")
    assert emptied(used) is used
    used.legend([])
    new.legend([])
    assert list(map(type, used.get_children())) == list(map(type, new.get_children()))
    assert not used.containers
    for ax in (used, new):
        ax.plot([1, 2], [3, 4])
    assert used.dataLim.bounds == new.dataLim.bounds
    assert used.axis() == new.axis()
    plt.close("all")


def test_panel_sets_the_settings_side_by_side():
    shown = explorer()
    shown.controls["level"].value, shown.controls["colour"].value = 4, "blue"  # moves the picture, not the panel
    panel = opened(shown.panel())
    assert panel.shape == (DPI, 3 * DPI, 3)
    assert [colour_at(panel, column) for column in (0, DPI - 1, DPI, 3 * DPI - 1)] == [RED, RED, BLUE, BLUE]
    assert shown.controls["level"].value == 4


def test_panel_is_as_high_as_its_highest_part_and_white_below_the_others():
    shown = explorer(draw=lambda level, colour: plt.figure(figsize=(1, level), facecolor=colour))
    panel = opened(shown.panel())
    assert panel.shape == (2 * DPI, 2 * DPI, 3)
    assert panel[-1, 0].tolist() == [255, 255, 255]
    assert tuple(panel[-1, -1].tolist()) == BLUE


def test_panel_too_wide_to_read_is_stacked():
    shown = explorer(draw=lambda level, colour: plt.figure(figsize=(WIDEST / DPI / 2 + 1, level), facecolor=colour))
    panel = opened(shown.panel())
    assert panel.shape == (3 * DPI, WIDEST // 2 + DPI, 3)
    assert [tuple(panel[row, 0].tolist()) for row in (0, DPI - 1, DPI, 3 * DPI - 1)] == [RED, RED, BLUE, BLUE]


def test_mimebundle_has_the_widget_the_picture_and_a_text():
    shown = explorer()
    data = shown._repr_mimebundle_()
    assert set(data) == {WIDGET, "image/png", "text/plain"}
    assert data[WIDGET]["model_id"] == shown.model_id
    assert base64.b64decode(data["image/png"]) == shown.panel()
    assert "How wide, colour" in data["text/plain"]


def test_a_static_setting_that_fails_leaves_the_widget_with_its_error():
    shown = explorer(static=[{"level": 3}])
    assert shown.message.value == ""
    assert set(shown._repr_mimebundle_()) == {WIDGET, "text/plain"}
    assert "&lt;b&gt;three&lt;/b&gt;" in shown.message.value
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", METHODS)
def test_every_widget_has_a_static_panel_in_the_house_style(name, monkeypatch):
    seen = []
    monkeypatch.setattr(Explorer, "redraw", lambda self: None)  # the live picture has tests of its own
    shown = getattr(widgets, name)()
    drawn = shown.draw
    monkeypatch.setattr(
        shown, "draw", lambda **values: seen.append(plt.rcParams["axes.titleweight"]) or drawn(**values)
    )
    assert set(shown._repr_mimebundle_()) == {WIDGET, "image/png", "text/plain"}
    assert seen == ["bold"] * len(shown.static)
    assert (shown.update is not None) == (name.removesuffix("_widget") in MOVES)  # compared with drawing anew, below


@pytest.mark.parametrize("name", MOVES)
def test_a_changed_picture_is_the_one_drawn_anew(name):
    shown = getattr(widgets, f"{name}_widget")()
    for control, values in MOVES[name].items():
        for value in values:
            shown.controls[control].value = value
            changed, shown.update, update = shown.image.value, None, shown.update
            shown.redraw()
            old, new = (opened(bytes(picture)).astype(int) for picture in (changed, shown.image.value))
            assert np.abs(new - old).max() <= 2  # of 255: some versions of matplotlib round colours by the way
            shown.update = update
            assert shown.message.value == ""


def test_exported_html_holds_the_panel():
    """As committed: with outputs, without the state of the widgets."""
    data = explorer()._repr_mimebundle_()
    shown = new_output("execute_result", data, execution_count=1)
    notebook = new_notebook(cells=[new_code_cell("explorer()", outputs=[shown], execution_count=1)])
    nbformat.validate(notebook)
    body, _ = HTMLExporter().from_notebook_node(notebook)
    assert f'src="data:image/png;base64,{data["image/png"]}"' in body
    assert data[WIDGET]["model_id"] not in body


@pytest.mark.parametrize(
    ("static", "complaint"),
    [
        ([], "static is empty"),
        ([{"level": 1}, {"levle": 2}], r"static sets \['levle'\]; the controls are \['colour', 'level'\]"),
    ],
)
def test_static_settings_that_would_show_nothing_are_refused(static, complaint):
    with pytest.raises(ValueError, match=complaint):
        explorer(static=static)


def test_no_figure_stays_open():
    shown = explorer()
    shown.controls["level"].value = 2
    shown._repr_mimebundle_()
    assert plt.get_fignums() == []


def test_a_figure_begun_before_an_error_does_not_stay_open():
    def draw(level):
        plt.subplots()
        raise ValueError("after the figure")

    explorer = Explorer(draw, {"level": ipywidgets.IntSlider(description="level")}, static=[{}])
    assert "after the figure" in explorer.message.value
    assert plt.get_fignums() == []


def test_later_pictures_keep_the_places_of_the_first():
    places = []

    def draw(level):
        figure, axes = plt.subplots(1, 2, layout="constrained")
        axes[0].set_ylabel("long\n" * level)
        places.append(axes)
        return figure

    explorer = Explorer(draw, {"level": ipywidgets.IntSlider(1, description="level")}, static=[{}])
    explorer.controls["level"].value = 4
    first, second = ([ax.get_position().bounds for ax in axes] for axes in places)
    assert first == second and first[0][0] > 0.08  # laid out once, with room for the label


@pytest.mark.parametrize("enabled", [True, False])
def test_no_garbage_is_collected_while_the_reader_waits(enabled):
    seen = []

    def look(level, colour):
        seen.append(gc.isenabled())
        return draw(level, colour)

    (gc.enable if enabled else gc.disable)()
    try:
        shown = explorer(draw=look)
        shown.controls["level"].value = 3  # fails
        assert gc.isenabled() == enabled
    finally:
        gc.enable()
    assert seen == [False, False]


def test_few_ticks_where_matplotlib_chooses_them_and_no_fewer_where_the_picture_does():
    def axes(level, colour):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4))
        left.plot([0, 10], [0, 10])
        right.set_xticks(range(9))
        kept.append((left, right))
        return figure

    kept = []
    explorer(draw=axes)
    left, right = kept[-1]
    assert len(left.get_xticks()) <= 6
    assert len(right.get_xticks()) == 9


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_a_colour_bar_keeps_its_size_from_picture_to_picture(layout):
    def draw(level, colour):
        figure, ax = plt.subplots(figsize=(4, 3), layout=layout)
        figure.colorbar(ax.imshow([[0, level], [1, 2]]), ax=ax, extend="max")  # its tip is cut from its place
        return figure

    shown = explorer(draw=draw, static=[{}])
    pictures = []
    for level in (2, 4) * 3:
        shown.controls["level"].value = level
        pictures.append(shown.image.value)
    assert pictures[0] != pictures[1]
    assert pictures[0:2] == pictures[2:4] == pictures[4:6]
