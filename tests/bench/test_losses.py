"""The race: its meters on cases known by hand, and the table on a budget of nothing."""

import pytest
import torch
from torch.utils.benchmark import Measurement
from typer.testing import CliRunner

from kd_teach.bench import bench_losses
from kd_teach.bench.losses import bytes_moved, digits, largest_difference, operations, show
from kd_teach.bench.races import SIZES, Sizes, prepare
from kd_teach.bench.timing import Speed, measure_speed, peak_memory, take_turns
from kd_teach.cli import app

SMALL = Sizes(batch=5, grid=16, stem=4, widths=(4, 4, 6), classes=7, images=60, options={"crd": {"negatives": 20}})


def chain():
    """Holds 1, 2, 1, 3 and 2 tensors of 4000 bytes in turn."""
    a = torch.ones(1000)
    b = a + 1
    del a
    c, d = b * 2, b * 3
    del b
    return c, d


def test_peak_memory_known_by_hand():
    before = torch.ones(10_000)  # not counted
    peak, (c, _) = peak_memory(chain)
    assert peak == pytest.approx(12_000, abs=64)  # scalars of 4 or 8 bytes come and go
    assert c[0] == 4 and before[0] == 1


def test_peak_memory_sees_the_graph_and_the_backward_pass():
    x = torch.ones(1000, requires_grad=True)

    def step():  # exp keeps its result; its gradient is one more tensor, that of the sum an expanded number
        return torch.autograd.grad(x.exp().sum(), [x])

    assert peak_memory(step)[0] == pytest.approx(8000, abs=64)


def test_peak_memory_sees_temporaries_within_an_operation():
    x = torch.ones(100, 10)  # `bmm` copies an expanded, transposed operand; nothing in Python holds it
    assert peak_memory(lambda: torch.einsum("ni,nj->nij", x, x).sum())[0] >= 100 * 10 * 10 * 4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_peak_memory_on_cuda():
    x = torch.ones(2**20, device="cuda")
    assert peak_memory(lambda: ((x + 1) + 1).sum(), "cuda")[0] == pytest.approx(2 * x.nbytes, rel=0.01)


def test_turns_give_each_function_its_own_median():
    large, small = torch.ones(400, 400), torch.ones(40, 40)
    times = take_turns({"slow": lambda: large @ large, "fast": lambda: small @ small}, seconds=0.01)
    assert times["slow"].median > 5 * times["fast"].median > 0


def test_turns_alternate_until_the_seconds_are_spent(monkeypatch):
    order = []

    def measured(self, min_run_time):
        order.append((self._task_spec.label, min_run_time))
        return Measurement(number_per_run=10, raw_times=[cost[self._task_spec.label]], task_spec=self._task_spec)

    cost = {"a": 1.0, "b": 7.0}
    monkeypatch.setattr("torch.utils.benchmark.Timer.blocked_autorange", measured)
    times = take_turns(dict.fromkeys("ab", lambda: None), seconds=3.0)
    assert order == [("a", 1.0), ("b", 1.0), ("a", 1.0), ("a", 1.0)]  # b has had enough after one
    assert (times["a"].median, times["b"].median) == (0.1, 0.7)


def test_turns_stop_early_when_one_run_takes_longer_than_its_share():
    calls = []
    take_turns({"slow": lambda: calls.append(1) or torch.ones(500, 500) @ torch.ones(500, 500)}, seconds=1e-6)
    assert len(calls) == 2  # a warm-up and one measured run: the naive NST needs half a minute for each


def test_floor_is_the_slower_of_moving_and_multiplying():
    speed = Speed(copied=100.0, multiplied=1000.0)
    assert speed.floor(50, 100) == 0.5 and speed.floor(50, 2000) == 2.0
    measured = measure_speed(seconds=0.001)
    assert 1e8 < measured.copied < 1e13 and 1e8 < measured.multiplied < 1e15


def test_bytes_and_operations_by_hand():
    assert bytes_moved(prepare("kd", "paper", SMALL)) == 3 * 5 * 7 * 4  # read both logits, write one gradient
    x = torch.ones(3, 4)
    assert operations(lambda: x @ x.T) == 2 * 3 * 4 * 3


def test_difference_is_relative_to_the_largest_entry_and_spares_parameters():
    reference = (torch.tensor(2.0), torch.tensor([0.0, 10.0]), torch.tensor([1e-9]))
    result = (torch.tensor(2.0), torch.tensor([0.1, 10.0]), torch.tensor([1.0]))
    assert largest_difference(result, reference, taps=1) == pytest.approx(0.01)


def test_table():
    table = bench_losses(["kd", "fitnet", "fsp"], seconds=0.002, sizes=SMALL)
    rows = [("kd", "paper"), ("fitnet", "paper"), ("fitnet", "repdistiller")]
    rows += [("fsp", "paper"), ("fsp", "repdistiller"), ("fsp", "adapter")]
    assert list(zip(table["method"], table["variant"], strict=True)) == rows
    assert (table["max rel. difference"] <= 1e-5).all()
    assert (table[["ours ms", "ours MB", "times floor"]] > 0).all(axis=None)
    assert table["published ms"].notna().tolist() == [False] * 3 + [True] * 3
    ratio = table["published ms"] / table["ours ms"]
    assert table["published / ours"].tolist() == pytest.approx(ratio.tolist(), nan_ok=True)
    assert bench_losses(["fsp"], seconds=0.001, sizes=SMALL, published=False)["published ms"].isna().all()
    assert [digits(x) for x in (12017.4, 41.26, 0.00471, 0.0)] == ["12017", "41.3", "0.00471", "0"]
    printed = show(table)
    assert "published / ours" in printed and "repdistiller" in printed and "–" in printed


def test_sizes_have_names():
    assert set(SIZES) == {"lesson", "large"}
    with pytest.raises(ValueError, match="Unknown sizes 'lessons'. Did you mean 'lesson'"):
        bench_losses(["kd"], sizes="lessons")


def test_an_unknown_method_gets_the_nearest_name():
    with pytest.raises(ValueError, match=r"Unknown method of the bench 'fitnets'. Did you mean 'fitnet'\?"):
        bench_losses(["fitnets"])


def test_command_line():
    command = ["bench", "losses", "--method", "kd", "--method", "pkt", "--seconds", "0.001", "--maps", "lesson"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    heading, *rows = result.output.strip().splitlines()
    assert "ours ms" in heading and "times floor" in heading
    assert [row.split()[:2] for row in rows] == [["kd", "paper"], ["pkt", "paper"], ["pkt", "repdistiller"]]
