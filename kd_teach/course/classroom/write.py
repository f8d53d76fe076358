"""`kd-teach classroom OUT/`: the notebooks of a class in one folder, with a README for its teacher."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from kd_teach._support.errors import unknown
from kd_teach._support.files import user_path
from kd_teach._support.numbers import whole
from kd_teach.course.classroom.notebooks import assignment, exercise_of, for_instructors, for_students
from kd_teach.course.classroom.readme import CONFIG, readme
from kd_teach.course.heads import Head, course


def write_classroom(
    out: str | Path, *, topics: Sequence[str] | None = None, points: int = 2, folder: str | Path | None = None
) -> list[Path]:
    """Write student/, instructor/, nbgrader/ and README.md.

    Args:
        out: a folder that is not there yet, or is empty.
        topics: which notebooks, by what follows their number ("kd", "at", "start_here"); None takes all.
        points: for each star of an exercise.
        folder: where the course's notebooks are; None finds them in the checkout.

    Returns:
        The files written.

    Raises:
        FileExistsError: `out` holds something: nothing is overwritten, for it may be a class's work.
        FileNotFoundError: no notebooks.
        ValueError: an unknown topic, or points below 1.
    """
    out = user_path(out)
    whole("points", points, 1, 1000)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} is not empty; choose another folder, for it may hold a class's work.")
    heads = choose(course(folder), topics)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as beside:  # a kill leaves no half a classroom
        whole_room = Path(beside) / out.name
        written = fill(whole_room, heads, points)
        if out.exists():
            out.rmdir()  # empty; Windows replaces no folder
        whole_room.replace(out)
    return [out / path for path in written]


def fill(out: Path, heads: list[Head], points: int) -> list[Path]:
    """Write the files into a new folder; their paths in it."""
    written = []

    def save(notebook, *parts: str) -> None:
        path = out.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        written.append(path.relative_to(out))

    counts = {}
    for head in heads:
        notebook = nbformat.read(head.path, as_version=4)
        save(for_students(notebook), "student", head.path.name)
        save(for_instructors(notebook), "instructor", head.path.name)
        exercises = [exercise for cell in notebook.cells if (exercise := exercise_of(cell))]
        if exercises:
            save(assignment(head, notebook, points=points), "nbgrader", "source", head.topic, f"{head.topic}.ipynb")
        counts[head.topic] = (len(exercises), points * sum(exercise.stars for exercise in exercises))
    for path, text in {
        out / "README.md": readme(heads, counts, points),
        out / "nbgrader" / "nbgrader_config.py": CONFIG,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path.relative_to(out))
    return written


def choose(heads: list[Head], topics: Sequence[str] | None) -> list[Head]:
    """The heads of the topics asked for, in the course's order."""
    known = {head.topic: head for head in heads}
    for topic in topics or ():
        if topic not in known:
            raise unknown("notebook", topic, known)
    return [head for head in heads if not topics or head.topic in topics]
