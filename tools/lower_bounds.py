"""Print what pip installs for `make test-lower-bounds`: the oldest versions that pyproject.toml allows."""

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
AS_THEY_ARE = ("torch>=", "torchvision>=", "jupyterlab>=")  # gigabytes, and a server that no unit test starts


def pins() -> list[str]:
    """The package's dependencies at their lower bounds: ["numpy==1.26", ...]."""
    dependencies = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    return [line.replace(">=", "==") for line in dependencies if not line.startswith(AS_THEY_ARE)]


if __name__ == "__main__":
    print(*pins(), "pyparsing<3.3", sep="\n")  # a newer one warns at every line of the old Matplotlib's styles
