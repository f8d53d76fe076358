"""The table of a study on disk: whole after every cell, and the same whatever the order in which cells end."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kd_teach._support.files import write_whole
from kd_teach.methods import list_methods
from kd_teach.study.cells import CONFIGURATION, CONTROLS, Cell
from kd_teach.study.run_cell import COLUMNS

ORDER = {method: place for place, method in enumerate((*CONTROLS, *list_methods()))}


@dataclass(frozen=True)
class Layout:
    """Which columns a table has, which of them name a row, and by which it is sorted."""

    columns: tuple[str, ...]
    identity: tuple[str, ...]
    sort_by: tuple[str, ...]
    part: str  # the column that says to which part of a table a row belongs

    def row(self, cell: Cell, measured: dict) -> dict:
        """What the table keeps of a cell's row."""
        return {name: (measured | {"multiple": cell.multiple, "chosen": False})[name] for name in self.columns}


MEASUREMENTS = Layout(
    columns=COLUMNS,
    identity=CONFIGURATION,
    sort_by=("block", "data", "samples", "epochs", "teacher", "student", *CONFIGURATION),
    part="block",
)
CURVES = Layout(
    columns=("method", "variant", "multiple", "weight", "val_accuracy", "epochs", "seed", "chosen"),
    identity=("method", "variant", "multiple", "epochs", "seed"),
    sort_by=("method", "variant", "multiple", "epochs", "seed"),
    part="method",  # and not its variant: one that is no longer tuned must not leave a chosen weight behind
)


class Table:
    """A CSV of one row per cell.

    It opens with the rows that the file holds. `put` replaces or adds one and writes the file at once. `close` drops
    the rows of the study's own parts that were not put: cells that were taken out of the grid, or failed this time.
    Rows of other parts stay, so that several grids may share a table.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        self._rows: dict[tuple, dict] = {}
        self._put: set[tuple] = set()
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                if tuple(reader.fieldnames or ()) != layout.columns:
                    raise ValueError(f"{path} has other columns than a study's; choose another file by --out.")
                self._rows = {self._name(row): row for row in reader}

    def put(self, row: Mapping) -> None:
        """Keep a row and write the file."""
        texts = {name: text_of(row[name]) for name in self.layout.columns}
        self._put.add(self._name(texts))
        self._rows[self._name(texts)] = texts
        self._write()

    def close(self, cells: Iterable[Cell]) -> None:
        """Drop rows of the parts that `cells` belong to and that were not put."""
        part = self.layout.part
        parts = {getattr(cell, part) for cell in cells}
        self._rows = {name: row for name, row in self._rows.items() if name in self._put or row[part] not in parts}
        if self._rows or self.path.exists():
            self._write()

    def rows(self) -> list[dict]:
        """All rows as text, sorted."""
        return sorted(self._rows.values(), key=lambda row: [rank(name, row[name]) for name in self.layout.sort_by])

    def _name(self, row: Mapping) -> tuple:
        return tuple(row[name] for name in self.layout.identity)

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.layout.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, text.getvalue())


def text_of(value) -> str:
    """A value as the CSV holds it: floats to the last digit, nothing for None and NaN."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)


def rank(column: str, text: str) -> tuple:
    """Where a value sorts: methods in reading order with the controls first, numbers by size, nothing before all."""
    if column == "method":
        return (0, ORDER.get(text, len(ORDER)), text)
    try:
        return (0, float(text or "-inf"), "")
    except ValueError:
        return (1, 0.0, text)
