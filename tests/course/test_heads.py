"""Heads of notebooks: what the course, the README and the classroom pack are made from."""

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from kd_teach.course import TAUGHT
from kd_teach.course.heads import course, read_head
from kd_teach.methods import get_recipe

HEAD = """# 07 · A title: with more

**Paper.** Someone.

**Knowledge:** relation. **Time:** 55 minutes. **Before this:** `01_kd`."""


def saved(folder, name, text):
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), folder / name)
    return folder / name


def test_head_is_read(tmp_path):
    head = read_head(saved(tmp_path, "07_rkd.ipynb", HEAD))
    assert (head.number, head.topic, head.title) == ("07", "rkd", "A title: with more")
    assert (head.minutes, head.knowledge, head.before) == (55, "relation", "`01_kd`")


def test_head_without_minutes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"07_rkd.ipynb must hold a title and \*\*Time:"):
        read_head(saved(tmp_path, "07_rkd.ipynb", HEAD.replace("55", "some")))


def test_empty_folder_says_where_notebooks_come_from(tmp_path):
    with pytest.raises(FileNotFoundError, match="clone it"):
        course(tmp_path)


def test_the_course_has_a_notebook_per_method_that_a_class_can_do():
    heads = {head.topic: head for head in course()}
    assert [head.number for head in course()] == [f"{n:02}" for n in range(18)]
    for name in TAUGHT:
        assert heads[name].knowledge == get_recipe(name).knowledge
        assert 45 <= heads[name].minutes <= 60
        assert "01_kd" in heads[name].before or name == "kd" or any(f"_{m}`" in heads[name].before for m in TAUGHT)
