"""What docs/classroom.md promises about an exercise of one's own, on the lines that stand there."""

import re
import runpy
from pathlib import Path

import pytest

from kd_teach.course.exercises import check, hint, solution
from kd_teach.course.exercises.grading import NotPassed, grade

PAGE = Path(__file__).parents[3] / "docs" / "classroom.md"


def test_ten_lines_make_an_exercise(tmp_path):
    lines = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[1]
    assert len([line for line in lines.splitlines() if line]) <= 10
    (tmp_path / "mine.py").write_text(lines, encoding="utf-8")
    exercise = runpy.run_path(str(tmp_path / "mine.py"))["GAP"]

    def answer(source):
        space = {}
        exec(source, space)
        return space[exercise.variable]

    right = answer(exercise.solution())
    assert check(exercise, right).passed and exercise.variable == "my_agreement_loss"
    assert check(exercise, answer(exercise.stub())).kind == "not attempted"
    grade(exercise, right), grade(exercise, right, seed=1)

    wrong = answer(exercise.solution().replace("z_s / T", "z_s"))
    verdict = check(exercise, wrong)
    assert verdict.kind == "mutation" and "T" in verdict.message, verdict
    with pytest.raises(NotPassed, match="looks like"):
        grade(exercise, wrong, seed=1)
    assert "Step 1" in hint("mine.gap") and "gap.pow(2)" in solution("mine.gap")
