"""The command line, run as a user would, on a folder of small images."""

import json
import signal
import subprocess
import sys

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from kd_teach import get_recipe, list_methods, list_models, list_teachers
from kd_teach.cli import app, main
from tests.helpers import tiny_split


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of class folders, 24 training and 6 test images of 16x16 pixels."""
    root = tmp_path_factory.mktemp("stripes")
    for part, count in (("train", 24), ("test", 6)):
        split = tiny_split(count)
        for row, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            where = root / part / f"class{label}"
            where.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(where / f"{row}.png")
    return root


def run(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


BUDGET = ("--epochs", 2, "--batch-size", 8, "--device", "cpu", "--val", 3)


def test_train_then_distil_under_what_was_trained(folder, tmp_path):
    printed = run("train", "--model", "resnet14", "--data", folder, "--out", tmp_path / "teacher", *BUDGET)
    assert "alone 2: task" in printed and "Test accuracy" in printed
    out = tmp_path / "student"
    options = ("--method", "fitnet", "--variant", "repdistiller", "--weight", 50, "--with-kd", 0.5)
    printed = run("distill", "--teacher", tmp_path / "teacher", "--data", folder, "--out", out, *options, *BUDGET)
    assert "distil 1: task" in printed
    card = json.loads((out / "card.json").read_text())
    assert (card["method"], card["variant"], card["options"]["weight"]) == ("fitnet", "repdistiller", 50)
    assert card["samples"] == 21 and card["settings"]["epochs"] == 2


def test_resume_loads_what_is_finished(folder, tmp_path):
    command = ("train", "--data", folder, "--out", tmp_path / "run", *BUDGET)
    run(*command)
    assert "alone 1" not in run(*command, "--resume")


@pytest.mark.system
def test_ctrl_c_saves_and_resume_goes_on(folder, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-u", "-m", "kd_teach.cli", "train", "--data", folder, "--out", out, "--epochs", "500"]
    command = [str(part) for part in (*command, "--batch-size", "8", "--device", "cpu", "--val", "3")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("stripes")  # what the data is
    assert process.stdout.readline().startswith("alone 1:")
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "--resume goes on from there" in printed and "Traceback" not in errors
    assert (out / "checkpoint.pt").exists() and (out / "history.csv").exists()
    again = subprocess.Popen([*command, "--resume"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert again.stdout.readline().startswith("stripes")
    assert again.stdout.readline().startswith("alone 1:")  # read from the checkpoint, not trained again
    again.send_signal(signal.SIGINT)
    assert "Stopped" in again.communicate(timeout=60)[0]


def test_ctrl_c_before_a_training_ends_in_a_sentence(monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("kd_teach.load_data", interrupted)
    monkeypatch.setattr(sys, "argv", ["kd-teach", "train", "--out", "run"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130 and capsys.readouterr().err.splitlines()[-1] == "kd-teach: stopped."


def test_lists():
    for command, names in (("methods", list_methods()), ("models", list_models()), ("teachers", list_teachers())):
        printed = run(command)
        assert len(names) > 1 and all(name in printed for name in names)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("distill", "--method", "dk", "--teacher", "x", "--out", "y"), "Unknown teacher"),
        (("train", "--data", "nowhere", "--out", "y"), "Unknown data set 'nowhere'"),
        (("train", "--data", "cifar10", "--out", "y"), "half-finished or damaged download"),
        (("train", "--samples", "640", "--device", "tpu", "--out", "y"), "Unknown device 'tpu'; expected auto, cpu"),
        (("distill", "--teacher", "cifar10/resnet20", "--samples", "640", "--out", "y"), "learnt airplane, automobile"),
    ],
)
def test_a_mistake_ends_in_one_line(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KD_TEACH_DATA", str(tmp_path))
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"half a download")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["kd-teach", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code.startswith("kd-teach: ") and says in end.value.code  # Python prints it and exits with 1
    assert len(end.value.code.splitlines()) == 1
    assert end.value.__suppress_context__  # no traceback of what led to it
    assert capsys.readouterr().err == ""  # and nothing before it


def test_weights_do_not_depend_on_the_way_they_were_asked_for(folder, tmp_path):
    from kd_teach import load_data, load_run, train_alone

    run("train", "--data", folder, "--out", tmp_path / "run", *BUDGET)
    data = load_data(folder, val=3)
    direct = train_alone("resnet8", data=data, epochs=2, batch_size=8, device="cpu")
    assert torch.equal(load_run(tmp_path / "run").student.classifier.weight, direct.student.classifier.weight)


def test_describe_and_legality():
    card = run("describe", "crd")
    assert "bank_t.rows" in card and "knowledge      relation" in card
    table = run("legality", "resnet8", "wrn_16_2").splitlines()
    assert len(table) == sum(len(get_recipe(name).variants) for name in list_methods())
    assert "fsp      adapter       yes" in table
    assert any(line.startswith("fsp      paper         no: ") for line in table)
