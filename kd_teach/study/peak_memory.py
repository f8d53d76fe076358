"""The largest memory of a training, epoch by epoch."""

import contextlib
import sys
import time
from pathlib import Path

import torch

from kd_teach._support.proc import proc
from kd_teach.training.malloc import give_back_unused
from kd_teach.training.precision import pick_device
from kd_teach.training.records import Record

MB = 10**6


class PeakMemory:
    """Peak memory of the epochs that were trained while this watched; pass `note` as `on_epoch`.

    `peak_mb` is the maximum over these epochs, None if there was none.
    On CUDA: what PyTorch's allocator handed out at most. On the CPU: the peak resident memory of the whole process,
    with Python, the libraries, the images and whatever earlier cells left that the system has not got back.
    So it tells what a machine must have, and differences between methods are lower bounds. On Linux the peak is reset
    before each epoch; elsewhere it cannot be and covers the process since its start; on Windows it is not measured.
    """

    def __init__(self, device: str = "auto") -> None:
        self.peak_mb: float | None = None
        self.trained = False
        self._device = pick_device(device)
        give_back_unused()
        self._start()

    def note(self, record: Record) -> None:
        """Take in an epoch that has just ended. One that a checkpoint only repeats came too soon and does not count."""
        if time.perf_counter() - self._started >= record.seconds:
            self.trained = True
            if (peak := peak_mb(self._device)) is not None:
                self.peak_mb = max(self.peak_mb or 0.0, peak)
        self._start()

    def _start(self) -> None:
        reset_peak(self._device)
        self._started = time.perf_counter()


def reset_peak(device: torch.device) -> None:
    """Let the next `peak_mb` start from what is in use now, where that is possible."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux: peak = present


def peak_mb(device: torch.device) -> float | None:
    """Peak memory in MB (10^6 bytes) since the last reset; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MB
    if highest := proc("self/status").get("VmHWM"):  # as "123456 kB"
        return int(highest.split()[0]) * 1024 / MB
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB
