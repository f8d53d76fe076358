"""What a lesson costs: turns, medians, phases; and that a method with more work takes more."""

from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from kd_teach.bench import bench_steps, steps
from kd_teach.cli import app


@pytest.fixture
def timed(monkeypatch):
    """Each phase takes as many seconds as `train` was called so far."""
    calls = []

    def train(run, data, settings):
        calls.append((type(run).__name__, len(data.train) // settings.batch_size))
        names = [phase.name for phase in run.phases()]
        return [SimpleNamespace(phase=name, seconds=float(len(calls)), complete=True) for name in names]

    monkeypatch.setattr(steps, "train", train)
    monkeypatch.setattr(steps, "peak_memory", lambda run, device: (len(calls) * 10**6, run()))
    return calls


def test_methods_take_turns_and_the_median_of_the_rounds_counts(timed):
    table = bench_steps(["alone", "ft"], rounds=3, steps=2).set_index(["method", "phase"])
    assert [name for name, count in timed if count == 2] == 4 * ["Alone", "Distiller"]  # one round is not counted
    alone = table.loc[("alone", "alone")]  # its turns: 1 (not counted), 3, 5, 7 seconds for two steps
    assert alone[["ms_per_step", "fastest", "slowest"]].tolist() == [2500, 1500, 3500]
    assert alone["epochs"] == 6 and alone["seconds"] == 2.5 * (10_000 // 64) * 6
    assert table.loc["ft", "epochs"].tolist() == [1, 5] and table.loc[("ft", "distil"), "ms_per_step"] == 3000
    assert alone["peak_mb"] == 8 and table.loc["ft", "variant"].tolist() == ["paper", "paper"]


def test_all_methods_are_measured_and_unknown_ones_refused(timed):
    assert bench_steps(rounds=1, steps=1)["method"].nunique() == 15
    with pytest.raises(ValueError, match="fitnet"):
        bench_steps(["fitnets"])


def test_a_teacher_costs_time_and_memory():
    alone, kd = bench_steps(["alone", "kd"], rounds=2, steps=3).itertuples()
    assert kd.fastest > alone.fastest > 0 and kd.peak_mb > 1 and alone.peak_mb > 1


def test_the_command_keeps_its_table(timed, tmp_path):
    asked = ["bench", "steps", "--rounds", "2", "--method", "kd", "--out", str(tmp_path / "costs.csv")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0 and "thread(s)" in result.output, result.output
    assert pd.read_csv(tmp_path / "costs.csv").loc[0, ["method", "variant", "epochs"]].tolist() == ["kd", "paper", 6]
