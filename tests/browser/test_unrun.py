"""A notebook that has outputs but was never run here, as after a clone, shows pictures where the widgets would be."""

import io

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from kd_teach.course.widgets.kd import kd_widget
from tests.browser.notebook import KERNEL
from tools.run_notebooks import clean


def test_unrun_page_shows_the_static_panel(opened, folder):
    widget = kd_widget()
    shown = new_output("execute_result", widget._repr_mimebundle_(), execution_count=1)
    notebook = new_notebook(cells=[new_code_cell("kd_widget()", execution_count=1, outputs=[shown])], metadata=KERNEL)
    clean(notebook)
    nbformat.write(notebook, folder / "unrun.ipynb")

    notebook = opened("unrun")
    picture = notebook.output(0).locator("img")
    picture.wait_for()
    notebook.screenshot("opened")
    assert picture.get_attribute("src").startswith("data:image/png")
    size = list(Image.open(io.BytesIO(widget.panel())).size)
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == size
    box = picture.bounding_box()
    assert [box["width"], box["height"]] == pytest.approx(size, abs=2)  # not shrunk: its labels can be read
    assert notebook.output(0).locator(".jupyter-widgets").count() == 0
    assert notebook.complaints == []
    notebook.close()
