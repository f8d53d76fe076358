"""Tables that several studies write: rows are merged, what is lost is said, damage is named."""

from dataclasses import replace

import pytest

from kd_teach._support.errors import DamagedFileError
from kd_teach.study import Cell
from kd_teach.study.jobs import Outcome
from kd_teach.study.runner import failures_file, note_failures, replacement
from kd_teach.study.table import MEASUREMENTS, Table


def measured(method, block="study", accuracy=0.5):
    return dict.fromkeys(MEASUREMENTS.columns) | {"method": method, "block": block, "test_accuracy": accuracy}


def cells(*methods, block="study"):
    return [Cell(method, "t", "s", "d", 1, block=block) for method in methods]


def methods_in(path):
    return [row["method"] for row in Table(path, MEASUREMENTS).rows()]


def test_two_that_write_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "t.csv"
    one, other = Table(path, MEASUREMENTS), Table(path, MEASUREMENTS)
    one.put(measured("kd", "mine"))
    other.put(measured("sp", "mine"))
    one.put(measured("at", "mine"))
    assert not one.close(cells("kd", "at", block="mine")) and not other.close(cells("sp", block="mine"))
    assert sorted(methods_in(path)) == ["at", "kd", "sp"]


def test_studies_without_a_name_add_and_those_of_a_named_block_say_what_they_drop(tmp_path):
    path = tmp_path / "t.csv"
    for method in ("kd", "sp"):
        for block in ("study", "mine"):
            table = Table(path, MEASUREMENTS)
            table.put(measured(method, block))
            dropped = table.close(cells(method, block=block))
            assert [row["method"] for row in dropped] == (["kd"] if (method, block) == ("sp", "mine") else [])
    assert sorted(methods_in(path)) == ["kd", "sp", "sp"]


def test_what_is_replaced_is_told(tmp_path):
    table = Table(tmp_path / "t.csv", MEASUREMENTS)
    assert replacement(table.put(measured("kd")), measured("kd")) == ""
    row = measured("kd", accuracy=0.75) | {"seconds_per_epoch": 3.0}
    assert replacement(table.put(row), row) == "test_accuracy 0.5 -> 0.75"
    assert replacement(table.put(row), row) == ""


@pytest.mark.parametrize("content", [b"\xff\xfe", b",".join(c.encode() for c in MEASUREMENTS.columns) + b"\nkd,1\n"])
def test_a_damaged_table_is_named(content, tmp_path):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"t\.csv is damaged .*Delete it"):
        Table(tmp_path / "t.csv", MEASUREMENTS)


def test_lists_of_failures_are_merged_and_end_with_the_last(tmp_path):
    table = tmp_path / "t.csv"

    def failed(*seeds):
        names = [line.split(",")[11:13] for line in failures_file(table).read_text().splitlines()[1:]]
        return names == [[str(seed), "ValueError"] for seed in seeds]

    one, other, third = (replace(cells("kd")[0], seed=seed) for seed in range(3))
    for cell in (one, other):  # of two studies
        note_failures(table, [cell], [Outcome.failed(cell, ValueError("no"))])
    assert failed(0, 1)
    note_failures(table, [one, third], [Outcome.failed(third, ValueError("no"))])  # the first works now
    assert failed(1, 2)
    failures_file(table).write_text("damaged")
    note_failures(table, [other, third], [])
    assert not failures_file(table).exists()
