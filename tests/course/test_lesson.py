"""Budgets, the demo, the bench and the tools around them."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

import kd_teach
from kd_teach import bench as bench_module
from kd_teach import load_data, train_alone
from kd_teach.course import demo as demo_module
from tests.helpers import same_weights, tiny_data

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def smoke(monkeypatch, tmp_path):
    """A smoke lesson whose runs are kept in a folder of this test."""
    lesson = kd_teach.lesson("smoke")
    monkeypatch.setattr("kd_teach.course.lesson.cache_dir", lambda: tmp_path)
    return lesson


def test_smoke_is_small_and_embedded(smoke):
    assert smoke.data.name == "shapes10" and len(smoke.data.train) <= 500 and smoke.epochs <= 3
    assert smoke.teacher_name == "shapes10/resnet20" and "shapes10" in str(smoke)


def test_a_baseline_is_trained_once(smoke, tmp_path):
    first, second = smoke.train_alone(), smoke.train_alone()
    assert same_weights(first.student, second.student) and len(list((tmp_path / "runs").iterdir())) == 1
    kd = smoke.distill("kd", temperature=2.0)
    assert kd.card["options"]["temperature"] == 2.0 and len(list((tmp_path / "runs").iterdir())) == 2
    assert kd.card["initial_weights"] == first.card["initial_weights"]


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("KD_TEACH_BUDGET", "smoke")
    assert kd_teach.lesson().budget == "smoke"
    monkeypatch.setenv("KD_TEACH_BUDGET", "smok")
    with pytest.raises(ValueError, match="Unknown budget 'smok'. Did you mean 'smoke'"):
        kd_teach.lesson()


@pytest.fixture
def nothing_chosen(monkeypatch):
    for variable in ("KD_TEACH_BUDGET", "KD_TEACH_DATASET", "KD_TEACH_DATA"):
        monkeypatch.delenv(variable, raising=False)


def test_without_cifar_a_lesson_takes_shapes10(monkeypatch, tmp_path, nothing_chosen):
    monkeypatch.setattr("kd_teach.data.cifar.data_roots", lambda root: [tmp_path])
    lesson = kd_teach.lesson()
    assert lesson.data.name == "shapes10" and len(lesson.data.train) == 10_000


def test_a_folder_that_was_asked_for_is_not_replaced_by_shapes10(monkeypatch, tmp_path, nothing_chosen):
    monkeypatch.setenv("KD_TEACH_DATA", str(tmp_path / "wrong"))
    with pytest.raises(FileNotFoundError, match=r"wrong \(looked for"):
        kd_teach.lesson()
    monkeypatch.setenv("KD_TEACH_DATA", str(tmp_path))
    (tmp_path / "cifar10" / "train").mkdir(parents=True)  # there, but not whole
    with pytest.raises(FileNotFoundError, match="has no class folders"):
        kd_teach.lesson()
    assert kd_teach.lesson("smoke").data.name == "shapes10"


def test_the_demo_compares_pairs_with_the_teacher(tmp_path, monkeypatch):
    data = load_data("shapes10", samples=64, val=0)
    data = replace(data, test=data.test.select(range(100)))  # 2,000 would take seconds
    monkeypatch.setattr("kd_teach.study.run_cell.cell_data", lambda *images: data)
    monkeypatch.setattr(demo_module, "load_data", lambda *name, **size: data)
    drawn, draw = [], demo_module.draw
    monkeypatch.setattr(demo_module, "draw", lambda *what: drawn.append(draw(*what)) or drawn[0])
    table = demo_module.demo(tmp_path / "demo.png", samples=64, epochs=1, workers=1)
    assert (tmp_path / "demo.png").stat().st_size > 5000
    assert list(table["parameters"]) == [272_474, 78_042, 78_042, 78_042]
    assert table["accuracy %"].iloc[0] > 90 and table["accuracy %"].between(0, 100).all()

    grid, bars = drawn[0].axes
    names = [label.get_text().split("\n")[0] for label in bars.get_xticklabels()]
    seeds = {name: line.get_ydata() for name, line in zip(names[1:], bars.lines, strict=True)}
    assert names == list(table.index) and {len(dots) for dots in seeds.values()} == {2}
    for name in names[2:]:
        assert table.loc[name, "least gain"] == pytest.approx(min(seeds[name] - seeds["student alone"]))
    assert table["least gain"].isna().tolist() == [True, True, False, False]
    area = data.test.masks.float().mean().item()
    assert table["on the object %"].iloc[0] > 200 * area  # of the teacher: twice what even attention has
    assert len(grid.texts) == 3 * 5 and grid.collections  # a share over each picture, objects outlined


@pytest.mark.system
def test_the_bench_times_both_loops():
    result = bench_module.bench_epoch(samples=64, batch_size=32, rounds=1, precision="float32")
    assert result["ratio"] == pytest.approx(result["kd_teach"] / result["textbook"])
    assert result["precision"] == "float32" and result["textbook"] > 0


def test_shipping_a_run(tmp_path):
    ship = runpy.run_path(TOOLS / "ship_teacher.py")["ship"]
    run = tmp_path / "run"
    train_alone("resnet8", data=tiny_data(), epochs=1, batch_size=8, device="cpu", out=run)
    with pytest.raises(SystemExit, match="not made by the kd-teach command"):
        ship(run, "tiny/resnet8", teachers=tmp_path)
    card = json.loads((run / "card.json").read_text())
    card["command"] = "kd-teach train --model resnet8 --out /somewhere/private --resume --seed 0"
    (run / "card.json").write_text(json.dumps(card))
    with pytest.raises(SystemExit, match="cannot ship as tiny/resnet20"):
        ship(run, "tiny/resnet20", teachers=tmp_path)
    shipped = json.loads((ship(run, "tiny/resnet8", teachers=tmp_path) / "card.json").read_text())
    assert shipped["command"] == "kd-teach train --model resnet8 --out runs/tiny-resnet8 --seed 0"
    assert same_weights(kd_teach.load_teacher(tmp_path / "tiny/resnet8"), kd_teach.load_run(run).student)
