"""What one training step frees is there for the next, and what nobody uses can be given back."""

import platform
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kd_teach import Alone, Settings, create_model, train
from kd_teach.data import Data
from kd_teach.training.malloc import give_back_unused, keep_freed_memory
from tests.helpers import tiny_split

GLIBC = platform.libc_ver()[0] == "glibc"


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told to keep memory")
def test_later_steps_need_no_new_pages():
    import resource  # not on Windows

    torch.manual_seed(0)
    splits = [tiny_split(count, size=32) for count in (320, 0, 4)]
    data = Data("tiny", *splits, ("a", "b", "c"), (0.3, 0.3, 0.3), (0.25, 0.25, 0.25))
    run = Alone(create_model("resnet8", 3), data)
    faults = []

    def count():
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

    [phase] = run.phases()
    run.phases = lambda: [replace(phase, after_step=count)]
    list(train(run, data, Settings(epochs=2, batch_size=64, device="cpu", precision="float32")))
    assert faults[-1] - faults[4] < 6000  # pages of 4 KB in the second epoch: 0 to 2,000, or 15,000 to 60,000


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told to keep memory")
def test_what_is_kept_can_be_given_back():
    def pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    keep_freed_memory()
    blocks = [torch.zeros(2**20) for _ in range(50)]  # 4 MB each
    del blocks
    kept = pages()
    give_back_unused()
    assert pages() < kept - 25_000  # 100 MB


def test_elsewhere_nothing_is_told(monkeypatch):
    assert keep_freed_memory() == GLIBC
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", None)  # calling it would fail
    assert not keep_freed_memory()
    give_back_unused()
