"""Choosing the lesson weights: of each curve, the multiple with the best validation accuracy."""

import math
from collections.abc import Iterable

from kd_teach.study.table import Table


def choose(table: Table, methods: Iterable[str]) -> list[str]:
    """Mark the chosen row of each variant of the methods in a table of `CURVES`; one line of report per variant.

    The highest validation accuracy wins; of equals, the multiple nearest to the published weight. A choice at the
    end of its curve is said to be one: the best weight may lie beyond.
    """
    curves: dict[tuple[str, str], list[dict]] = {}
    for row in table.rows():
        curves.setdefault((row["method"], row["variant"]), []).append(row)
    lines, methods = [], set(methods)
    for (method, variant), curve in curves.items():
        if method not in methods:
            continue
        best = max(curve, key=lambda row: (float(row["val_accuracy"]), -abs(math.log(float(row["multiple"])))))
        for row in curve:
            table.put(row | {"chosen": row is best})
        edge = len(curve) > 1 and best in (curve[0], curve[-1])
        lines.append(
            f"{method} ({variant}): {best['multiple']} times the published weight, {best['weight']}, "
            f"{float(best['val_accuracy']):.2%} on the validation images" + (" (end of the curve)" if edge else "")
        )
    return lines
