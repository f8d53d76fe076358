"""The folder for a room without Wi-Fi: what is in it, that a cut is mended, and that a changed file is seen."""

import json
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kd_teach._support.errors import DamagedFileError
from kd_teach._support.files import sha256
from kd_teach.course.classroom import offline
from kd_teach.course.classroom.offline import copy, dependencies, pack, verify


@pytest.fixture
def calls(monkeypatch):
    """pip's calls; `wheel` and `download` leave a file each, as pip would."""
    made = []

    def fake(*arguments):
        made.append(arguments)
        for option in {"--wheel-dir", "--dest"} & set(arguments):
            Path(arguments[arguments.index(option) + 1], f"{arguments[0]}.whl").write_bytes(b"wheel")

    monkeypatch.setattr(offline, "run_pip", fake)
    return made


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "cifar10"
    for part in ("train/cat/1.png", "test/cat/1.png"):
        (folder / part).parent.mkdir(parents=True)
        (folder / part).write_bytes(part.encode())
    return folder


def test_everything_is_there_and_in_the_manifest(calls, images, tmp_path):
    out = tmp_path / "out"
    manifest = pack(out, data=images)
    entries = json.loads(manifest.read_text())
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert set(entries) == names - {"manifest.json"}
    assert {"wheels/wheel.whl", "wheels/download.whl", "INSTALL.md"} < names
    assert {"notebooks/01_kd.ipynb", "data/cifar10/train/cat/1.png", "data/cifar10/test/cat/1.png"} < names
    assert entries["data/cifar10/test/cat/1.png"]["bytes"] == len("test/cat/1.png")
    assert verify(out) == []


def test_pip_resolves_all_dependencies_at_once_and_rehearses(calls, tmp_path):
    pack(tmp_path / "out")
    wheel, download, rehearsal = calls
    assert wheel[:2] == ("wheel", "--no-deps")
    assert download[0] == "download" and set(dependencies(torch=True)) < set(download) and "--no-deps" not in download
    assert rehearsal[:2] == ("install", "--dry-run") and {"--no-index", "--ignore-installed"} < set(rehearsal)
    assert set(dependencies(torch=True)) < set(rehearsal)


def test_dependencies_are_those_of_the_package():
    names = {Requirement(line).name for line in dependencies(torch=True)}
    assert {"torch", "torchvision", "jupyterlab", "scipy"} < names and not names & {"pytest", "nbgrader"}
    assert {Requirement(line).name for line in dependencies(torch=False)} == names - {"torch", "torchvision"}


def test_install_says_what_the_folder_needs(calls, images, tmp_path):
    pack(tmp_path / "plain")
    plain = (tmp_path / "plain" / "INSTALL.md").read_text()
    assert "{" not in plain and "KD_TEACH_DATA" not in plain and "PyTorch is not here" not in plain
    pack(tmp_path / "special", torch=False, data=images)
    text = (tmp_path / "special" / "INSTALL.md").read_text()
    assert "PyTorch is not here" in text
    assert r"set KD_TEACH_DATA=%CD%\data" in text and 'export KD_TEACH_DATA="$PWD/data"' in text


def test_a_cut_is_mended_and_what_is_whole_stays(images, tmp_path):
    files = [path for path in images.rglob("*") if path.is_file()]
    out = tmp_path / "out"
    copy(files, images, out)
    whole, broken = out / "train/cat/1.png", out / "test/cat/1.png"
    before = whole.stat().st_ino
    for damage in (b"", b"x" * len("test/cat/1.png")):  # cut short; and as long as it should be, but other bytes
        broken.write_bytes(damage)
        broken.with_name("1.png.part").write_bytes(b"half a copy")
        copy(files, images, out)
        assert broken.read_bytes() == b"test/cat/1.png"
    assert whole.stat().st_ino == before
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["1.png", "1.png"]


def test_a_copy_that_went_wrong_is_not_kept(images, tmp_path, monkeypatch):
    monkeypatch.setattr(offline.shutil, "copyfile", lambda source, target: target.write_bytes(b"test/bad/1.png"))
    with pytest.raises(OSError, match="is not what was copied"):
        copy([images / "test/cat/1.png"], images, tmp_path / "out")
    assert not (tmp_path / "out/test/cat/1.png").exists()


def test_leftovers_of_a_cut_are_not_in_the_manifest(calls, tmp_path):
    out = tmp_path / "out"
    (out / "notebooks").mkdir(parents=True)
    (out / "notebooks" / "99_gone.ipynb.part").write_bytes(b"half")
    assert not any(name.endswith(".part") for name in json.loads(pack(out).read_text()))


def test_verify_names_what_changed_and_what_is_missing(calls, tmp_path):
    out = tmp_path / "out"
    pack(out)
    (out / "wheels" / "download.whl").write_bytes(b"whale")  # as long as before
    (out / "notebooks" / "01_kd.ipynb").unlink()
    assert sorted(verify(out)) == ["notebooks/01_kd.ipynb is missing", "wheels/download.whl has changed"]
    pack(out)
    assert verify(out) == []


def test_errors(calls, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no data set in"):
        pack(tmp_path / "out", data=tmp_path)
    with pytest.raises(FileNotFoundError, match="never finished; run kd-teach pack"):
        verify(tmp_path)
    monkeypatch.setattr(offline, "CHECKOUT", tmp_path)
    with pytest.raises(FileNotFoundError, match="is no checkout; clone"):
        pack(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pip_itself(tmp_path):
    """What needs no network: a wheel on this disk is found, what is not there is an error of one line."""
    metadata = "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n"
    files = {
        "METADATA": metadata,
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(tmp_path / "tiny-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(f"tiny-1.dist-info/{name}", text)
    here = ("download", "--no-index", "--find-links", str(tmp_path), "--dest", str(tmp_path / "wheels"))
    offline.run_pip(*here, "tiny")
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == ["tiny-1-py3-none-any.whl"]
    with pytest.raises(OSError, match="pip download failed; .* start again to go on.*absent") as failed:
        offline.run_pip(*here, "absent")
    assert "\n" not in str(failed.value)


def test_verify_trusts_no_manifest(calls, tmp_path):
    out = tmp_path / "out"
    manifest = pack(out)
    (out / "wheels" / "extra.whl").write_bytes(b"not listed")
    assert verify(out) == ["wheels/extra.whl is not in the manifest"]
    (out / "wheels" / "extra.whl").unlink()
    (tmp_path / "secret").write_bytes(b"")
    entries = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(entries | {"../secret": {"bytes": 0, "sha256": sha256(b"")}, "INSTALL.md": 3}))
    assert sorted(verify(out)) == ["../secret lies outside the folder", "INSTALL.md has changed"]
    manifest.write_text("{}")
    assert "INSTALL.md is not in the manifest" in verify(out) and "the manifest lists no wheels/" in verify(out)
    for odd in ("[]", "", '{"a"'):
        manifest.write_text(odd)
        with pytest.raises(DamagedFileError, match=r"manifest\.json is damaged"):
            verify(out)
