"""The classroom pack: no solution reaches a pupil, all reach the instructor, assignments are marked for nbgrader."""

import math
import re

import nbformat
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach.course.classroom import write_classroom
from kd_teach.course.classroom.notebooks import exercise_of, for_students, marked_solution
from kd_teach.course.exercises import Exercise, check, get_exercise, list_exercises
from tools.run_notebooks import code_cells


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    out = tmp_path_factory.mktemp("class") / "room"
    write_classroom(out, topics=["kd", "start_here", "sp"], points=3)
    return out


def cells(path):
    return code_cells(nbformat.read(path, as_version=4))


def run(sources):
    """The names that these cells define, with the imports of an assignment."""
    space = {"torch": torch, "F": F, "nn": nn, "math": math, "check": check}
    for source in sources:
        exec(source, space)
    return space


def test_files(room):
    found = {path.relative_to(room).as_posix() for path in room.rglob("*") if path.is_file()}
    names = ["00_start_here", "01_kd", "04_sp"]
    assert found == {
        "README.md",
        "nbgrader/nbgrader_config.py",
        *(f"{who}/{name}.ipynb" for who in ("student", "instructor") for name in names),
        *(f"nbgrader/source/{name[3:]}/{name[3:]}.ipynb" for name in names),
    }


@pytest.mark.parametrize("name", ["00_start_here", "01_kd", "04_sp"])
def test_pupils_get_stubs_that_run_and_no_solution(room, name):
    notebook = nbformat.read(room / "student" / f"{name}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "<summary>Solution" not in text
    stubs = [(exercise, cell) for cell in code_cells(notebook) if (exercise := exercise_of(cell))]
    assert stubs
    for exercise, cell in stubs:
        assert check(exercise.name, run([cell.source])[exercise.variable]).kind == "not attempted"
    assert all(cell.execution_count is None and not cell.outputs for cell in code_cells(notebook))


def test_folded_solutions_go_and_other_folds_stay():
    fold = "<details><summary>{}</summary>\n\n{}\n</details>".format
    folded = "\n\n".join(["Ask.", fold("Solution", "secret"), "Then:", fold("Answer", "kept")])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(folded)])
    text = for_students(notebook).cells[0].source
    assert "secret" not in text and "kept" in text and text.startswith("Ask.") and "Then:" in text
    assert notebook.cells[0].source == folded  # the original is untouched


@pytest.mark.parametrize("name", list_exercises())
def test_marked_solution_passes_and_becomes_a_stub_when_it_is_cut(name):
    exercise = get_exercise(name)
    source = marked_solution(exercise)
    assert check(name, run([source])[exercise.variable]).passed
    before, rest = source.split("### BEGIN SOLUTION")
    indent = before.rpartition("\n")[2]
    cut = before + "..." + rest.split(indent + "### END SOLUTION")[1]  # what nbgrader does
    assert check(name, run([cut])[exercise.variable]).kind == "not attempted"


def test_instructors_notebook_holds_the_solutions(room):
    sources = [c.source for c in cells(room / "instructor" / "01_kd.ipynb") if "### BEGIN SOLUTION" in c.source]
    assert len(sources) == len(list_exercises("kd"))
    space = run(sources)
    assert all(check(name, space[get_exercise(name).variable]).passed for name in list_exercises("kd"))


def test_assignment_gives_points_by_stars_in_locked_cells(room):
    source = cells(room / "nbgrader" / "source" / "kd" / "kd.ipynb")
    tests = [cell for cell in source if cell.metadata.get("nbgrader", {}).get("grade")]
    exercises = [get_exercise(name) for name in list_exercises("kd")]
    assert sorted(c.metadata.nbgrader.points for c in tests) == sorted(3 * e.stars for e in exercises)
    for cell in tests:
        assert cell.metadata.nbgrader.locked and not cell.metadata.nbgrader.solution
        assert re.search(r"import grade as (grade_kd_\w+)\n\n\1\(", cell.source)  # under a name of its own
    functions = [e for e in exercises if isinstance(e, Exercise)]
    assert sum("### BEGIN HIDDEN TESTS" in cell.source for cell in tests) == len(functions)
    run([cell.source for cell in source])  # the source passes its own tests
    ids = [cell.metadata.nbgrader.grade_id for cell in source if "nbgrader" in cell.metadata]
    assert len(ids) == len(set(ids)) == 2 * len(exercises) + 1  # and the imports


def test_readme_tells_minutes_and_points(room):
    text = (room / "README.md").read_text(encoding="utf-8")
    total = 3 * sum(get_exercise(name).stars for name in list_exercises("kd"))
    row = f"| 50 | {len(list_exercises('kd'))} | {total} |"
    assert f"| 01_kd | Knowledge Distillation: learn from the whole answer {row}" in text
    assert "{" not in text and "nbgrader autograde kd" in text


def test_errors(room, tmp_path):
    with pytest.raises(FileExistsError, match="is not empty"):
        write_classroom(room)
    with pytest.raises(ValueError, match=r"Unknown notebook 'kdd'. Did you mean 'kd'\?"):
        write_classroom(tmp_path / "x", topics=["kdd"])
    with pytest.raises(ValueError, match="points is 0"):
        write_classroom(tmp_path / "x", points=0)
    assert not (tmp_path / "x").exists()


def test_a_classroom_that_was_cut_short_is_no_classroom(tmp_path, monkeypatch):
    monkeypatch.setattr("kd_teach.course.classroom.write.for_instructors", lambda notebook: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_classroom(tmp_path / "room", topics=["kd"])
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    assert all(path.is_file() for path in write_classroom(tmp_path / "room", topics=["kd"]))
    assert [path.name for path in tmp_path.iterdir()] == ["room"]
