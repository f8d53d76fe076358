"""The same cells on a Dask cluster of this machine."""

import os
import signal
import threading
import time

import pytest

from kd_teach.study import Cell, make_study, run_study
from kd_teach.study.cluster import on_cluster, read_resources
from kd_teach.study.jobs import Outcome, jobs_of
from tests.study.tiny import comparable, grid

distributed = pytest.importorskip("distributed", reason='dask.distributed is missing: pip install "kd-teach[cluster]"')


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, resources={"GPU": 0.5}, memory_limit=0
    ) as cluster:
        yield cluster


@pytest.mark.system
def test_four_cells_give_the_serial_table(world, cluster, tmp_path):
    study = make_study(grid(world))
    run_study(study, out=tmp_path / "serial.csv", runs=tmp_path / "a", threads=1, say=str)
    address, resources = cluster.scheduler_address, {"GPU": 0.25}
    report = run_study(
        study, out=tmp_path / "c.csv", runs=tmp_path / "b", address=address, resources=resources, say=str
    )
    assert not report.failures and comparable(tmp_path / "c.csv") == comparable(tmp_path / "serial.csv")
    assert "tcp://127" not in (tmp_path / "c.json").read_text()


@pytest.mark.system
def test_a_dead_worker_costs_a_retry_and_not_the_study(world, cluster, tmp_path):
    study = make_study(grid(world, methods=["alone", "kd"], seeds=2, budgets=[{"val": 6, "epochs": 15}]))
    killed = []

    def kill_one_at_work():
        while not list((tmp_path / "runs").glob("*/checkpoint.pt")):  # mid-cell
            time.sleep(0.01)
        busy = [w for w in cluster.scheduler.workers.values() if w.processing]
        pid = cluster.workers[busy[0].name].pid
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    killer = threading.Thread(target=kill_one_at_work)
    killer.start()
    out, runs = tmp_path / "t.csv", tmp_path / "runs"
    report = run_study(study, out=out, runs=runs, address=cluster.scheduler_address, say=str)
    killer.join()
    assert len(killed) == 1 and report.rows == 4 and not report.failures
    with pytest.raises(OSError):
        os.kill(killed[0], 0)
    run_study(study, out=tmp_path / "serial.csv", runs=tmp_path / "others", threads=1, say=str)
    assert comparable(out) == comparable(tmp_path / "serial.csv")


def die(job):
    """A worker that is killed at seed 1."""
    [cell] = job
    if cell.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return [Outcome(cell, {})]


@pytest.mark.system
def test_a_cell_that_kills_its_workers_fails_alone(cluster, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)  # one death is enough
    jobs = jobs_of(Cell("kd", "t", "resnet8", "shapes10", 1, seed=seed) for seed in (0, 1))
    good, bad = sorted(on_cluster(jobs, die, cluster.scheduler_address), key=lambda outcome: outcome.cell.seed)
    assert good.columns == {} and bad.columns is None and bad.error == "KilledWorker"


@pytest.mark.system
def test_a_failing_cell_stops_no_other(world, cluster, tmp_path):
    wrong = {"block": [{"methods": ["alone"]}, {"methods": ["kd"], "settings": {"batch_size": 100}}]}
    study = make_study(grid(world) | wrong)
    report = run_study(study, out=tmp_path / "t.csv", runs=tmp_path / "r", address=cluster.scheduler_address, say=str)
    assert report.rows == 1 and [outcome.error for outcome in report.failures] == ["ValueError"]


@pytest.mark.system
def test_resources_that_nobody_has_are_refused(world, cluster, tmp_path):
    where = {"out": tmp_path / "t.csv", "runs": tmp_path, "address": cluster.scheduler_address}
    with pytest.raises(ValueError, match="No worker of the cluster has {'GPU': 1.0}; they declare"):
        run_study(make_study(grid(world)), resources={"GPU": 1.0}, **where)


def test_a_scheduler_that_is_not_there():
    with pytest.raises(ValueError, match="No Dask scheduler answers at tcp://127.0.0.1:9"):
        list(on_cluster([], die, "tcp://127.0.0.1:9", timeout="0.5s"))


def test_resources_are_read():
    assert read_resources(["GPU=0.25", "MEMORY=2"]) == {"GPU": 0.25, "MEMORY": 2.0}
    with pytest.raises(ValueError, match="expected NAME=AMOUNT"):
        read_resources(["GPU"])
    with pytest.raises(ValueError, match="NAME=AMOUNT"):
        read_resources(["=1"])
