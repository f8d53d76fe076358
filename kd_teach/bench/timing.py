"""Measuring one forward and backward pass: its peak memory, its time, and the time it could not go below."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.benchmark import Measurement, Timer

Run = Callable[[], object]
T = TypeVar("T")


def peak_memory(run: Callable[[], T], device: str = "cpu") -> tuple[int, T]:
    """Bytes that `run()` held at its peak, beyond what was there before, and what it returned.

    On CUDA the caching allocator counts. On the CPU PyTorch's profiler notes every allocation and free, and the
    peak is that of their running sum: exact to the byte for all that passes through PyTorch's allocator, temporaries
    inside an operator too. What a BLAS library takes for itself is not seen.

    Example:
        >>> x = torch.zeros(1000)
        >>> peak_memory(lambda: ((x + 1) + 1).sum())[0] // 1000  # two of 4000 bytes at once, and a few for numbers
        8
    """
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before, result

    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler writes to stderr when it starts and stops
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = run()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    held = peak = 0
    for event in sorted((e for e in events if e["name"] == "[memory]"), key=lambda e: e["ts"]):
        held += event["args"]["Bytes"]  # negative when freed
        peak = max(peak, held)
    return peak, result


def take_turns(runs: Mapping[str, Run], seconds: float, turns: int = 3) -> dict[str, Measurement]:
    """Times of several functions, by `torch.utils.benchmark`, in turns: a machine whose speed drifts favours none.

    Each is measured for about `seconds`, in `turns` parts; a run that takes longer than a part is measured at least
    once. The medians are what to look at.
    """
    timers = {
        name: Timer("run()", globals={"run": run}, label=name, num_threads=torch.get_num_threads())
        for name, run in runs.items()
    }
    parts: dict[str, list[Measurement]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, timer in timers.items():
            if spent(parts[name]) < seconds:
                parts[name].append(timer.blocked_autorange(min_run_time=seconds / turns))
    return {name: Measurement.merge(measured)[0] for name, measured in parts.items()}


def spent(parts: list[Measurement]) -> float:
    return sum(sum(part.raw_times) for part in parts)


@dataclass(frozen=True)
class Speed:
    """What this machine does in a second, for tensors that do not fit its caches."""

    copied: float  # bytes read plus bytes written
    multiplied: float  # floating-point operations of float32 matmuls, two per multiply-add

    def floor(self, bytes_moved: float, operations: float) -> float:
        """Seconds below which no program gets that must do both: the slower of the two, as they may overlap."""
        return max(bytes_moved / self.copied, operations / self.multiplied)


def measure_speed(device: str = "cpu", seconds: float = 0.2) -> Speed:
    """A copy of 64 MiB and a product of two 1024 x 1024 matrices."""
    source = torch.ones(2**24, device=device)
    target = torch.empty_like(source)
    matrix = torch.ones(1024, 1024, device=device)
    times = take_turns({"copy": lambda: target.copy_(source), "matmul": lambda: matrix @ matrix}, seconds)
    return Speed(2 * source.nbytes / times["copy"].median, 2 * 1024**3 / times["matmul"].median)
