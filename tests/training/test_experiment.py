"""Run folders, caches and teachers: what one call leaves behind, and how it is found again."""

import json
import math
import os
import signal
import warnings
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from tqdm import tqdm

from kd_teach import (
    create_model,
    distill,
    list_teachers,
    load_data,
    load_run,
    load_teacher,
    predict,
    teacher_card,
    train_alone,
)
from kd_teach._support.errors import DamagedFileError
from kd_teach.measures.logits import accuracy
from kd_teach.training import loop
from tests.helpers import same_weights, tiny_data

DATA = tiny_data()
BUDGET = {"data": DATA, "epochs": 2, "batch_size": 8, "device": "cpu"}


def teacher():
    torch.manual_seed(5)
    return create_model("resnet14", 3)


TEACHER = teacher()


def test_the_card_says_how_images_were_made_and_no_run_is_taken_for_one_of_other_statistics():
    data = replace(DATA, resized="shorter side to 8, then the centre")
    card = train_alone(**BUDGET | {"data": data, "epochs": 1}).card
    assert card["images"] == {"size": list(DATA.image_size), "resized": data.resized}
    other = train_alone(**BUDGET | {"data": replace(data, mean=(0.485, 0.456, 0.406)), "epochs": 1}).card
    assert other["data_fingerprint"] == card["data_fingerprint"] and other["config_hash"] != card["config_hash"]


def test_a_leading_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    train_alone("resnet14", out="~/run", **BUDGET)
    assert load_run("~/run").complete and not (tmp_path / "~").exists()
    assert distill("kd", teacher="~/run", cache="~/cache", **BUDGET).card["teacher_weights"]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_run_folder_holds_all(tmp_path):
    result = distill("fitnet", teacher=teacher(), out=tmp_path / "run", options={"variant": "repdistiller"}, **BUDGET)
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {"weights.safetensors", "history.csv", "card.json", "curves.png"}
    weights = load_file(tmp_path / "run" / "weights.safetensors")
    assert weights.keys() == result.student.state_dict().keys()  # the regressor stays behind
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["method"] == "fitnet" and card["variant"] == "repdistiller" and card["options"]["weight"] == 100
    assert card["data_fingerprint"] == DATA.fingerprint() and card["settings"]["seed"] == 0
    assert card["versions"]["torch"] == torch.__version__ and card["environment"]["threads"] == torch.get_num_threads()
    again = load_run(tmp_path / "run")
    assert same_weights(again.student, result.student) and again.test_accuracy == result.test_accuracy
    assert list(again.history["task"]) == pytest.approx(list(result.history["task"]))
    assert sum(map(sum, card["confusion"])) == len(DATA.test)


def test_the_test_accuracy_is_that_of_the_returned_student():
    result = train_alone("resnet8", **BUDGET)
    assert result.test_accuracy == accuracy(predict(result.student, DATA.test, DATA), DATA.test.labels)
    assert not result.student.training


def test_student_alone_and_distilled_start_from_the_same_weights():
    alone, kd = train_alone("resnet8", **BUDGET), distill("kd", teacher=teacher(), **BUDGET)
    other = train_alone("resnet8", seed=1, **BUDGET)
    assert alone.card["initial_weights"] == kd.card["initial_weights"] != other.card["initial_weights"]


def test_what_the_loss_learns_starts_from_the_seed_too():
    weights = []
    for disturbance in (1, 2):
        torch.manual_seed(0)
        student = create_model("resnet8", 3)
        torch.manual_seed(disturbance)  # what a user may have drawn in the meantime
        weights.append(distill("fitnet", student=student, teacher=TEACHER, **BUDGET).student)
    assert same_weights(*weights)


def test_ctrl_c_in_the_last_batch_of_an_epoch_does_not_finish_a_run(tmp_path, monkeypatch):
    take_step = loop.take_step

    def pressed(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return take_step(*arguments)

    monkeypatch.setattr(loop, "take_step", pressed)
    data = tiny_data()
    result = train_alone("resnet8", data=data, epochs=2, batch_size=len(data.train), device="cpu", out=tmp_path / "run")
    assert len(result.history) == 1 and not result.complete
    assert (tmp_path / "run" / "checkpoint.pt").exists()


def test_interrupted_run_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    whole = train_alone("resnet8", **BUDGET)
    run = {"out": tmp_path / "run", **BUDGET}

    class Pressed(tqdm):  # Ctrl-C comes before the second training step
        def __iter__(self):
            for count, batch in enumerate(super().__iter__()):
                if count == 1:
                    os.kill(os.getpid(), signal.SIGINT)
                yield batch

    with monkeypatch.context() as patch:
        patch.setattr("kd_teach._support.progress.tqdm", Pressed)
        result = train_alone("resnet8", **run)
    assert math.isnan(result.test_accuracy) and "--resume" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"card.json", "checkpoint.pt", "history.csv"}
    torch.manual_seed(0)
    with pytest.raises(FileExistsError, match="holds a run; go on with it"):
        train_alone("resnet8", **run)
    resumed = train_alone("resnet8", resume=True, **run)
    assert same_weights(resumed.student, whole.student)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_runs_are_not_overwritten_and_not_mixed_up(tmp_path):
    first = train_alone("resnet8", out=tmp_path, **BUDGET)
    with pytest.raises(FileExistsError, match="holds a run"):
        train_alone("resnet8", out=tmp_path, **BUDGET)
    with pytest.raises(FileExistsError, match=r"differs in initial_weights .*, seed \(0 there, 1 here\)"):
        train_alone("resnet8", out=tmp_path, resume=True, seed=1, **BUDGET)
    with pytest.raises(FileExistsError, match="differs in method"):
        distill("kd", teacher=teacher(), out=tmp_path, resume=True, **BUDGET)
    assert same_weights(train_alone("resnet8", out=tmp_path, resume=True, **BUDGET).student, first.student)


def test_a_cache_finds_the_same_run_and_no_other(tmp_path):
    epochs = []
    run = {"cache": tmp_path, "on_epoch": epochs.append, **BUDGET}
    first = train_alone("resnet8", **run)
    second = train_alone("resnet8", **run)
    assert len(epochs) == 2 and same_weights(first.student, second.student)
    train_alone("resnet8", **run, lr=0.05)
    distill("kd", teacher=teacher(), **run)
    distill("kd", teacher=teacher(), options={"temperature": 2.0}, **run)
    assert len(epochs) == 8 and len(list(tmp_path.iterdir())) == 4


def test_a_finished_run_is_a_teacher(tmp_path):
    result = train_alone("resnet8", out=tmp_path / "run", **BUDGET)
    loaded = load_teacher(tmp_path / "run")
    assert same_weights(loaded, result.student)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert distill("kd", teacher=tmp_path / "run", **BUDGET).card["teacher_weights"]


def test_a_teacher_of_other_statistics_is_named_once(tmp_path):
    train_alone("resnet14", out=tmp_path / "t", **BUDGET | {"epochs": 1})
    other = BUDGET | {"epochs": 1, "data": replace(DATA, mean=(0.485, 0.456, 0.406))}
    with pytest.warns(UserWarning, match=r"learnt from images normalised by .*0\.3, 0\.3.*0\.485.*knows less") as seen:
        for _ in range(2):
            distill("kd", teacher=tmp_path / "t", **other)
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distill("kd", teacher=tmp_path / "t", **BUDGET | {"epochs": 1})


def test_a_network_passed_in_is_known_by_its_name(tmp_path):
    result = train_alone(create_model("resnet8", 3), out=tmp_path / "run", **BUDGET)
    assert result.card["model"] == "resnet8"
    assert same_weights(load_teacher(tmp_path / "run"), result.student)
    assert distill("kd", teacher=teacher(), **BUDGET).card["teacher"] == "resnet14"


class Own(nn.Module):
    """A network of somebody's own, which no folder can build again."""

    def __init__(self):
        super().__init__()
        self.inner = create_model("resnet8", 3)

    def forward(self, images):
        return self.inner(images)


def test_a_network_of_ones_own_is_not_taken_for_an_unknown_name(tmp_path):
    assert train_alone(Own(), out=tmp_path / "run", **BUDGET).card["model"] == "Own"
    for load in (load_teacher, load_run):
        with pytest.raises(ValueError, match="a Own of your own.*build it, and load weights.safetensors"):
            load(tmp_path / "run")


def test_cut_weights_are_named(tmp_path):
    train_alone("resnet8", out=tmp_path / "run", **BUDGET)
    weights = tmp_path / "run" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for load in (load_teacher, load_run):
        with pytest.raises(DamagedFileError, match=r"weights\.safetensors is damaged .*Delete the folder and run"):
            load(tmp_path / "run")


def test_a_named_teacher_of_other_classes_is_refused(tmp_path):
    train_alone("resnet8", out=tmp_path / "run", **BUDGET)
    others = replace(DATA, classes=("row 2", "row 1", "row 0"))
    with pytest.raises(ValueError, match="learnt row 0, row 1, row 2; tiny has row 2, row 1, row 0"):
        distill("kd", teacher=tmp_path / "run", **BUDGET | {"data": others})
    assert distill("kd", teacher=load_teacher(tmp_path / "run"), **BUDGET | {"data": others}).complete


def test_unknown_teacher(tmp_path):
    with pytest.raises(ValueError, match="Unknown teacher 'cifar10/resnt20'"):
        load_teacher("cifar10/resnt20")
    with pytest.raises(ValueError, match="not the folder of a finished run"):
        load_teacher(tmp_path)


@pytest.mark.parametrize("name", list_teachers())
def test_shipped_teachers_load_and_say_where_they_come_from(name):
    card, model = teacher_card(name), load_teacher(name)
    assert card["model"] == name.split("/")[1] and card["data"] == name.split("/")[0]
    assert card["command"].startswith("kd-teach train") and f"--seed {card['settings']['seed']}" in card["command"]
    right = sum(card["confusion"][k][k] for k in range(10)) / sum(map(sum, card["confusion"]))
    assert right == pytest.approx(card["test_accuracy"])
    assert model(torch.zeros(1, 3, 32, 32)).logits.shape == (1, card["num_classes"])


def test_the_shapes10_teacher_was_trained_on_the_pictures_that_are_drawn_today():
    assert teacher_card("shapes10/resnet20")["data_fingerprint"] == load_data("shapes10").fingerprint()


def test_class_counts_must_agree():
    with pytest.raises(ValueError, match="teacher has 10 outputs but tiny has 3 classes"):
        distill("kd", teacher=create_model("resnet8", 10), **BUDGET)
    with pytest.raises(ValueError, match="student has 10 outputs"):
        train_alone(create_model("resnet8", 10), **BUDGET)


def test_a_network_without_features_is_pointed_to_tapped():
    with pytest.raises(TypeError, match="tapped"):
        train_alone(nn.Sequential(nn.Flatten(), nn.Linear(768, 3)), **BUDGET)


@pytest.mark.parametrize(
    ("method", "options", "error", "says"),
    [
        ("dk", {}, ValueError, "Did you mean 'kd'"),
        ("fitnet", {"variant": "papper"}, ValueError, "Did you mean 'paper'"),
        ("kd", {"temprature": 2.0}, TypeError, "temprature"),
    ],
)
def test_unknown_names(method, options, error, says):
    with pytest.raises(error, match=says):
        distill(method, teacher=teacher(), options=options, **BUDGET)


def test_samples_go_with_data_by_name():
    with pytest.raises(ValueError, match="samples goes with data by name"):
        train_alone("resnet8", samples=5, **BUDGET)


def test_kd_beside_a_method():
    result = distill("fitnet", teacher=teacher(), options={"variant": "repdistiller", "with_kd": 0.5}, **BUDGET)
    row = result.history.iloc[-1]
    assert row["loss"] == pytest.approx(row["task"] + 100 * row["distil"] + 0.5 * row["kd"], rel=1e-4)
