"""`kd-teach runs`: what the cache of runs holds, how large it is, and how it is cleared."""

from filelock import FileLock
from typer.testing import CliRunner

from kd_teach import train_alone
from kd_teach.cli import app
from tests.helpers import tiny_data


def runs(folder, *options):
    result = CliRunner().invoke(app, ["runs", "--folder", str(folder), *options])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_the_cache_is_listed_sized_and_cleared(tmp_path):
    folder = tmp_path / "runs"
    assert runs(folder) == [f"0 runs in {folder}, 0.0 MB."]
    how = {"data": tiny_data(), "epochs": 1, "batch_size": 8, "device": "cpu", "cache": folder}
    card = train_alone("resnet8", **how).card
    unfinished = folder / "0000"
    unfinished.mkdir()
    (unfinished / "card.json").write_text("{")
    first, second, last = runs(folder)
    assert first.startswith(card["config_hash"]) and f"code {card['code'][:8]}: " in first
    assert "alone, resnet8 on tiny, 1 epochs, seed 0" in first and f"trained on {card['trained_on']}" in first
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert second.endswith("its card cannot be read") and last == f"2 runs in {folder}, {size / 1e6:.1f} MB."
    (folder / "not_ours").mkdir()
    (folder / "not_ours" / "notes.txt").write_text("mine")
    with FileLock(unfinished / ".lock"):  # as of a process that trains it
        assert runs(folder, "--clear")[-1].startswith("1 of 2 runs deleted") and unfinished.is_dir()
    assert runs(folder, "--clear")[-1].startswith("1 of 1 runs deleted")
    assert [path.name for path in folder.iterdir()] == ["not_ours"]
