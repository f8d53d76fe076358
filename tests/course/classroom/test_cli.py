"""`kd-teach classroom` and `kd-teach pack`, as a teacher would type them."""

import sys

import pytest
from typer.testing import CliRunner

from kd_teach.cli import app, main
from kd_teach.course.classroom import offline


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def test_classroom(tmp_path):
    room = tmp_path / "room"
    printed = run("classroom", room, "--notebook", "kd", "--notebook", "sp", "--points", 5)
    assert {path.name for path in (room / "student").iterdir()} == {"01_kd.ipynb", "04_sp.ipynb"}
    assert "worth 5 points" in (room / "README.md").read_text(encoding="utf-8")
    assert f"8 files in {room}" in printed.replace("\n", "") and "README.md" in printed


def test_pack_and_verify(tmp_path, monkeypatch):
    made = []

    def fake_pip(*arguments):
        made.append(arguments)
        wheels = tmp_path / "out" / "wheels"
        wheels.mkdir(parents=True, exist_ok=True)
        (wheels / "kd_teach-0-py3-none-any.whl").write_bytes(b"wheel")

    monkeypatch.setattr(offline, "run_pip", fake_pip)
    out, data = tmp_path / "out", tmp_path / "mine"
    (data / "train").mkdir(parents=True)
    (data / "train" / "1.png").write_bytes(b"1")
    assert "is complete" in run("pack", out, "--no-torch", "--data", data)
    assert not any("torch" in part for call in made for part in call if ">=" in part)
    assert "is complete" in run("pack", out, "--verify")
    (out / "data" / "mine" / "train" / "1.png").write_bytes(b"2")
    assert "data/mine/train/1.png has changed" in run("pack", out, "--verify", status=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("classroom", "room", "--notebook", "kdd"), "Unknown notebook 'kdd'"),
        (("pack", ".", "--verify"), "never finished"),
    ],
)
def test_a_mistake_ends_in_one_line(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["kd-teach", *arguments])
    with pytest.raises(SystemExit, match=f"^kd-teach: .*{says}") as stopped:
        main()
    assert "\n" not in str(stopped.value)
