"""The cache of runs: what is kept there, how large it is, and how to clear it."""

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from filelock import FileLock, Timeout


@dataclass(frozen=True)
class Kept:
    """A run folder in the cache."""

    folder: Path
    bytes: int
    what: str  # method, networks, data, and what came out

    def __str__(self) -> str:
        return f"{self.folder.name}  {self.bytes / 1e6:7.1f} MB  {self.what}"


def kept_runs(folder: Path) -> list[Kept]:
    """The runs in a folder of run folders, the oldest first; none if there is no such folder."""
    found = []
    for card in folder.glob("*/card.json"):
        with suppress(FileNotFoundError):  # deleted in the meantime
            found.append((card.stat().st_mtime, Kept(card.parent, size_of(card.parent), what_of(card))))
    return [kept for _, kept in sorted(found, key=itemgetter(0))]


def clear_runs(kept: list[Kept]) -> int:
    """Delete these run folders and nothing else, but for those that a process is training; how many are gone."""
    for run in kept:
        with suppress(Timeout, OSError), FileLock(run.folder / ".lock", timeout=0):
            shutil.rmtree(run.folder, ignore_errors=True)
    return sum(not run.folder.exists() for run in kept)


def size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a file that a training has replaced
            total += path.stat().st_size if path.is_file() else 0
    return total


def what_of(path: Path) -> str:
    """One line on a run, from its card."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        how = f"{card['method'] or 'alone'}, {card['model']} on {card['data']}"
        how += f", {card['settings']['epochs']} epochs, seed {card['settings']['seed']}, code {card['code'][:8]}: "
        if "test_accuracy" in card:
            return how + f"{card['test_accuracy']:.2%}, trained on {card['trained_on']}"
        return how + "unfinished"
    except (ValueError, KeyError, TypeError, OSError):
        return "its card cannot be read"
