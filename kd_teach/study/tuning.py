"""Choosing the lesson weights: a coarse curve that is wide enough, then a closer look at its best points.

The coarse curve (one seed, few epochs) grows until its best multiple has a worse one on both sides: a choice at the end
of a curve says where somebody stopped looking. Its three best points are then trained twice as long, with three seeds,
and the best mean of these is chosen. The test images are not looked at.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import TypeVar

from kd_teach.study.cells import Cell
from kd_teach.study.grid import Study
from kd_teach.study.table import CURVES, Table

CLOSER = 3  # points that get a closer look
SEEDS = range(3)
LONGER = 2  # times the epochs of the coarse curve
WIDEST = 1e4  # no further from the published weight than this, up or down
SERIES = [float(f"{digit}e{power}") for power in range(-4, 5) for digit in (1, 3)]

Report = TypeVar("Report")  # the runner's, which chooses by this module
Curve = Mapping[float, float]  # multiple of the published weight -> validation accuracy, the mean over seeds


def best_of(curve: Curve) -> float:
    """The multiple with the highest accuracy; of equals, the one nearest to the published weight."""
    return max(curve, key=lambda multiple: (curve[multiple], -abs(math.log(multiple))))


def at_an_end(curve: Curve, best: float) -> bool:
    """Whether the best multiple has none on one of its sides: a better one may lie beyond."""
    return best in (min(curve), max(curve))


def beyond(curve: Curve, best: float) -> float | None:
    """The next of 1, 3, 10, 30, ... (or 0.3, 0.1, ...) beyond the end that is best; None: not an end, or no further."""
    if best == max(curve) and best < WIDEST:
        return next((multiple for multiple in SERIES if multiple > best), None)
    if best == min(curve) and best > 1 / WIDEST:
        return next((multiple for multiple in reversed(SERIES) if multiple < best), None)
    return None


def next_points(coarse: Curve, close: Curve) -> tuple[list[float], list[float]]:
    """What is to be measured next: multiples for the coarse curve, and for the closer look; both empty at the end."""
    if (new := beyond(coarse, best_of(coarse))) is not None:
        return [new], []
    wanted = sorted(coarse, key=coarse.__getitem__, reverse=True)[:CLOSER]
    if missing := [multiple for multiple in wanted if multiple not in close]:
        return [], missing
    if (new := beyond(coarse, best_of(close))) is not None:  # the closer look moved the best point to an end
        return [new], [new]
    return [], []


def tune(study: Study, run: Callable[[Study], Report], out: Path) -> Report:
    """Carry out a study of `select = "validation"` until every curve is done (`next_points`).

    Args:
        study: its cells are the coarse curves' first points.
        run: carries out a study and chooses, as `run_study` does; each time it gets all cells of before and more.
        out: its table. What stands there of these curves, from an earlier call, is kept.

    Returns:
        What the last `run` gave.
    """
    firsts = {(cell.method, cell.filled().variant): cell for cell in reversed(study.cells)}.values()
    more = [cell for first in firsts for cell in standing_cells(first, rows_of(out))]
    while True:
        study = replace(study, cells=[*study.cells, *fresh(more, study)])
        report = run(study)
        more = [cell for first in firsts for cell in more_cells(first, rows_of(out))]
        if not fresh(more, study):  # a point that failed is not asked for again
            return report


def rows_of(out: Path) -> list[dict]:
    return Table(out, CURVES).rows() if out.is_file() else []


def fresh(cells: Iterable[Cell], study: Study) -> list[Cell]:
    """Those that the study does not have."""
    there = {cell.hash() for cell in study.cells}
    return [cell for cell in cells if cell.hash() not in there]


def weighed(first: Cell, multiple: float, **changes) -> Cell:
    """The cell of another point of the curve that `first` is on."""
    assert first.weight is not None and first.multiple is not None  # as every cell of a curve has
    weight = float(f"{first.weight / first.multiple * multiple:.6g}")
    return replace(first, multiple=multiple, weight=weight, **changes)


def standing_cells(first: Cell, rows: Iterable[Mapping]) -> Iterator[Cell]:
    """The cells of the rows that stand of the curve, asked for as `first` is."""
    for row in rows:
        cell = weighed(first, float(row["multiple"]), epochs=int(row["epochs"]), seed=int(row["seed"]))
        if (row["method"], row["variant"], row["asked"]) == (cell.method, cell.filled().variant, CURVES.asked(cell)):
            yield cell


def more_cells(first: Cell, rows: Iterable[Mapping]) -> Iterator[Cell]:
    """The cells that come next of one variant of a method: `first` is one of its coarse curve's."""
    own = [row for row in rows if (row["method"], row["variant"]) == (first.method, first.filled().variant)]
    coarse, close = (curve_of(own, epochs) for epochs in (first.epochs, LONGER * first.epochs))
    if not coarse:  # all of its cells failed
        return
    wider, closer = next_points(coarse, close)
    yield from (weighed(first, multiple) for multiple in wider)
    longer = {"epochs": LONGER * first.epochs}
    yield from (weighed(first, multiple, **longer, seed=seed) for multiple in closer for seed in SEEDS)


def curve_of(rows: Iterable[Mapping], epochs: int) -> dict[float, float]:
    """multiple -> mean validation accuracy over the seeds, of the rows (texts) with so many epochs."""
    points: dict[float, list[float]] = {}
    for row in rows:
        if int(row["epochs"]) == epochs:
            points.setdefault(float(row["multiple"]), []).append(float(row["val_accuracy"]))
    return {multiple: mean(accuracies) for multiple, accuracies in points.items()}


def choose(table: Table, methods: Iterable[str]) -> list[str]:
    """Mark the chosen row of each variant of the methods in a table of `CURVES`; one line of report per variant.

    The highest validation accuracy wins, of the longest runs if some are longer than others, their mean over the seeds;
    of equals, the multiple nearest to the published weight. Of its rows the one with the first seed is marked. A choice
    at an end of all that was tried is said to be one.
    """
    curves: dict[tuple[str, str], list[dict]] = {}
    for row in table.rows():
        curves.setdefault((row["method"], row["variant"]), []).append(row)
    lines, methods = [], set(methods)
    for (method, variant), rows in curves.items():
        if method not in methods:
            continue
        longest = max(int(row["epochs"]) for row in rows)
        curve = curve_of(rows, longest)
        best = best_of(curve)
        marked = next(row for row in rows if (int(row["epochs"]), float(row["multiple"])) == (longest, best))
        for row in rows:
            table.put(row | {"chosen": row is marked})
        tried = {float(row["multiple"]): 0.0 for row in rows}
        edge = len(tried) > 1 and at_an_end(tried, best)
        lines.append(
            f"{method} ({variant}): {marked['multiple']} times the published weight, {marked['weight']}, "
            f"{curve[best]:.2%} on the validation images" + (" (end of the curve)" if edge else "")
        )
    return lines
