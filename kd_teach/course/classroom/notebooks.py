"""Notebooks of the course made into those of a class: pupils', instructors', and assignments for nbgrader.

Nothing is written twice: the stubs and solutions are the exercises' own (`kd_teach.course.exercises`), everything else
is the course's notebook.
"""

import copy
import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kd_teach.course.exercises import Exercise, Question, get_exercise
from kd_teach.course.heads import Head

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
IMPORTS = """import math

import torch
import torch.nn.functional as F
from torch import nn

from kd_teach.course.exercises import check, grading, hint"""  # as solutions use them; `grading` before all answers
SEEDS = (1, 2)  # of the hidden tests' inputs
FOLDED_SOLUTION = re.compile(r"<details>\s*<summary>\s*Solution.*?</details>\s*", flags=re.DOTALL)


def exercise_of(cell: NotebookNode) -> Exercise | Question | None:
    """The exercise whose stub this cell holds; None for every other cell."""
    for tag in cell.metadata.get("tags", []):
        if tag.startswith("exercise:"):
            return get_exercise(tag.partition(":")[2])
    return None


def for_students(notebook: NotebookNode) -> NotebookNode:
    """A copy without outputs and without folded solutions; the stubs stay, and run."""
    notebook = without_outputs(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FOLDED_SOLUTION.sub("", cell.source).rstrip()
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    return notebook


def for_instructors(notebook: NotebookNode) -> NotebookNode:
    """A copy without outputs in which every stub is the solution, between nbgrader's marks."""
    notebook = without_outputs(notebook)
    for cell in notebook.cells:
        if exercise := exercise_of(cell):
            cell.source = marked_solution(exercise)
    return notebook


def assignment(head: Head, notebook: NotebookNode, *, points: int) -> NotebookNode:
    """The exercises of a notebook as nbgrader's source: what is graded, and nothing that must be trained or downloaded.

    Args:
        head: of the notebook, for title and link.
        notebook: as it stands in the course.
        points: for each star of an exercise.

    Raises:
        ValueError: the notebook has no exercises that a program can grade.
    """
    exercises = [exercise for cell in notebook.cells if (exercise := exercise_of(cell))]
    if not exercises:
        raise ValueError(f"{head.path.name} has no exercises to grade; leave it out of the assignments.")
    cells = [
        new_markdown_cell(
            f"# {head.title}\n\nExercises of `{head.path.name}`: work through that notebook first. Run the check below "
            "each answer as often as you like; your teacher's computer runs it again, on other numbers.",
            id="title",
        ),
        graded(new_code_cell(IMPORTS, id="imports"), "imports"),
    ]
    for exercise in exercises:
        key = exercise.name.replace(".", "-").replace("_", "-")
        stars = "★" * exercise.stars
        cells.append(new_markdown_cell(f"## {exercise.name} {stars}\n\n{exercise.prompt}", id=f"{key}-text"))
        cells.append(graded(new_code_cell(marked_solution(exercise), id=key), key, solution=True))
        test = graded(
            new_code_cell(test_cell(exercise), id=f"{key}-test"), f"{key}-test", points=points * exercise.stars
        )
        cells.append(test)
    return new_notebook(cells=cells, metadata=copy.deepcopy(notebook.metadata))


def marked_solution(exercise: Exercise | Question) -> str:
    """The stub's cell with the solution between the marks, which nbgrader cuts out for the pupils."""
    if isinstance(exercise, Question):
        return f"{exercise.stub()}\n{BEGIN}\n{exercise.variable} = {exercise.answer()!r}\n{END}"
    head = exercise.stub().rpartition("\n")[0]  # all but "return None"
    return "\n".join([head, *(f"    {line}".rstrip() for line in (BEGIN, *exercise.body(), END))])


def test_cell(exercise: Exercise | Question) -> str:
    """An autograder's cell: the check that pupils see, and the same on inputs that they have not seen.

    It imports under a name of its own, for `check` may be anything by then.
    """
    own = f"grade_{exercise.name.replace('.', '_')}"
    call = f'{own}("{exercise.name}", {exercise.variable}'
    lines = [f"from kd_teach.course.exercises.grading import grade as {own}", "", f"{call})"]
    if isinstance(exercise, Exercise):
        lines += ["### BEGIN HIDDEN TESTS", *(f"{call}, seed={seed})" for seed in SEEDS), "### END HIDDEN TESTS"]
    return "\n".join(lines)


def graded(cell: NotebookNode, key: str, *, solution: bool = False, points: int | None = None) -> NotebookNode:
    """Mark a cell for nbgrader: one that pupils fill in, or a locked one, which may give points."""
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "cell_type": "code",
        "grade_id": key,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
    } | ({} if points is None else {"points": points})
    return cell


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """A copy that was never run."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook
