"""The notebooks of the course and what their heads say: number, title, minutes, what comes before.

The head is a notebook's first cell. It alone holds these facts: README, `00_start_here` and classroom pack read it.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from kd_teach._support.files import user_path
from kd_teach._support.shipped import notebooks_folder


@dataclass(frozen=True)
class Head:
    """What the first cell of a notebook says."""

    path: Path
    title: str  # without its number: "Attention Transfer: look where the teacher looks"
    minutes: int
    knowledge: str  # response, feature, relation, or "" for a notebook without a method
    before: str  # what to have done, in Markdown

    @property
    def number(self) -> str:
        """ "03" of 03_at.ipynb."""
        return self.path.stem.partition("_")[0]

    @property
    def topic(self) -> str:
        """ "at" of 03_at.ipynb."""
        return self.path.stem.partition("_")[2]


def read_head(path: str | Path) -> Head:
    """The head of one notebook.

    Raises:
        ValueError: the first cell lacks the title or the minutes.
    """
    path = user_path(path)
    text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])

    def field(pattern: str, default: str | None = None) -> str:
        if found := re.search(pattern, text, flags=re.MULTILINE):
            return found[1].strip()
        if default is None:
            raise ValueError(f"The first cell of {path.name} must hold a title and **Time:** N minutes; got {text!r}.")
        return default

    return Head(
        path=path,
        title=field(r"^# (?:\d\d · )?(.+)$"),
        minutes=int(field(r"\*\*Time:\*\* (\d+) minutes")),
        knowledge=field(r"\*\*Knowledge:\*\* (\w+)", ""),
        before=field(r"\*\*(?:Before this|Needs):\*\* (.+)", "").rstrip("."),
    )


def course(folder: str | Path | None = None) -> list[Head]:
    """The heads of all notebooks in a folder (default: the course's), in their order.

    Raises:
        FileNotFoundError: there are none.
    """
    folder = user_path(folder) if folder else notebooks_folder()
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise FileNotFoundError(
            f"{folder} holds no notebooks 00_*.ipynb. They come with the repository, not with the installed package: "
            "clone it, or pass the folder they are in."
        )
    return [read_head(path) for path in paths]
