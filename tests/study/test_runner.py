"""The runner: one table, whatever is killed, fails or overtakes."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from PIL import Image

from kd_teach._support.shipped import shipped
from kd_teach.methods import KDLoss
from kd_teach.study import Cell, load_study, make_study, run_study
from kd_teach.study.jobs import Outcome, in_processes, jobs_of
from kd_teach.study.runner import duration, timed
from kd_teach.study.table import CURVES, MEASUREMENTS, Table
from kd_teach.training.budgets import lesson_weight
from tests.study.tiny import comparable, grid


@pytest.fixture(scope="module")
def serial(world, tmp_path_factory):
    """The table of the tiny grid, made in this process by one thread."""
    folder = tmp_path_factory.mktemp("serial")
    report = run_study(make_study(grid(world)), out=folder / "t.csv", runs=folder / "runs", threads=1, say=str)
    assert report.rows == 4 and not report.failures
    return folder / "t.csv"


def test_the_time_left_is_that_of_the_runs_that_trained(monkeypatch):
    said, clock = [], iter([0.0, 60.0, 60.0, 120.0])
    monkeypatch.setattr("kd_teach.study.runner.time.perf_counter", lambda: next(clock))
    columns = {"test_accuracy": 0.5, "seconds_per_epoch": 1.0}
    outcomes = [Outcome(Cell.__new__(Cell), columns, trained) for trained in (True, False, True, True)]
    monkeypatch.setattr(Outcome, "__str__", lambda self: "a run")
    assert len(list(timed(outcomes, 4, said.append))) == 4
    # One trained in 60 s, three left: 3 min. The next one was there: still 60 s per trained run, two left.
    left = [line.partition("; about ")[2] for line in said]
    assert left == ["3 min left", "2 min left", "1 min left", ""]


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_per_cell_and_what_made_them_beside(serial):
    assert [row["method"] for row in rows_of(serial)] == ["alone", "label_smoothing", "kd", "at"]
    assert {row["weight"] for row in rows_of(serial)} == {"", "0.9", "10.0"}
    made_by = json.loads(serial.with_suffix(".json").read_text())["tiny"]
    assert made_by.keys() == {"versions", "command", "date", "hardware", "threads", "workers"}
    assert made_by["threads"] == 1 and made_by["workers"] == 1 and made_by["hardware"]["cores"] >= 1
    left = {path.name for path in serial.parent.iterdir() if path.suffix != ".lock"}  # old filelocks delete it
    assert left == {"t.csv", "t.json", "runs"}


def test_what_is_there_is_not_run_again(world, serial, monkeypatch):
    before, said = serial.read_text(), []
    where = {"out": serial, "runs": serial.parent / "runs", "threads": 1, "say": said.append}
    with monkeypatch.context() as patch:
        patch.setattr("kd_teach.study.jobs.carry_out", None)  # nothing can be carried out
        report = run_study(make_study(grid(world)), **where)
    assert report.rows == 4 and serial.read_text() == before
    assert said == [f"4 of 4 cells stand in {serial}; --renew carries them out again."]
    del said[:]
    run_study(make_study(grid(world)), **where, renew=True)
    assert serial.read_text() == before
    assert all("was there" in line for line in said) and said[0].startswith("[1/4] tiny: alone, ")


def test_a_row_stands_whatever_code_made_it_until_it_is_renewed(world, tmp_path, monkeypatch):
    where = {"out": tmp_path / "t.csv", "runs": tmp_path / "runs", "threads": 1, "say": str}
    study = make_study(grid(world, methods=["kd"]))
    run_study(study, **where)
    [first] = rows_of(where["out"])
    assert len(first["code"]) == 8
    monkeypatch.setattr(KDLoss, "forward", lambda self, z_s, z_t: (z_s - z_t).pow(2).mean())
    run_study(study, **where)
    assert rows_of(where["out"]) == [first]
    run_study(study, **where, renew=True)
    [second] = rows_of(where["out"])
    assert second["code"] != first["code"] and second["config_hash"] != first["config_hash"]


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"batch_size": 9, "device": "cpu"}},
        {"options": {"kd": {"temperature": 2.0}}},
        {"budgets": [{"val": 6, "epochs": 2, "samples": 18}]},
    ],
)
def test_a_row_of_another_run_does_not_stand(world, tmp_path, changes):
    """Settings, options and the size of the validation split have no columns of their own."""
    where = {"out": tmp_path / "t.csv", "runs": tmp_path / "runs", "threads": 1, "say": str}
    run_study(make_study(grid(world, methods=["kd"])), **where)
    [first] = rows_of(where["out"])
    run_study(make_study(grid(world, methods=["kd"], **changes)), **where)
    [second] = rows_of(where["out"])
    assert first["asked"] == "batch_size=6; device=cpu; samples=all; val=6" != second["asked"]


def test_images_that_changed_between_two_studies_are_read_again(world, tmp_path):
    images = tmp_path / "stripes"
    shutil.copytree(world["data"], images)
    study = make_study(grid(world | {"data": str(images)}, methods=["alone"]))
    hashes = set()
    for name in ("a.csv", "b.csv"):
        run_study(study, out=tmp_path / name, runs=tmp_path / "runs", threads=1, say=str)
        hashes |= {row["config_hash"] for row in rows_of(tmp_path / name)}
        Image.new("RGB", (16, 16)).save(images / "train" / "class0" / "00.png")
    assert len(hashes) == 2


def test_the_rows_that_ship_are_those_of_the_studies_that_ship():
    for name, layout in (("lesson", MEASUREMENTS), ("lesson_wrn", MEASUREMENTS), ("tune", CURVES)):
        study = load_study(name)
        table = Table(shipped("results") / study.out.name, layout)
        assert all(table.keep(cell) for cell in study.cells)


@pytest.mark.system
def test_a_study_killed_mid_grid_ends_with_the_same_table(world, tmp_path):
    pairs = "[[{}]]".format(", ".join(map(json.dumps, world["pairs"][0])))
    path, out, runs = tmp_path / "grid.toml", tmp_path / "t.csv", tmp_path / "runs"
    path.write_text(
        f'name = "tiny"\ndata = {json.dumps(world["data"])}\npairs = {pairs}\nmethods = ["alone", "kd", "at"]\n'
        'budgets = [{ val = 6, epochs = 15 }]\nsettings = { batch_size = 6, device = "cpu" }\n'
    )
    command = [sys.executable, "-m", "kd_teach.cli", "study", path, "--out", out, "--runs", runs, "--threads", 1]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def mid_cell():  # the first is in the table, the second has trained some epochs
        return out.exists() and any(folder.joinpath("checkpoint.pt").exists() for folder in runs.iterdir())

    while not mid_cell():
        assert process.poll() is None, process.stdout.read().decode()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= len(rows_of(out)) < 3 and len(list(runs.glob("*/checkpoint.pt"))) == 1
    study = load_study(path)
    run_study(study, out=out, runs=runs, threads=1, say=str)
    run_study(study, out=tmp_path / "whole.csv", runs=tmp_path / "others", threads=1, say=str)
    assert comparable(out) == comparable(tmp_path / "whole.csv") and len(rows_of(out)) == 3


@pytest.mark.system
def test_processes_give_the_same_table(world, serial, tmp_path):
    report = run_study(make_study(grid(world)), out=tmp_path / "t.csv", runs=tmp_path / "runs", workers=2, say=str)
    assert not report.failures and comparable(tmp_path / "t.csv") == comparable(serial)
    assert json.loads((tmp_path / "t.json").read_text())["tiny"]["workers"] == 2


def test_a_failure_stops_no_other_and_is_forgotten_when_mended(world, tmp_path):
    others = {"methods": ["alone", "label_smoothing", "at"]}
    wrong = {"block": [others, {"methods": ["kd"], "settings": {"batch_size": 100}}]}
    where = {"out": tmp_path / "t.csv", "runs": tmp_path / "runs", "threads": 1, "say": str}
    report = run_study(make_study(grid(world) | wrong), **where)
    assert [row["method"] for row in rows_of(where["out"])] == ["alone", "label_smoothing", "at"]
    [failed] = rows_of(tmp_path / "t_failures.csv")
    assert failed["method"] == "kd" and failed["error"] == "ValueError" and "batch_size 100" in failed["message"]
    assert "Failed: tiny: kd" in str(report) and "3 of 4 cells" in str(report)
    assert not run_study(make_study(grid(world)), **where).failures
    assert len(rows_of(where["out"])) == 4 and not (tmp_path / "t_failures.csv").exists()


def test_a_study_may_choose_weights(world, tmp_path):
    where = {"out": tmp_path / "w.csv", "runs": tmp_path / "runs", "say": str}
    how = {"multiples": [0.1, 3], "select": "validation"}
    theirs = {"methods": ["at"], "variants": {"at": "repdistiller"}}
    report = run_study(make_study(grid(world, **how, block=[{"methods": ["kd", "at"]}, theirs])), **where)
    rows = rows_of(where["out"])
    columns = ["method", "variant", "multiple", "weight", "val_accuracy", "epochs", "seed", "chosen", "asked", "code"]
    assert list(rows[0]) == columns
    tuned = [("kd", "paper"), ("at", "paper"), ("at", "repdistiller")]
    names = [(row["method"], row["variant"], row["multiple"]) for row in rows]
    assert names == [(*pair, multiple) for pair in tuned for multiple in ("0.1", "3.0")]
    for method, variant in tuned:
        curve = [row for row in rows if (row["method"], row["variant"]) == (method, variant)]
        [chosen] = [row for row in curve if row["chosen"] == "True"]
        assert chosen["val_accuracy"] == max(row["val_accuracy"] for row in curve)
        assert lesson_weight(method, "shapes10", variant, where["out"]) == float(chosen["weight"])
    assert len(report.chosen) == 3 and "at (repdistiller): " in str(report)

    run_study(make_study(grid(world, **how | theirs)), **where)  # a variant no longer tuned leaves no weight behind
    assert {(row["method"], row["variant"]) for row in rows_of(where["out"])} == {tuned[0], tuned[2]}


def test_ctrl_c_ends_the_study(world, tmp_path, monkeypatch):
    def press(cell, runs):
        raise KeyboardInterrupt

    monkeypatch.setattr("kd_teach.study.jobs.carry_out", press)
    with pytest.raises(KeyboardInterrupt):
        run_study(make_study(grid(world)), out=tmp_path / "t.csv", runs=tmp_path / "runs")


def test_bad_calls(world):
    study = make_study(grid(world))
    with pytest.raises(ValueError, match=r"ending in \.csv"):
        run_study(study)
    with pytest.raises(ValueError, match="workers is 0"):
        run_study(study, out="t.csv", workers=0)


def die(job):
    """A worker that is killed at seed 2."""
    [cell] = job
    if cell.seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return [Outcome(cell, {"seed": cell.seed})]


@pytest.mark.system
def test_a_process_that_dies_takes_only_its_own_cell_with_it():
    jobs = jobs_of(Cell("kd", "t", "resnet8", "shapes10", 1, seed=seed) for seed in (2, 1))
    good, bad = sorted(in_processes(jobs, die, workers=2, retries=1), key=lambda outcome: outcome.cell.seed)
    assert good.columns == {"seed": 1}
    assert bad.cell.seed == 2 and bad.columns is None and bad.error == "TerminatedWorkerError"


def test_who_was_in_flight_at_a_death_is_tried_again(monkeypatch):
    """As above with a pool that only acts as if: seed 1 kills once, seed 2 always; the dispatches are counted."""
    tried, pools = [], []

    def pool(workers, *, pre_dispatch, **options):
        pools.append((workers, pre_dispatch))
        return lambda tasks: (function(*arguments) for function, arguments, _ in tasks)

    def work(job):
        [cell] = job
        tried.append(cell.seed)
        if cell.seed == 2 or (cell.seed == 1 and tried.count(1) == 1):
            raise TerminatedWorkerError("killed")
        return [Outcome(cell, {})]

    monkeypatch.setattr("kd_teach.study.jobs.Parallel", pool)
    jobs = jobs_of(Cell("kd", "t", "resnet8", "shapes10", 1, seed=seed) for seed in range(5))
    outcomes = list(in_processes(jobs, work, workers=2, retries=2))
    assert sorted(outcome.cell.seed for outcome in outcomes) == [0, 1, 2, 3, 4]
    assert [outcome.cell.seed for outcome in outcomes if outcome.columns is None] == [2]
    assert tried == [0, 1, 3, 4, 1, 2, 2] and pools == [(2, "2*n_jobs"), (2, "2*n_jobs"), (2, 1)]


def test_cells_of_one_run_are_one_job():
    cell = {"student": "resnet8", "data": "shapes10", "epochs": 1}
    cells = [Cell(method, teacher, **cell) for teacher in ("a", "b") for method in ("alone", "kd")]
    assert [len(job) for job in jobs_of(cells)] == [2, 1, 1]


def measured(method, seed=0, block="b", accuracy=0.5):
    return dict.fromkeys(MEASUREMENTS.columns) | {
        "method": method,
        "seed": seed,
        "block": block,
        "test_accuracy": accuracy,
    }


def test_a_table_is_sorted_keeps_other_blocks_and_drops_what_left_its_own(tmp_path):
    path = tmp_path / "t.csv"
    table = Table(path, MEASUREMENTS)
    for row in (measured("at"), measured("kd", 10), measured("kd", 9), measured("alone"), measured("kd", block="a")):
        table.put(row)
    order = [("a", "kd", "0"), ("b", "alone", "0"), ("b", "kd", "9"), ("b", "kd", "10"), ("b", "at", "0")]
    assert [(row["block"], row["method"], row["seed"]) for row in rows_of(path)] == order
    table = Table(path, MEASUREMENTS)
    table.put(measured("alone", accuracy=0.25))
    assert len(rows_of(path)) == 5  # until the end nothing is lost
    table.close([Cell("alone", "t", "s", "d", 1, block="b")])
    assert [(row["block"], row["test_accuracy"]) for row in rows_of(path)] == [("a", "0.5"), ("b", "0.25")]
    with pytest.raises(ValueError, match="other columns"):
        Table(path, CURVES)


def test_durations():
    assert [duration(s) for s in (20, 300, 3900)] == ["20 s", "5 min", "1 h 05 min"]
