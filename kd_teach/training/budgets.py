"""How much a lesson trains, and with which weights: chosen on validation images by `kd-teach study tune`, and
`tune_shapes10` for the drawn pictures.

The published weights were made for 240 epochs of CIFAR-100. In a lesson of a few epochs some of them drown the labels
and some are not felt, so every method was tried at the same few multiples of its own. A weight holds for the variant it
was tuned with: what two variants of a method publish is up to 5,000 times apart (CC).
"""

import csv
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from kd_teach._support.shipped import shipped
from kd_teach.methods import get_recipe


@dataclass(frozen=True)
class Budget:
    """How much a lesson trains."""

    samples: int | None
    val: int
    epochs: int


BUDGETS = {
    "smoke": Budget(samples=320, val=100, epochs=2),
    "lesson": Budget(samples=10_000, val=2000, epochs=6),
    "full": Budget(samples=None, val=2000, epochs=240),
}


def lesson_weight(method: str, data: str, variant: str | None = None, path: Path | None = None) -> float | None:
    """The weight tuned for a variant of a method on a data set; None where that variant was tuned on none.

    Where it was not tuned on these data, such as a folder of photographs, CIFAR-10's weight stands in.

    Args:
        method: a name from `list_methods()`; ValueError for another.
        data: the data set's name, or the path of a folder.
        variant: a name from the recipe's variants; None takes the first.
        path: another table than the shipped ones, with columns method, variant, weight and chosen.
    """
    key = method, variant or first_variant(method)
    own, cifar = (shipped("results") / f"lesson_weights_{name}.csv" for name in (data, "cifar10"))
    tables = [path] if path else [own, cifar]
    return next((weights[key] for table in tables if key in (weights := chosen_weights(table))), None)


def tuned_variant(method: str) -> str:
    """The variant that `kd-teach study tune` tunes: the one that its grid names, else the method's first."""
    return tuned_variants().get(method) or first_variant(method)


def first_variant(method: str) -> str:
    return next(iter(get_recipe(method).variants))


@functools.cache
def chosen_weights(path: Path) -> dict[tuple[str, str], float]:
    """(method, variant) -> weight, of the rows that were chosen; empty when there is no table."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["chosen"] == "True"]
    return {(row["method"], row["variant"]): float(row["weight"]) for row in rows}


@functools.cache
def tuned_variants() -> dict[str, str]:
    """method -> variant, of the methods that are not tuned in their first."""
    return tomllib.loads((shipped("studies") / "tune.toml").read_text(encoding="utf-8")).get("variants", {})
