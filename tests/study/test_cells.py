"""One cell: its hash, its run, its row, and that notebooks and studies share runs."""

import json
import math
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch

import kd_teach
from kd_teach import Alone, get_recipe, load_data, load_run, load_teacher, predict, train_alone
from kd_teach.data import Split, noise
from kd_teach.measures.logits import agreement, expected_calibration_error
from kd_teach.study import COLUMNS, Cell, carry_out, make_study
from kd_teach.study.peak_memory import PeakMemory
from kd_teach.study.run_cell import calibration, cell_data
from kd_teach.training import budgets
from kd_teach.training.budgets import chosen_weights
from kd_teach.training.records import Record
from kd_teach.training.settings import Settings
from tests.helpers import tiny_data
from tests.study.tiny import grid


def cell_of(world, **changes):
    [[teacher, student]] = world["pairs"]
    shared = {"method": "kd", "teacher": teacher, "student": student, "data": world["data"], "val": 6, "epochs": 2}
    return Cell(**shared | {"settings": grid(world)["settings"]} | changes)


def test_cells_that_share_a_run_have_one_hash(world):
    kd = cell_of(world)
    published = get_recipe("kd").variants["paper"]
    spelt_out = replace(kd, variant="paper", weight=published.weight, task_weight=published.task_weight)
    assert kd.hash() == spelt_out.hash() == replace(kd, block="other", multiple=1.0).hash()
    changes = {"weight": 3, "task_weight": 3, "with_kd": 1, "seed": 1, "epochs": 3, "samples": 9, "val": 3}
    changes |= {"student": "resnet14", "teacher": "x", "options": {"temperature": 2.0}, "select": True}
    hashes = {replace(kd, **{key: value}).hash() for key, value in changes.items()} | {kd.hash()}
    assert len(hashes) == len(changes) + 1
    alone = cell_of(world, method="alone")
    assert alone.hash() == replace(alone, teacher="x").hash() != replace(alone, seed=1).hash()


def test_the_row_is_what_can_be_computed_from_the_run(world, tmp_path):
    cell = cell_of(world, method="at", variant="repdistiller", block="b", seed=3)
    row, trained = carry_out(cell, tmp_path)
    assert trained and tuple(row) == (*COLUMNS, "code")
    run = load_run(tmp_path / row["config_hash"])
    data = load_data(world["data"], val=6)
    logits, z_t = (predict(net, data.test, data) for net in (run.student, load_teacher(cell.teacher)))
    assert row["test_accuracy"] == run.test_accuracy and row["val_accuracy"] == run.card["val_accuracy"]
    assert row["agreement"] == agreement(logits, z_t)
    assert row["ece"] == pytest.approx(expected_calibration_error(logits, data.test.labels), abs=1e-6)
    assert row["seconds_per_epoch"] == pytest.approx(run.history["seconds"].mean(), abs=1e-3)
    assert (row["variant"], row["weight"], row["task_weight"], row["with_kd"]) == ("repdistiller", 1000.0, 1.0, None)
    assert (row["block"], row["samples"], row["seed"], run.card["settings"]["seed"]) == ("b", 18, 3, 3)


def test_the_temperature_is_fitted_on_validation_images(monkeypatch):
    """90 % sure everywhere; right in 3 of 4 validation images (T = 2: 75 % sure), and in all test images."""
    images = noise(4, 2).train.images
    val, test = Split(images, torch.tensor([0, 0, 0, 1])), Split(images, torch.zeros(4, dtype=torch.long))
    data = replace(noise(4, 2), val=val, test=test)
    says = lambda student, split, *_: torch.tensor([[math.log(9), 0.0]]).expand(len(split), 2)
    monkeypatch.setattr("kd_teach.study.run_cell.predict", says)
    found = calibration(SimpleNamespace(student=None), says(None, test), data, Settings())
    assert found == pytest.approx({"ece": 0.1, "temperature": 2, "ece_scaled": 0.25}, abs=1e-4)


def test_without_validation_images_nothing_is_scaled(world, tmp_path):
    row = carry_out(cell_of(world, val=0), tmp_path).columns
    assert row["ece"] is not None and row["temperature"] is row["ece_scaled"] is None


def test_a_finished_cell_is_found_with_its_measurements(world, tmp_path):
    cell = cell_of(world)
    first, second = carry_out(cell, tmp_path), carry_out(cell, tmp_path)
    assert first.trained and not second.trained and first.columns == second.columns
    file = tmp_path / first.columns["config_hash"] / "cell.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps(kept | {"code": "other", "ece": 9.0}))  # measured by other code
    assert carry_out(cell, tmp_path).columns == first.columns
    file.unlink()  # killed before it was written
    third = carry_out(cell, tmp_path).columns
    assert third["peak_mb"] is None and third | {"peak_mb": first.columns["peak_mb"]} == first.columns


def test_a_control_is_compared_with_each_teacher(world, tmp_path):
    cell = cell_of(world, method="alone")
    itself = carry_out(cell, tmp_path).columns["config_hash"]
    other = carry_out(replace(cell, teacher=str(tmp_path / itself)), tmp_path)
    assert not other.trained and other.columns["agreement"] == 1
    kept = json.loads((tmp_path / itself / "cell.json").read_text())
    assert len(kept["agreement"]) == 2


def test_choosing_never_looks_at_the_test_images(world, tmp_path):
    data = cell_data(world["data"], None, 6, True)
    assert data.test is data.val and len(data.val) == 6
    row = carry_out(cell_of(world, select=True), tmp_path).columns
    assert row["test_accuracy"] == row["val_accuracy"]


def test_a_notebook_finds_the_runs_of_a_study(tmp_path, monkeypatch, capsys):
    data = load_data("shapes10", samples=64, val=10)
    data = replace(data, test=data.test.select(range(50)))  # 2,000 would take seconds
    monkeypatch.setattr("kd_teach.study.run_cell.cell_data", lambda *images: data)
    monkeypatch.setattr("kd_teach.course.lesson.cache_dir", lambda: tmp_path)
    tuned = {("at", "repdistiller"): 300.0}
    monkeypatch.setattr(
        "kd_teach.course.lesson.lesson_weight", lambda method, data, variant: tuned.get((method, variant))
    )
    teacher = "shapes10/resnet20"
    lesson = kd_teach.Lesson("smoke", data, load_teacher(teacher), teacher, "resnet8", 1)
    how = {"teacher": teacher, "student": "resnet8", "data": "shapes10", "epochs": 1}
    cells = Cell("alone", **how), Cell("kd", **how, seed=1), Cell("at", **how, variant="repdistiller", weight=300.0)
    rows = [carry_out(cell, tmp_path / "runs").columns for cell in cells]
    found = lesson.train_alone(), lesson.distill("kd", seed=1), lesson.distill("at", variant="repdistiller")
    assert [run.card["config_hash"] for run in found] == [row["config_hash"] for row in rows]
    assert capsys.readouterr().out.count("read from the cache") == 3


def test_smoothed_runs_have_a_hash_of_their_own():
    how = {"data": tiny_data(), "epochs": 1, "batch_size": 8, "device": "cpu"}
    plain, smoothed = train_alone("resnet8", **how), train_alone("resnet8", label_smoothing=0.1, **how)
    assert (plain.card["label_smoothing"], smoothed.card["label_smoothing"]) == (0.0, 0.1)
    assert plain.card["config_hash"] != smoothed.card["config_hash"]
    assert smoothed.history["task"].iloc[0] != plain.history["task"].iloc[0]


def test_label_smoothing_is_cross_entropy_with_a_softened_target():
    data = tiny_data()
    student = kd_teach.create_model("resnet8", 3).eval()
    batch = next(iter(kd_teach.data.plain_batches(data.val, data)))
    features = student(batch.images)
    [phase] = Alone(student, data, label_smoothing=0.3).phases()
    expected = 0.0
    for logits, label in zip(features.logits, batch.labels, strict=True):
        logs = logits.log_softmax(0)
        expected -= sum((0.7 * (k == label) + 0.1) * logs[k] for k in range(3)) / len(batch.labels)
    assert torch.allclose(phase.objective(features, None, batch)["task"], torch.as_tensor(expected))
    with pytest.raises(ValueError, match="label_smoothing is 1"):
        Alone(student, data, label_smoothing=1)


def record(seconds):
    return Record("p", 1, seconds, 0.1, {"task": 1.0}, 1.0, math.nan)


def test_peak_memory_sees_a_large_tensor_and_forgets_it():
    memory = PeakMemory("cpu")
    memory.note(record(0.0))
    before = memory.peak_mb
    torch.zeros(50_000_000)  # 200 MB, gone at once
    memory.note(record(0.0))
    assert memory.peak_mb > before + 150
    later = PeakMemory("cpu")
    later.note(record(0.0))
    assert later.peak_mb < memory.peak_mb - 100


def test_epochs_that_a_checkpoint_only_repeats_do_not_count():
    memory = PeakMemory("cpu")
    memory.note(record(60.0))
    assert memory.peak_mb is None and not memory.trained


def test_lesson_weights_come_from_the_chosen_rows(tmp_path):
    table = tmp_path / "lesson_weights.csv"
    lesson_weight = partial(budgets.lesson_weight, data="cifar10")
    assert lesson_weight("kd", path=table) is None
    chosen_weights.cache_clear()
    rows = ["kd,paper,1.0,0.9,False", "kd,paper,3.0,2.7,True", "at,paper,1.0,10.0,False", "crd,repdistiller,1,0.8,True"]
    table.write_text("\n".join(["method,variant,multiple,weight,chosen", *rows]))
    assert lesson_weight("kd", path=table) == lesson_weight("kd", variant="paper", path=table) == 2.7
    assert lesson_weight("at", path=table) is None
    assert lesson_weight("crd", variant="repdistiller", path=table) == 0.8 and lesson_weight("crd", path=table) is None
    with pytest.raises(ValueError, match="Unknown method 'kdd'. Did you mean 'kd'"):
        lesson_weight("kdd", path=table)


def test_a_data_set_has_weights_of_its_own_and_one_without_a_table_those_of_cifar10(tmp_path, monkeypatch):
    monkeypatch.setattr("kd_teach.training.budgets.shipped", lambda kind: tmp_path)
    for data, weight in {"cifar10": 2.7, "shapes10": 0.5}.items():
        (tmp_path / f"lesson_weights_{data}.csv").write_text(f"method,variant,weight,chosen\nkd,paper,{weight},True\n")
    found = {data: budgets.lesson_weight("kd", data) for data in ("cifar10", "shapes10", "cifar100", "/home/me/moths")}
    assert found == {"cifar10": 2.7, "shapes10": 0.5, "cifar100": 2.7, "/home/me/moths": 2.7}
    with (tmp_path / "lesson_weights_cifar10.csv").open("a") as file:
        file.write("at,paper,3.0,True\n")
    chosen_weights.cache_clear()
    assert budgets.lesson_weight("at", "shapes10") == 3.0  # not tuned on shapes10 yet

    asked = {}
    monkeypatch.setattr("kd_teach.course.lesson.distill", lambda method, **how: asked.update(how))
    for name, weight in {"shapes10": 0.5, "cifar10": 2.7}.items():
        data = replace(tiny_data(), name=name)
        kd_teach.Lesson("smoke", data, None, "t", "resnet8", 2).distill("kd")
        grid = {"data": name, "pairs": [["shapes10/resnet20", "resnet8"]], "methods": ["kd"], "weight": "lesson"}
        [cell] = make_study(grid).cells
        assert asked["options"] == {"weight": weight} and cell.weight == weight


@pytest.mark.parametrize(
    ("method", "options", "budget", "given"),
    [
        ("kd", {}, "smoke", {"weight": 2.7}),
        ("kd", {"weight": 1.0}, "smoke", {"weight": 1.0}),
        ("kd", {"variant": "paper"}, "smoke", {"variant": "paper", "weight": 2.7}),
        ("kd", {"temperature": 2.0}, "smoke", {"temperature": 2.0, "weight": 2.7}),
        ("kd", {}, "full", {}),
        ("crd", {"variant": "repdistiller"}, "smoke", {"variant": "repdistiller", "weight": 0.8}),
        ("crd", {"variant": "repdistiller"}, "full", {"variant": "repdistiller"}),
        ("crd", {}, "smoke", {}),  # the paper's form was not tuned
    ],
)
def test_a_lesson_takes_the_weight_tuned_for_its_variant_unless_told_otherwise(
    method, options, budget, given, tmp_path, monkeypatch
):
    asked, table = {}, tmp_path / "lesson_weights_cifar10.csv"
    table.write_text("method,variant,weight,chosen\nkd,paper,2.7,True\ncrd,repdistiller,0.8,True\n")
    monkeypatch.setattr("kd_teach.training.budgets.shipped", lambda kind: tmp_path)
    monkeypatch.setattr("kd_teach.course.lesson.distill", lambda method, **how: asked.update(how))
    kd_teach.Lesson(budget, tiny_data(), None, "t", "resnet8", 2).distill(method, **options)
    assert asked["options"] == given
