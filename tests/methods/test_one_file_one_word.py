"""A new method is one file and one word: everything that is not the course finds it from there."""

import json
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
KEPT = ("kd_teach", "tests", "tools", "data/teachers", "data/results", "data/studies", "docs", "notebooks")
COMMANDS = {  # what must work -> what its output must hold
    "methods": "echo",
    "describe echo": "(z_s - z_t).square().mean()",
    "legality resnet8 wrn_16_2": "echo     paper         yes",
    "distill --method echo --teacher shapes10/resnet20 --samples 100 --val 0 --epochs 1 --out runs/echo": "%",
    "study grid.toml --show": "echo",
}
# One process for all, for each would import PyTorch anew.
RUN_ALL = """
import json, runpy, sys
from typer.testing import CliRunner
from kd_teach.cli import app
for command in json.loads(sys.argv[1]):
    print(command, CliRunner().invoke(app, command.split(), catch_exceptions=False).output, sep="\\0", end="\\0")
runpy.run_module("tools.tables", run_name="__main__")
"""


@pytest.mark.system
def test_one_file_and_one_word(tmp_path):
    for part in KEPT:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "artefacts"))
    for file in ("pyproject.toml", "environment.yml", "README.md", "CONTRIBUTING.md", "Makefile"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "kd_teach/methods/echo.py").write_text(ECHO)
    word = tmp_path / "kd_teach/methods/__init__.py"
    text = word.read_text(encoding="utf-8")
    assert text.count('"ofd")\n') == 1
    word.write_text(text.replace('"ofd")\n', '"ofd", "echo")\n'), encoding="utf-8")
    (tmp_path / "grid.toml").write_text(GRID)
    ran = run(tmp_path, "-c", RUN_ALL, json.dumps(list(COMMANDS))).split("\0")
    said = dict(zip(ran[::2], ran[1::2], strict=False))
    for command, expected in COMMANDS.items():
        assert expected in said[command], f"{command}\n{said[command][-3000:]}"
    assert "| `echo` | Echo |" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| `echo` |" in (tmp_path / "docs/invariances.md").read_text(encoding="utf-8")
    tested = run(tmp_path, "-m", "pytest", "-v", "tests", "kd_teach", "-k", "echo")
    assert "test_declares_itself[echo] PASSED" in tested and "failed" not in tested


def run(folder, *command: str) -> str:
    """What Python prints for a command in the copy of the package that lies in `folder`."""
    own = {"PYTHONPATH": str(folder), "KD_TEACH_PROGRESS": "0"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout
