"""Where the things lie that travel with the package: inside an installed one, or in `data/` of a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent


def shipped(kind: str) -> Path:
    """The folder of the shipped "teachers", "results" or "studies"."""
    installed = PACKAGE / f"_{kind}"
    return installed if installed.is_dir() else CHECKOUT / "data" / kind


def notebooks_folder() -> Path:
    """Where the notebooks are: in a checkout beside the package."""
    return CHECKOUT / "notebooks"
