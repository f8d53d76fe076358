"""environment.yml, pyproject.toml, the Makefile and what the documents say of them stay in step."""

import copy
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def pip_floors(project: dict) -> dict[str, SpecifierSet]:
    """Version bounds of the package and its tools, under conda-forge's names."""
    lines = project["dependencies"] + project["optional-dependencies"]["dev"]
    return {CONDA_NAMES.get(r.name, r.name): r.specifier for r in map(Requirement, lines)}


def conda_floors(environment: dict) -> dict[str, SpecifierSet]:
    """Version bounds of the environment, without Python and pip themselves."""
    names = [line for line in environment["dependencies"] if isinstance(line, str)]
    wanted = [line for line in names if not re.match(r"python=|pip$", line)]
    return {r.name: r.specifier for r in map(Requirement, wanted)}


def drift(project: dict, environment: dict) -> dict[str, tuple]:
    """Packages whose bounds differ: {name: (pyproject's, environment's)}; None where one does not list it."""
    pip, conda = pip_floors(project), conda_floors(environment)
    return {n: (pip.get(n), conda.get(n)) for n in pip | conda if pip.get(n) != conda.get(n)}


def test_import_leaves_out_what_takes_seconds_to_load_and_few_need():
    """torchvision brings torch.compile along: a third of the time until a learner sees anything."""
    code = (
        "import sys, kd_teach; print(sorted({'torchvision', 'torch._dynamo', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_environment_has_the_bounds_of_pyproject():
    assert drift(PROJECT, ENVIRONMENT) == {}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pytorch", lambda lines: lines.__setitem__(lines.index("pytorch>=2.6"), "pytorch>=2.5")),
        ("nbval", lambda lines: lines.remove("nbval>=0.11")),
        ("scipy", lambda lines: lines.append("scipy>=1.11")),
    ],
)
def test_drift_is_noticed(name, change):
    environment = copy.deepcopy(ENVIRONMENT)
    change(environment["dependencies"])
    assert list(drift(PROJECT, environment)) == [name]


def test_environment_installs_this_package_into_a_python_it_allows():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert ENVIRONMENT["dependencies"][-1] == {"pip": ["-e ."]}
    [python] = [line for line in ENVIRONMENT["dependencies"] if str(line).startswith("python=")]
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])


DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_only_targets_and_files_that_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)[`\n ]*(?:#|`|$)", text, re.MULTILINE)) <= set(targets)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not ((ROOT / document).parent / link).exists()] == []
