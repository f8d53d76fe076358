"""A new method is one file and one word: everything that is not the course finds it from there."""

import os
import shutil
import subprocess
import sys

import pytest

from tools.tables import ROOT

ECHO = '''"""Echo: say what the teacher says, logit by logit.

Paper     nobody's; a test writes this file.
"""

import torch
from torch import Tensor, nn

from kd_teach.methods._tensors import check_pair, in_full_precision
from kd_teach.methods.changes import POOLED
from kd_teach.methods.recipe import Recipe, Variant


def echo(z_s: Tensor, z_t: Tensor) -> Tensor:
    """Mean squared difference of the logits (N, K) -> scalar."""
    return (z_s - z_t).square().mean()


class EchoLoss(nn.Module):
    equation = staticmethod(echo)

    @in_full_precision
    def forward(self, z_s: Tensor, z_t: Tensor) -> Tensor:
        check_pair(z_s, z_t, what="logits", ndim=2)
        return self.equation(z_s, z_t.detach())


RECIPE = Recipe(
    name="echo",
    title="Echo",
    paper="Nobody, never",
    knowledge="response",
    tap=lambda f: f.logits,
    build=lambda z_s, z_t, context, *, variant: EchoLoss(),
    equation=echo,
    variants={"paper": Variant(weight=1.0, source="this test", blind_to=POOLED)},
)
'''
GRID = """
data = "shapes10"
pairs = [["shapes10/resnet20", "resnet8"]]
methods = ["all"]
budgets = ["smoke"]
"""
KEPT = ("kd_teach", "tests", "tools", "data/teachers", "data/results", "data/studies", "docs/thumbnails", "notebooks")
CHECKS = {  # what must work -> what its output must hold
    "kd-teach methods": "echo",
    "kd-teach describe echo": "(z_s - z_t).square().mean()",
    "kd-teach legality resnet8 wrn_16_2": "echo     paper         yes",
    "kd-teach distill --method echo --teacher shapes10/resnet20 --samples 100 --val 0 --epochs 1 --out runs/echo": "%",
    "kd-teach study grid.toml --show": "echo",
    "python -m tools.tables": "",
    "pytest -q tests/methods/test_contract.py tests/methods/test_every_loss.py "
    "tests/methods/test_equations.py tests/methods/test_invariances.py -k echo": "passed",
    "pytest -q --collect-only tests kd_teach": "test_declares_itself[echo]",
}


@pytest.mark.system
def test_one_file_and_one_word(tmp_path):
    for part in KEPT:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "artefacts"))
    (tmp_path / "docs").mkdir(exist_ok=True)
    for file in ("pyproject.toml", "environment.yml", "README.md", "CONTRIBUTING.md", "Makefile", *DOCUMENTS):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "kd_teach/methods/echo.py").write_text(ECHO)
    word = tmp_path / "kd_teach/methods/__init__.py"
    text = word.read_text(encoding="utf-8")
    assert text.count('"ofd")\n') == 1
    word.write_text(text.replace('"ofd")\n', '"ofd", "echo")\n'), encoding="utf-8")
    (tmp_path / "grid.toml").write_text(GRID)
    for command, expected in CHECKS.items():
        done = run(command, tmp_path)
        assert done.returncode == 0 and expected in done.stdout, (
            f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    assert "| `echo` | Echo |" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| `echo` |" in (tmp_path / "docs/invariances.md").read_text(encoding="utf-8")


DOCUMENTS = ("docs/invariances.md", "docs/results.md")


def run(command: str, folder) -> subprocess.CompletedProcess:
    """The command as the copy in `folder` runs it."""
    program, *arguments = command.split()
    start = {"python": [], "pytest": ["-m", "pytest"], "kd-teach": ["-m", "kd_teach.cli"]}[program]
    own = {"PYTHONPATH": str(folder), "KD_TEACH_PROGRESS": "0"}
    return subprocess.run(
        [sys.executable, *start, *arguments], cwd=folder, env=os.environ | own, capture_output=True, text=True
    )
