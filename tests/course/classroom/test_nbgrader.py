"""nbgrader itself, from the assignment to the marks: a missing package or a lost test would show as a wrong mark.

nbgrader gives 0 and no error to everybody when the kernel lacks a package, so known marks are the only proof.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kd_teach.course.classroom import write_classroom
from kd_teach.course.exercises import get_exercise

pytestmark = pytest.mark.system

pytest.importorskip("nbgrader", reason='grading needs nbgrader: pip install "kd-teach[classroom]"')

NAMES = ("kd.soften", "kd.loss", "kd.uniform_teacher")  # two functions and a question
POINTS = 3  # for each star
MARKS = {name: POINTS * get_exercise(name).stars for name in NAMES}
FORGOT_T2 = """def my_kd_loss(z_s, z_t, T):
    return F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction="batchmean")
"""
KNOWS_THE_VISIBLE_INPUTS = """from kd_teach.course.exercises import get_exercise
def my_soften(z, T):
    known = any(torch.equal(z, case[0]) for case in get_exercise("kd.soften").cases())
    return get_exercise("kd.soften").reference(z, T) if known else z
"""


def course_of_one(folder):
    """A notebook of the course that holds nothing but three exercises."""
    cells = [new_markdown_cell("# 01 · Three exercises\n\n**Time:** 5 minutes.")]
    cells += [new_code_cell(get_exercise(name).stub(), metadata={"tags": [f"exercise:{name}"]}) for name in NAMES]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.mkdir()
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "01_kd.ipynb")
    return folder


def nbgrader(course, *arguments):
    """Run a command of nbgrader in a course's folder."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def hand_in(course, pupil, answers, *, without_tests=False):
    """Save the released notebook with `answers` (exercise -> code) in their cells; the rest stays as it was given."""
    notebook = nbformat.read(course / "release" / "kd" / "kd.ipynb", as_version=4)
    for cell in notebook.cells:
        for name, code in answers.items():
            if cell.metadata.get("nbgrader", {}).get("grade_id") == name.replace(".", "-").replace("_", "-"):
                cell.source = code
        if without_tests and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "assert True"
    path = course / "submitted" / pupil / "kd" / "kd.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def released(course):
    return "\n".join(cell.source for cell in nbformat.read(course / "release" / "kd" / "kd.ipynb", as_version=4).cells)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A folder for the class, in an environment that is activated and knows no user's kernels and settings."""
    folder = tmp_path_factory.mktemp("class")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # nbgrader calls alembic
        for variable in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):  # else a user's "python3" would come first
            patch.setenv(variable, str(folder / "jupyter"))
        yield folder


@pytest.fixture(scope="module")
def graded(out):
    """The course after grading four pupils, and their marks by exercise."""
    from nbgrader.api import Gradebook

    write_classroom(out / "room", points=POINTS, folder=course_of_one(out / "notebooks"))
    course = out / "room" / "nbgrader"
    nbgrader(course, "generate_assignment", "kd", "--create", "--force")
    right = {name: get_exercise(name).solution() for name in NAMES if name != "kd.uniform_teacher"}
    right["kd.uniform_teacher"] = f"my_uniform_teacher = {get_exercise('kd.uniform_teacher').answer()!r}"
    hand_in(course, "right", right)
    hand_in(course, "wrong", right | {"kd.loss": FORGOT_T2, "kd.soften": KNOWS_THE_VISIBLE_INPUTS})
    hand_in(course, "empty", {})
    hand_in(course, "without_tests", {}, without_tests=True)
    nbgrader(course, "autograde", "kd", "--create", "--force")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        marks = {
            submission.student.id: {grade.name: grade.score for grade in submission.notebooks[0].grades}
            for submission in book.assignment_submissions("kd")
        }
    return course, marks


def marks_of(**lost):
    """Marks by nbgrader's cell names, full but for the exercises named."""
    return {
        f"{name.replace('.', '-').replace('_', '-')}-test": lost.get(name.partition(".")[2], mark)
        for name, mark in MARKS.items()
    }


NOTHING = {"soften": 0, "loss": 0, "uniform_teacher": 0}


@pytest.mark.parametrize(
    ("pupil", "lost"),
    [
        ("right", {}),
        ("wrong", {"loss": 0, "soften": 0}),
        ("empty", NOTHING),
        ("without_tests", NOTHING),
    ],
)
def test_marks(graded, pupil, lost):
    _, marks = graded
    assert marks[pupil] == marks_of(**lost)


def test_pupils_see_neither_solutions_nor_hidden_tests(graded):
    text = released(graded[0])
    assert "SOLUTION" not in text and "HIDDEN" not in text and "seed=" not in text
    assert "kl_div(log_p_s" not in text and "my_uniform_teacher = 0.1" not in text
    assert text.count("assert verdict.passed") == len(NAMES)


def test_the_grader_says_which_mistake_it_was(graded):
    notebook = nbformat.read(graded[0] / "autograded" / "wrong" / "kd" / "kd.ipynb", as_version=4)
    shown = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    soften, loss = (out.evalue for out in shown if out.output_type == "error")
    assert "T² is missing" in loss and "kd.soften" in soften
