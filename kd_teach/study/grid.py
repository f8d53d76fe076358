"""Grids: a TOML file, or the same as a dict, becomes a list of cells in an order that stays the same.

    out = "runs/my_study.csv"           # the table; --out comes first
    data = "cifar10"                    # at the top: what all blocks share
    pairs = [["cifar10/resnet20", "resnet8"]]   # teacher, student
    budgets = ["lesson"]                # a word of `BUDGETS`, or {samples = 500, val = 100, epochs = 3},
                                        # or a word changed: {like = "lesson", share = 0.5} for half its epochs
    seeds = 5                           # 0 to 4; or a list

    [[block]]                           # may be repeated; what stands here goes before what stands at the top
    name = "lesson"                     # noted in the table's column `block`
    methods = ["alone", "label_smoothing", "all"]    # "all": every word of `kd-teach methods`
    weight = "lesson"                   # those tuned for the variants; "published", the default, takes the recipes'

Also in a block or at the top: `multiples` of the weight, `weights` (a table: method = number), `task_weight`,
`with_kd`, `variant` (for the methods that have it), `variants` (method = word), `options` (method = table),
`label_smoothing` (of the control, 0.1 if left out) and `settings` (fields of `Settings`). At the top only:
`select = "validation"`, which makes the study choose weights on the validation images instead of measuring on the test
images.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kd_teach._support.errors import unknown
from kd_teach._support.files import user_path
from kd_teach._support.numbers import shown
from kd_teach._support.shipped import shipped
from kd_teach.study.blocks import BLOCK, DEFAULTS, TABLES, cells_of, check_names, filled_list
from kd_teach.study.cells import Cell

TOP = ("out", "select", "block")


@dataclass(frozen=True)
class Study:
    """What is to be run."""

    cells: list[Cell]
    out: Path | None  # the table, if the grid names one
    select: bool  # cells choose weights on validation images


def list_studies() -> list[str]:
    """Names of the shipped grids."""
    return sorted(path.stem for path in shipped("studies").glob("*.toml"))


def load_study(name: str | Path, flags: Mapping | None = None) -> Study:
    """The study of a TOML file, or of a shipped grid by its name.

    Args:
        flags: of the command line; a grid says all itself, so none of them may be set.

    Raises:
        ValueError: no such file, no TOML, anything in it that is not known, or a flag beside it.
    """
    if asked := [f"--{key.replace('_', '-')}" for key, value in (flags or {}).items() if value not in (None, [])]:
        raise ValueError(
            f"{', '.join(asked)} beside the grid {str(name)!r} would be ignored: a grid file says itself what is run. "
            f"Copy it from {shipped('studies')}, change it, and give its path; or leave the grid out."
        )
    ours = shipped("studies") / f"{name}.toml"
    path = ours if ours.is_file() else user_path(name)
    if not path.is_file():
        raise ValueError(f"{unknown('study', str(name), list_studies())} Or give the path of a TOML file.")
    try:
        return make_study(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValueError, TypeError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def flag_study(flags: Mapping) -> Study:
    """The study of the command line's flags: one block.

    Args:
        flags: method and budget (words), pair (TEACHER:STUDENT), samples, val and epochs (of every budget), and other
            keys of a block; None or empty where a flag was left out.
    """
    given = {"data": "shapes10", "budget": ["lesson"]}
    given |= {key: value for key, value in flags.items() if value not in (None, [])}
    if missing := [f"--{key}" for key in ("method", "pair") if key not in given]:
        raise ValueError(f"{' and '.join(missing)} missing: name a study ({', '.join(list_studies())}), or give them.")
    asked = given.pop("pair")
    pairs = [pair.rpartition(":")[::2] for pair in asked]
    if odd := [pair for pair, (teacher, _) in zip(asked, pairs, strict=True) if not teacher]:
        raise ValueError(
            f"Pair {odd[0]!r} is not understood; expected TEACHER:STUDENT, as in cifar10/resnet20:resnet8."
        )
    size = {key: given.pop(key) for key in ("samples", "val", "epochs") if key in given}
    budgets = [{"like": word, **size} for word in given.pop("budget")]
    return make_study(given | {"methods": given.pop("method"), "pairs": pairs, "budgets": budgets})


def make_study(grid: Mapping) -> Study:
    """The study of a grid: the dict that a TOML file holds. Errors as for `load_study`."""
    check_names("key", grid, BLOCK + TOP)
    select = grid.get("select", "test")
    if select not in ("test", "validation"):
        raise unknown("value of select", select, ("test", "validation"))
    shared = {key: value for key, value in grid.items() if key not in TOP}
    blocks = grid.get("block", [{}])
    if not isinstance(grid.get("out", ""), str | Path):
        raise ValueError(f"out is {shown(grid['out'])}; expected the name of a CSV.")
    cells: dict[tuple, Cell] = {}
    for block in filled_list("block", blocks):
        if not isinstance(block, Mapping):
            raise ValueError(f"block is {shown(block)}; expected tables, each under [[block]].")
        check_names("key of a block", block, BLOCK)
        merged = {**DEFAULTS, **shared, **block}
        for table in TABLES:
            tables = [shared.get(table, {}), block.get(table, {})]
            if odd := [entry for entry in tables if not isinstance(entry, Mapping)]:
                raise ValueError(f"{table} is {shown(odd[0])}; expected a table of names with values.")
            merged[table] = {**tables[0], **tables[1]}
        for cell in cells_of(merged, select == "validation"):
            row = tuple(cell.columns().values())
            if cells.setdefault(row, cell).hash() != cell.hash():
                raise ValueError(
                    f"Two different cells of {cell.method} in block {cell.block!r} would share a row of the table "
                    "(options, settings, val and label_smoothing have no columns); give one block another name."
                )
    return Study(list(cells.values()), Path(grid["out"]) if "out" in grid else None, select == "validation")
