"""The table of a study on disk: whole after every cell, and the same whatever the order in which cells end."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path

from kd_teach._support.files import damaged, locked, sweep, write_whole
from kd_teach.methods import list_methods
from kd_teach.study.blocks import DEFAULTS
from kd_teach.study.cells import CONFIGURATION, CONTROLS, Cell
from kd_teach.study.run_cell import COLUMNS

MEND = "Delete it, and the same command writes it again from the runs that are there."
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
        all_of_it = dict(measured) | {"multiple": cell.multiple, "chosen": False, "asked": self.asked(cell)}
        return {name: all_of_it[name] for name in self.columns}

    def asked(self, cell: Cell) -> str:
        """What was asked for and has no column of its own, and how many images: a row's stay is decided by this too."""
        values = {field.name: getattr(cell.filled(), field.name) for field in fields(Cell)}
        asked = {
            name: value for name, value in values.items() if name not in (*self.columns, "block", "multiple") and value
        }
        asked |= {"samples": cell.samples or "all"} | asked.pop("options", {}) | asked.pop("settings", {})
        return "; ".join(f"{name}={asked[name]}" for name in sorted(asked))

    def request(self, row: Mapping) -> tuple[str, ...]:
        """Of a row: all that says which run it is of, whatever code made it."""
        names = [name for name in self.columns if name in {*CONFIGURATION, "multiple"} - {"samples"}]
        return tuple(text_of(row[name]) for name in (*names, "asked"))


MEASUREMENTS = Layout(
    columns=(*COLUMNS, "asked", "code"),
    identity=CONFIGURATION,
    sort_by=("block", "data", "samples", "epochs", "teacher", "student", *CONFIGURATION),
    part="block",
)
CURVES = Layout(
    columns=("method", "variant", "multiple", "weight", "val_accuracy", "epochs", "seed", "chosen", "asked", "code"),
    identity=("method", "variant", "multiple", "epochs", "seed"),
    sort_by=("method", "variant", "multiple", "epochs", "seed"),
    part="method",  # and not its variant: one that is no longer tuned must not leave a chosen weight behind
)


class Table:
    """A CSV of one row per cell.

    It opens with the rows that the file holds. `put` replaces or adds one and writes the file at once. `close` drops
    the rows of the study's own parts that it found and that were not put: cells that were taken out of the grid, or
    failed this time. Rows of other parts stay, and those of a block without a name, so that several studies may share a
    table, one after the other or at the same time: the file is locked and read again before it is written.

    Raises:
        DamagedFileError: the file is no table.
        ValueError: it is another table.
        NotWrittenError: its folder cannot be written.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        self._put: set[tuple] = set()
        with table_lock(path):
            self._rows = self._read()
        self._found = {*self._rows}

    def keep(self, cell: Cell) -> bool:
        """Whether the cell's row stands here; then it stays, whatever code made it."""
        columns = cell.columns() | {"multiple": cell.multiple, "asked": self.layout.asked(cell)}
        wanted = self.layout.request(columns)
        for name, row in self._rows.items():
            if self.layout.request(row) == wanted:
                self._put.add(name)
                return True
        return False

    def put(self, row: Mapping) -> dict | None:
        """Keep a row and write the file; the row that it replaces, if there was one."""
        texts = {name: text_of(row[name]) for name in self.layout.columns}
        self._put.add(self._name(texts))
        with table_lock(self.path):
            self._rows = self._read()
            before = self._rows.get(self._name(texts))
            self._rows[self._name(texts)] = texts
            self._write()
        return before

    def close(self, cells: Iterable[Cell]) -> list[dict]:
        """Drop the rows of the parts that `cells` belong to that were found but not put; these rows."""
        part = self.layout.part
        parts = {getattr(cell, part) for cell in cells} - {DEFAULTS["name"]}
        with table_lock(self.path):
            self._rows = self._read()
            gone = [name for name in self._found - self._put if name in self._rows and self._rows[name][part] in parts]
            dropped = [self._rows.pop(name) for name in gone]
            if dropped:
                self._write()
        return dropped

    def rows(self) -> list[dict]:
        """All rows as text, sorted."""
        return sorted(self._rows.values(), key=lambda row: [rank(name, row[name]) for name in self.layout.sort_by])

    def _read(self) -> dict[tuple, dict]:
        if not self.path.exists():
            return {}
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                columns, rows = tuple(reader.fieldnames or ()), list(reader)
        except (csv.Error, UnicodeDecodeError) as problem:
            raise damaged(self.path, problem, MEND) from None
        if columns != self.layout.columns:
            raise ValueError(f"{self.path} has other columns than a study's; choose another file by --out.")
        if cut := [row for row in rows if None in row or None in row.values()]:
            raise damaged(self.path, f"a row has other columns: {list(cut[0].values())}", MEND)
        return {self._name(row): row for row in rows}

    def _name(self, row: Mapping) -> tuple:
        return tuple(row[name] for name in self.layout.identity)

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.layout.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        sweep(self.path)
        write_whole(self.path, text.getvalue())


def table_lock(table: Path) -> AbstractContextManager[bool]:
    """The lock of a table and of what lies beside it, held while they are read and written."""
    return locked(table.with_name(f".{table.name}.lock"), lambda: f"another study, which writes {table}")


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
