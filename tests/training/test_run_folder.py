"""Run folders that are damaged, full, shared by processes, or refused: never a traceback, never a false result."""

import contextlib
import json
import math
import os
import shutil
import signal
import time
import warnings
from pathlib import Path

import pytest
import torch

from kd_teach import load_run, load_teacher, train_alone
from kd_teach._support import files
from kd_teach._support.errors import DamagedFileError, NotWrittenError
from kd_teach._support.files import sha256
from kd_teach.data import Augment
from kd_teach.training import loop
from kd_teach.training.run_folder import weights_fingerprint
from tests.helpers import same_weights, tiny_data

RUN = {"data": tiny_data(), "epochs": 2, "batch_size": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache with one finished run; tests take copies."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def good(cache):
    """What every run of this file must give."""
    return train_alone("resnet8", cache=cache, **RUN)


@pytest.fixture
def folder(good, cache, tmp_path):
    """The folder of that run, in a cache of the test's own."""
    return shutil.copytree(cache, tmp_path, dirs_exist_ok=True) / good.card["config_hash"]


def cut(content):
    return content[: len(content) // 2]


def flipped(content):
    """One bit in the middle is another."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def undated(content):
    """As a teacher's card may be, but not that of a run that is found again."""
    return content.replace(b'"trained_on"', b'"trained"')


DAMAGE = [
    ("card.json", lambda content: b""),
    ("card.json", lambda content: b"[1]"),
    ("card.json", lambda content: b'{"config_hash": 3}'),
    ("card.json", lambda content: content.replace(b'"weights_sha256"', b'"weights"')),
    ("card.json", lambda content: b"\xff" + content),
    ("card.json", lambda content: content.replace(b'"test_accuracy": 0', b'"test_accuracy": 0.0')),
    ("card.json", undated),
    ("card.json", lambda content: content.replace(b'"confusion": [', b'"confusion": [3,')),
    ("history.csv", flipped),
    ("history.csv", lambda content: b""),
    ("history.csv", lambda content: b"a,b\n1,2\n"),
    ("history.csv", None),
    ("weights.safetensors", cut),
    ("weights.safetensors", flipped),
    ("weights.safetensors", None),
]


def damage(path, how):
    """None removes the file."""
    path.unlink() if how is None else path.write_bytes(how(path.read_bytes()))


@pytest.mark.parametrize(("name", "how"), DAMAGE)
def test_damage_in_a_cache_is_a_warning_and_elsewhere_names_the_file(name, how, good, folder, tmp_path):
    damage(folder / name, how)
    with pytest.raises(DamagedFileError, match=rf"{name} is damaged .*Delete the folder"):
        train_alone("resnet8", out=folder, resume=True, **RUN)
    if name != "history.csv" and how not in (None, undated):
        with pytest.raises(DamagedFileError, match=f"{name} is damaged"):
            load_teacher(folder)
    with pytest.warns(UserWarning, match=rf"{name} is damaged .*The run is trained anew"):
        again = train_alone("resnet8", cache=tmp_path, **RUN)
    assert same_weights(again.student, good.student)
    assert same_weights(load_run(folder).student, good.student)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A cache with a run that ended after its first epoch; tests take copies."""
    cache = tmp_path_factory.mktemp("killed")

    def kill(record):
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        train_alone("resnet8", cache=cache, on_epoch=kill, **RUN)
    return cache


@pytest.fixture
def unfinished(killed, tmp_path):
    """The folder of that run, in a cache of the test's own."""
    [folder] = shutil.copytree(killed, tmp_path, dirs_exist_ok=True).iterdir()
    return folder


def moved(**changes):
    """The checkpoint with other places to stand, and a checksum that is right."""

    def change(content):
        Path("moved.pt").write_bytes(content[:-64])
        torch.save(torch.load("moved.pt", weights_only=True) | changes, "moved.pt")
        content = Path("moved.pt").read_bytes()
        return content + sha256(content).encode()

    return change


@pytest.mark.parametrize(
    "how",
    [cut, flipped, lambda content: b"", moved(epoch=999), moved(epoch=-1), moved(phase=9), moved(records=[]),
     moved(step=10**6), moved(rng=3), moved(log=None, optimizer=[], student={})],
)  # fmt: skip
def test_a_damaged_checkpoint(how, unfinished, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    damage(unfinished / "checkpoint.pt", how)
    with pytest.raises((DamagedFileError, ValueError), match=r"checkpoint\.pt"):
        train_alone("resnet8", out=unfinished, resume=True, **RUN)
    with pytest.warns(UserWarning, match=r"checkpoint\.pt .*Training begins anew"):
        again = train_alone("resnet8", cache=tmp_path, **RUN)
    assert same_weights(again.student, good.student)


def test_no_space(good, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(NotWrittenError, match=r"cannot be written \(No space left on device\): free space"):
        train_alone("resnet8", out=tmp_path / "run", **RUN)
    with pytest.warns(UserWarning, match="No space left"):
        kept = train_alone("resnet8", cache=tmp_path / "cache", **RUN)
    assert same_weights(kept.student, good.student) and kept.test_accuracy == good.test_accuracy
    assert not (tmp_path / "run").exists() and not list((tmp_path / "cache").iterdir())


def test_a_cache_that_is_no_folder(good, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="cannot be written .*The run is not kept"):
        assert same_weights(train_alone("resnet8", cache=tmp_path / "file", **RUN).student, good.student)
    with pytest.raises(NotWrittenError, match="file"):
        train_alone("resnet8", out=tmp_path / "file", **RUN)


REFUSED = [{"batch_size": 1000}, {"device": "cuda:77"}, {"epochs": 0}, {"lr": math.nan}, {"augment": Augment(pad=17)}]


@pytest.mark.parametrize("refused", REFUSED)
def test_a_refused_start_leaves_nothing(refused, tmp_path):
    with pytest.raises(ValueError):
        train_alone("resnet8", out=tmp_path / "run", **RUN | refused)
    assert not list(tmp_path.iterdir())


def test_what_breaks_in_the_first_epoch_leaves_nothing_but_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "history.csv").write_text("mine")
    monkeypatch.setattr(loop, "train_epoch", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_alone("resnet8", out=tmp_path, **RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]


def start(log, epochs=3, **keep):
    """The id of a process that trains a run, or reads it, and prints what it got into the file `log`."""
    with warnings.catch_warnings(action="ignore"):  # Python's, on forks of a process with threads
        if child := os.fork():
            return child
    try:
        torch.set_num_threads(1)  # a fork has no other threads
        with log.open("w", buffering=1) as file, contextlib.redirect_stdout(file):
            seen = []
            run = train_alone("resnet8", **RUN | {"epochs": epochs} | keep, on_epoch=seen.append)
            print("result", weights_fingerprint(run.student), run.test_accuracy, len(seen))
    finally:
        os._exit(0)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks no processes")


@forks
def test_of_processes_that_want_one_run_one_trains_it(tmp_path):
    logs = [tmp_path / str(number) for number in range(5)]
    for process in [start(log, cache=tmp_path / "runs") for log in logs]:
        os.waitpid(process, 0)
    lines = [log.read_text().splitlines()[-1].split() for log in logs]
    assert [line[0] for line in lines] == ["result"] * 5
    assert len({tuple(line[1:3]) for line in lines}) == 1
    assert sorted(line[3] for line in lines) == ["0", "0", "0", "0", "3"]


@forks
def test_a_kill_releases_the_lock_and_the_run_goes_on(tmp_path):
    """The second waits for the first, which is killed in the middle, and ends with what one process alone gives."""
    folder, log = tmp_path / "run", tmp_path / "log"
    first = start(tmp_path / "first", epochs=6, out=folder)
    while not (folder / "checkpoint.pt").exists():
        time.sleep(0.005)
    os.kill(first, signal.SIGSTOP)  # as long as it likes
    second = start(log, epochs=6, out=folder, resume=True)
    while not (log.exists() and log.read_text().endswith("\n")):
        time.sleep(0.005)
    assert log.read_text() == f"Waiting for process {first}, which trains the run in {folder}.\n"
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0), os.waitpid(second, 0)
    os.waitpid(start(tmp_path / "alone", epochs=6), 0)
    alone = (tmp_path / "alone").read_text().split()
    assert log.read_text().splitlines()[-1].split()[:3] == alone[:3] and alone[3] == "6"
    assert weights_fingerprint(load_run(folder).student) == alone[1]
    assert {path.name for path in folder.iterdir()} == {"weights.safetensors", "history.csv", "card.json", "curves.png"}


def test_a_folder_in_the_place_of_a_file(good, folder, tmp_path):
    (folder / "card.json").unlink()
    (folder / "card.json").mkdir()
    with pytest.warns(UserWarning, match=r"card\.json"):
        assert same_weights(train_alone("resnet8", cache=tmp_path, **RUN).student, good.student)


def test_all_files_have_the_same_mode(folder):
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_the_card_holds_the_checksum_of_the_weights(good, folder):
    card = json.loads((folder / "card.json").read_text())
    assert card["weights_sha256"] == sha256(folder / "weights.safetensors") == good.card["weights_sha256"]
