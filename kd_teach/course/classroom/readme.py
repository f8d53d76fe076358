"""The README that `kd-teach classroom` writes for the teacher, and nbgrader's configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kd_teach.course.heads import Head

CONFIG = '''"""Configuration of nbgrader: run its commands in this folder."""

import os
from pathlib import Path

from nbgrader.converters import Autograde
from nbgrader.preprocessors import DeduplicateIds


class OneOfEach(DeduplicateIds):
    """Of cells that were copied or split, the last one counts.

    nbgrader's own leaves empty metadata in the others, then takes them for those of an old version, and grades no more.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


os.environ["CUDA_VISIBLE_DEVICES"] = ""  # beside a GPU autograd works in no fork, and answers are run in one
c = get_config()
c.CourseDirectory.course_id = "kd_teach"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.ClearSolutions.code_stub = {"python": "...  # your code"}
c.ExecutePreprocessor.timeout = 120  # seconds for a cell
c.Autograde.sanitize_preprocessors = [
    OneOfEach if step is DeduplicateIds else step for step in Autograde.sanitize_preprocessors.default()
]
'''

TEXT = Path(__file__).with_name("teacher.md")


def readme(heads: Sequence[Head], counts: Mapping[str, tuple[int, int]], points: int) -> str:
    """The teacher's README.

    Args:
        heads: of the notebooks that were written.
        counts: topic -> (exercises, points).
        points: for each star of an exercise.
    """
    rows = [["notebook", "what it is about", "minutes", "exercises", "points", "before it"], ["---"] * 6]
    for head in heads:
        rows.append([head.path.stem, head.title, *map(str, (head.minutes, *counts[head.topic])), head.before or "–"])
    graded = [head.topic for head in heads if counts[head.topic][0]]
    example = "kd" if "kd" in graded else (graded or [heads[0].topic])[0]
    return TEXT.read_text(encoding="utf-8").format(
        table="\n".join(f"| {' | '.join(map(str, row))} |" for row in rows),
        first=heads[0].path.stem,
        weeks=len(heads),
        order=", ".join(head.topic for head in heads),
        example=example,
        points=points,
    )
