"""Where to compute, and in which number format: the fastest that the machine really has, unless told otherwise."""

import functools

import torch

from kd_teach._support.proc import proc

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_device(device: str = "auto") -> torch.device:
    """The device called `device`; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ValueError: an unknown device, or one that this machine or this build of PyTorch does not have.
    """
    has_mps = torch.backends.mps.is_available()
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    picked = torch.device(known_device(device))
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(has_mps)}[picked.type]
    if (picked.index or 0) >= count:
        raise ValueError(f"This machine (or this build of PyTorch) has no {device!r}; use device='auto' or 'cpu'.")
    return picked


def known_device(device: str | torch.device) -> str:
    """The name of a device of a kind that we train on, wherever it is; ValueError for any other."""
    try:
        if device == "auto" or torch.device(device).type in ("cpu", "cuda", "mps"):
            return str(device)
    except (RuntimeError, TypeError):
        pass
    raise ValueError(f"Unknown device {device!r}; expected auto, cpu, cuda or mps.")


def pick_precision(precision: str = "auto", device: str = "auto") -> str:
    """The number format of the layers: "auto" is bfloat16 where the processor computes in it, else float32.

    Losses are computed in float32 whatever stands here.
    """
    if precision != "auto":
        if precision not in PRECISIONS:
            raise ValueError(f"Unknown precision {precision!r}; expected auto, {' or '.join(PRECISIONS)}.")
        return precision
    kind = pick_device(device).type
    has_bfloat16 = (kind == "cuda" and cuda_has_bfloat16()) or (kind == "cpu" and cpu_has_bfloat16())
    return "bfloat16" if has_bfloat16 else "float32"


def cuda_has_bfloat16() -> bool:
    """Tensor cores for bfloat16 came with compute capability 8.0; before, it is emulated."""
    return torch.cuda.get_device_capability() >= (8, 0)


@functools.cache
def cpu_has_bfloat16() -> bool:
    """True where the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX).

    PyTorch emulates bfloat16 elsewhere: on an AVX2 laptop that is about eight times slower than float32.
    """
    if flags := proc("cpuinfo").get("flags"):
        return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())
    private = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name)() for name in private if hasattr(torch.cpu, name))


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A context in which layers compute in `precision`."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
