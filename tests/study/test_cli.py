"""`kd-teach study`, as a user would type it."""

import pytest
from typer.testing import CliRunner

from kd_teach.cli import app
from kd_teach.course.lesson import BUDGETS


def invoke(*arguments):
    return CliRunner().invoke(app, ["study", *map(str, arguments)])


@pytest.fixture
def flags(world, tmp_path):
    [[teacher, student]] = world["pairs"]
    flags = ["--pair", f"{teacher}:{student}", "--data", world["data"], "--val", 6, "--samples", 18, "--epochs", 1]
    return [*flags, "--out", tmp_path / "t.csv", "--runs", tmp_path / "runs", "--threads", 1]


def test_a_study_from_flags_fails_if_a_cell_does(flags, tmp_path):
    result = invoke("--method", "alone", *flags)
    assert result.exit_code == 1 and "0 of 1 cells" in result.output  # 18 images do not fill a batch of 64
    assert "batch_size 64 does not fit 18" in (tmp_path / "t_failures.csv").read_text()


def test_show_lists_and_runs_nothing(flags, tmp_path):
    result = invoke("--method", "alone", "--method", "kd", "--seeds", 2, "--with-kd", 0.5, *flags, "--show")
    assert (
        result.exit_code == 0 and "4 runs." in result.output and "kd (weight 0.9, paper, with KD 0.5)" in result.output
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("study", "multiples"), [("tune", 6), ("lesson", 5)])
def test_shipped_studies_show_crd_in_the_variant_that_has_room(study, multiples, monkeypatch):
    monkeypatch.setattr("kd_teach.study.blocks.lesson_weight", lambda method, data, variant: 1.5)
    monkeypatch.setattr("kd_teach.study.blocks.teacher_card", lambda name: {})  # it may not have been trained yet
    lines = [line for line in invoke(study, "--show").output.splitlines() if ": crd (" in line]
    assert len(lines) == multiples and all(", repdistiller)" in line for line in lines)


def written(world, folder, lines):
    """A grid of one cell in a file, with lines of its own."""
    [[teacher, student]] = world["pairs"]
    path = folder / "grid.toml"
    path.write_text(
        f"data = '{world['data']}'\npairs = [['{teacher}', '{student}']]\n{lines}\n"
        "settings.batch_size = 6\nbudgets = [{ val = 6, epochs = 1 }]\nsettings.device = 'cpu'\n"
    )
    return path


def test_a_grid_in_a_file(world, flags, tmp_path):
    path = written(world, tmp_path, "methods = ['alone']")
    result = invoke(path, *flags[-6:])
    assert result.exit_code == 0 and "1 of 1 cells are in" in result.output, result.output
    assert (tmp_path / "t.csv").read_text().startswith("block,method,variant,weight,task_weight,with_kd,teacher,")


def test_flags_beside_a_grid_are_refused_and_not_ignored(tmp_path):
    result = invoke("lesson", "--seeds", 10, "--method", "kd", "--show")
    assert isinstance(result.exception, ValueError)
    assert str(result.exception).startswith("--method, --seeds beside the grid 'lesson' would be ignored")


def test_budgets_may_be_repeated_and_weights_chosen(world, tmp_path):
    [[teacher, student]] = world["pairs"]
    asked = ["--pair", f"{teacher}:{student}", "--data", world["data"], "--method", "at", "--budget", "smoke"]
    lines = invoke(*asked, "--budget", "lesson", "--variant", "repdistiller", "--weight", "lesson", "--show").output
    smoke, lesson = BUDGETS["smoke"], BUDGETS["lesson"]
    assert smoke.epochs != lesson.epochs
    shown = [line for line in lines.splitlines() if ": at (" in line]
    assert [f", {b.epochs} epochs" in line for b, line in zip((smoke, lesson), shown, strict=True)] == [True, True]
    assert all("repdistiller" in line for line in shown)


def test_nothing_asked_for_names_the_studies():
    result = invoke()
    assert isinstance(result.exception, ValueError) and "name a study (" in str(result.exception)


def test_a_grid_that_chooses_weights_is_tuned_to_the_end(world, flags, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("kd_teach.study.tuning.tune", lambda study, run, out: asked.append(out) or run(study))
    path = written(world, tmp_path, "methods = ['kd']\nselect = 'validation'")
    result = invoke(path, *flags[-6:])
    assert result.exit_code == 0 and asked == [tmp_path / "t.csv"], result.output
    assert "kd (paper): 1.0 times the published weight" in result.output
