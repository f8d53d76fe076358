"""nbgrader itself, from the assignment to the marks: a missing package or a lost test would show as a wrong mark.

nbgrader gives 0 and no error to everybody when the kernel lacks a package, so known marks are the only proof.
"""

import copy
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kd_teach.course.classroom import write_classroom
from kd_teach.course.exercises import get_exercise

pytestmark = pytest.mark.slow

pytest.importorskip("nbgrader", reason='grading needs nbgrader: pip install "kd-teach[classroom]"')

NAMES = ("kd.soften", "kd.loss", "kd.uniform_teacher")  # two functions and a question
POINTS = 3  # for each star
SOFTEN, LOSS, TEACHER = (name.replace(".", "-").replace("_", "-") for name in NAMES)
RIGHT = {
    SOFTEN: get_exercise("kd.soften").solution(),
    LOSS: get_exercise("kd.loss").solution(),
    TEACHER: f"my_uniform_teacher = {get_exercise('kd.uniform_teacher').answer()!r}",
}
NOTHING = {SOFTEN: 0, LOSS: 0, TEACHER: 0}

CHEATS = {  # pupil: what stands in the cells
    "replaces_check": {
        SOFTEN: """import kd_teach.course.exercises as e
class Y: passed = True
check = e.check = e.checking.check_function = e.checking.check_value = e.grading.check = lambda *a, **k: Y()
grade_kd_soften = grade_kd_loss = grade_kd_uniform_teacher = lambda *a, **k: None
e.Verdict.passed = True
e.checking.same = e.checking.equal = lambda *a: True
def my_soften(z, T): return z""",
        LOSS: "e.grading.grade = lambda *a, **k: None",
        TEACHER: "my_uniform_teacher = 7",
    },
    "leaves": {
        SOFTEN: "import sys\ndef my_soften(z, T): sys.exit(0)",
        LOSS: "import os\ndef my_kd_loss(z_s, z_t, T): os._exit(0)",
        TEACHER: "class Y(float): __sub__ = __rsub__ = lambda *a: 0.0\nmy_uniform_teacher = Y(7)",
    },
    "replaces_functions": {
        SOFTEN: """F.softmax = F.log_softmax = torch.softmax = torch.Tensor.softmax = lambda z, *a, **k: z
F.kl_div = torch.Tensor.sum = torch.Tensor.mean = lambda z, *a, **k: 0 * z.flatten()[0]
torch.allclose = torch.equal = lambda *a, **k: True
def my_soften(z, T): return z""",
        LOSS: "def my_kd_loss(z_s, z_t, T): return 0 * z_s.flatten()[0]",
        TEACHER: "class Y:\n    __eq__ = lambda *a: True\nmy_uniform_teacher = Y()",
    },
    "knows_the_visible_inputs": {
        SOFTEN: """from kd_teach.course.exercises import get_exercise
def my_soften(z, T):
    known = any(torch.equal(z, case[0]) for case in get_exercise("kd.soften").cases())
    return get_exercise("kd.soften").reference(z, T) if known else z""",
        LOSS: """class Equal(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None):
        return True if f is torch.allclose else super().__torch_function__(f, types, args, kwargs or {})
def my_kd_loss(z_s, z_t, T): return z_s.sum().as_subclass(Equal)""",
    },
    "without_tests": {f"{key}-test": "assert True" for key in RIGHT} | {"imports": "pass", f"{LOSS}-test": None},
}
CLUMSY = {  # pupil: what stands in the cells where it is not right, and what that costs
    "empty": (dict.fromkeys(RIGHT, "pass"), NOTHING),
    "loops": (
        {
            SOFTEN: """def my_soften(z, T):
    while True:
        try:
            z = z / T
        except:
            pass""",
            LOSS: "def my_kd_loss(z_s, z_t, T):\n    while True: print(z_s)",
        },
        {SOFTEN: 0, LOSS: 0},
    ),
    "reuses_names": (  # and has copied a cell
        {
            SOFTEN: f"{RIGHT[SOFTEN]}\ncheck = grading = torch.tensor(1.0)\nF = 96485.0",
            LOSS: f"{RIGHT[LOSS]}\nmath = nn = torch = 3\nassert F == 96485.0",
        },
        {},
    ),
    "changes_settings": (
        {
            SOFTEN: f"""import os, random, numpy as np
torch.set_default_dtype(torch.float64), torch.set_default_device("meta"), torch.set_grad_enabled(False)
torch.manual_seed(0), os.chdir("/"), np.seterr(all="raise")
{RIGHT[SOFTEN]}"""
        },
        {},
    ),
    "forgets": (
        {
            SOFTEN: "import sys\nsys.exit()",
            LOSS: """def my_kd_loss(z_s, z_t, T):
    return F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t.detach() / T, 1), reduction="batchmean")""",
        },
        {SOFTEN: 0, LOSS: 0},
    ),
}


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


def hand_in(course, pupil, sources, copied=None):
    """Save the released notebook with other sources in cells (None: no cell), above one a copy of it as released."""
    notebook = nbformat.read(course / "release" / "kd" / "kd.ipynb", as_version=4)
    if copied:
        at = next(i for i, cell in enumerate(notebook.cells) if cell.id == copied)
        notebook.cells.insert(at, NotebookNode(copy.deepcopy(notebook.cells[at]), id="copy"))
    for cell in notebook.cells:
        cell.source = sources.get(cell.id, cell.source)
    notebook.cells = [cell for cell in notebook.cells if cell.source is not None]
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
    """The course after grading all pupils in one run, and their marks by exercise."""
    from nbgrader.api import Gradebook

    write_classroom(out / "room", points=POINTS, folder=course_of_one(out / "notebooks"))
    course = out / "room" / "nbgrader"
    nbgrader(course, "generate_assignment", "kd", "--create", "--force")
    for pupil, sources in CHEATS.items():
        hand_in(course, pupil, sources)
    for pupil, (sources, _) in CLUMSY.items():
        hand_in(course, pupil, RIGHT | sources, copied=SOFTEN if pupil == "reuses_names" else None)
    nbgrader(course, "autograde", "kd", "--create", "--force")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        marks = {
            submission.student.id: {grade.name: grade.score for grade in submission.notebooks[0].grades}
            for submission in book.assignment_submissions("kd")
        }
    return course, marks


MARKS = {key: POINTS * get_exercise(name).stars for name, key in zip(NAMES, RIGHT, strict=True)}


@pytest.mark.parametrize("pupil", CHEATS)
def test_cheating_earns_nothing(graded, pupil):
    assert graded[1][pupil] == {f"{key}-test": 0 for key in MARKS}


@pytest.mark.parametrize("pupil", CLUMSY)
def test_a_slip_costs_what_is_wrong_and_nothing_else(graded, pupil):
    assert graded[1][pupil] == {f"{key}-test": mark for key, mark in (MARKS | CLUMSY[pupil][1]).items()}


def test_pupils_see_neither_solutions_nor_hidden_tests(graded):
    text = released(graded[0])
    assert "SOLUTION" not in text and "HIDDEN" not in text and "seed=" not in text
    assert "kl_div(log_p_s" not in text and "my_uniform_teacher = 0.1" not in text
    assert text.count("import grade as grade_kd_") == len(NAMES)


def test_the_grader_says_what_is_wrong(graded):
    def said(pupil):
        notebook = nbformat.read(graded[0] / "autograded" / pupil / "kd" / "kd.ipynb", as_version=4)
        return {c.id: " ".join(o.get("evalue", "") for o in c.outputs) for c in notebook.cells if c.cell_type == "code"}

    assert "T² is missing" in said("forgets")[f"{LOSS}-test"]
    assert "never ends" in said("loops")[f"{SOFTEN}-test"] and "prints without end" in said("loops")[f"{LOSS}-test"]
    assert "ended Python" in said("leaves")[f"{LOSS}-test"]
