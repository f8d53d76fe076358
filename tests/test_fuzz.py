"""Whatever is typed, the command line answers in a line and leaves nothing behind: numbers, paths and devices."""

import os
import sys
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kd_teach import Settings
from kd_teach.cli import main
from kd_teach.study import Study, make_study
from kd_teach.study.blocks import BLOCK, BUDGET
from tests.helpers import tiny_split

ODD_NUMBERS = ["nan", "inf", "-inf", "-1", "0", "-0.0", "1e308", "-1e308", "1e-320", "1.7", "9" * 30, "", "abc", "１２"]
NUMBERS = st.sampled_from(ODD_NUMBERS) | st.integers().map(str) | st.floats().map(str)
DEVICES = st.sampled_from(["cuda:99", "cuda:-1", "meta", "cpu:7", "CPU", "", "mps", "xla", "cpu:", "auto:1"]) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6
)
PATHS = st.sampled_from(
    ["", ".", "/dev/null", "/dev/null/x", "/proc/1/x", "x" * 300, "a\nb", "\udcff", "~nobody/x", "file", "room", "new"]
)
TRAINING = {
    **dict.fromkeys(("--epochs", "--batch-size", "--lr", "--crop-pad", "--seed", "--samples", "--val"), NUMBERS),
    "--device": DEVICES,
    "--precision": DEVICES,
    "--data": PATHS,
    "--out": PATHS,
}
COMMANDS = [
    (("train", "--data", "images", "--out", "run"), TRAINING),
    (
        ("distill", "--teacher", "shapes10/resnet20", "--data", "images", "--out", "run"),
        TRAINING | {"--weight": NUMBERS, "--with-kd": NUMBERS, "--teacher": PATHS},
    ),
    (
        ("study", "--method", "kd", "--pair", "shapes10/resnet20:resnet8", "--out", "t.csv", "--runs", "runs"),
        dict.fromkeys(
            ("--seeds", "--samples", "--val", "--epochs", "--with-kd", "--workers", "--threads", "--retries"), NUMBERS
        )
        | {"--out": PATHS, "--runs": PATHS, "--data": PATHS, "--resources": NUMBERS.map("GPU={}".format)},
    ),
    (("study",), {"--show": st.just("--show")}),
    (("bench",), {"--seconds": NUMBERS, "--device": DEVICES, "--precision": DEVICES}),
    (("paper", "resnet56-resnet20", "--estimate"), {"--seeds": NUMBERS, "--workers": NUMBERS}),
    (("classroom", "room"), {"--points": NUMBERS}),
    (("pack", "--verify", "room"), {}),
    (("pack", "--verify", "file"), {}),
]


@st.composite
def command_lines(draw):
    """A command with one or two of its options replaced by something odd."""
    command, options = draw(st.sampled_from(COMMANDS))
    names = draw(st.lists(st.sampled_from(sorted(options)), min_size=1, max_size=2, unique=True)) if options else []
    return [*command, *(part for name in names for part in (name, draw(options[name])))]


def stop(*arguments, **options):
    """In place of what takes long: everything was accepted."""
    raise SystemExit("kd-teach: accepted.")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with images, a file and an empty folder, in which nothing that takes long is begun."""
    for part in ("train", "test"):
        split = tiny_split(24)
        for row, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            where = tmp_path / "images" / part / f"class{label}"
            where.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(where / f"{row}.png")
    (tmp_path / "file").write_text("text")
    (tmp_path / "room").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kd_teach.training.experiment.train", stop)
    monkeypatch.setattr("kd_teach.study.jobs.carry_out", stop)
    monkeypatch.setattr("kd_teach.study.runner.in_processes", stop)
    monkeypatch.setattr("kd_teach.bench.losses.rows_of_races", stop)
    monkeypatch.setattr("kd_teach.study.estimates.estimate", stop)
    monkeypatch.setattr("kd_teach.course.classroom.write.fill", stop)
    return tmp_path


def left(place):
    """Names of all that lies there; a table's lock may."""
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.suffix != ".lock"}


def answer(arguments):
    """How the command ended; what is no answer but a traceback passes through."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["kd-teach", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
    return end.value.code


@settings(
    max_examples=int(os.environ.get("KD_TEACH_FUZZ", 60)),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(command_lines())
def test_odd_values_end_in_a_line_and_leave_nothing(place, arguments):
    before = left(place)
    code = answer(arguments)
    assert code in (1, 2) or (code.startswith("kd-teach: ") and len(code.splitlines()) <= 2), code
    assert left(place) == before


TOML = (
    st.sampled_from([-5, 0, 1.7, float("nan"), float("inf"), 10**30, "a", "", True, [], {}, [[]], [1], {"a": 1}])
    | st.integers()
    | st.floats()
)
KEYS = ["select", "block", "out", *BLOCK]
INNER = {
    "settings": [field.name for field in fields(Settings)],
    "options": ["kd"],
    "weights": ["kd"],
    "budgets": list(BUDGET),
}


@settings(max_examples=int(os.environ.get("KD_TEACH_FUZZ", 60)), deadline=None)
@given(st.data())
def test_odd_grids_are_refused_when_they_are_read(data):
    """As TOML would give them: a `Study`, or a ValueError that names the key; nothing else."""
    grid = {"data": "shapes10", "pairs": [["shapes10/resnet20", "resnet8"]], "methods": ["kd"]}
    key = data.draw(st.sampled_from(KEYS))
    value = data.draw(TOML)
    if key in INNER and data.draw(st.booleans()):
        value = {data.draw(st.sampled_from(INNER[key])): value}
        value = [value] if key == "budgets" else value
    if key == "options" and data.draw(st.booleans()):
        value = {"kd": {"temperature": data.draw(TOML)}}
    try:
        study = make_study(grid | {key: value})
    except ValueError:
        return
    assert isinstance(study, Study) and study.cells
    assert all(cell.epochs >= 1 and (cell.weight or 0) >= 0 for cell in study.cells)
