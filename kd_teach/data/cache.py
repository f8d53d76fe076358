"""Tensors kept on disk after they were drawn or decoded once, as safetensors files (no pickle)."""

import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


def cache_dir() -> Path:
    """The folder of cached data: `KD_TEACH_CACHE`, or `kd_teach` in the platform's folder for caches."""
    if chosen := os.environ.get("KD_TEACH_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kd_teach"


def cached(name: str, key: bytes, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors that `make()` returns, made once for each `key` and read from disk afterwards.

    `key` is whatever decides the result: a list of files with sizes and times, the source of a drawing. A
    cached file that cannot be read is made anew; a folder that cannot be written gives a warning, no error.
    """
    path = cache_dir() / f"{name}-{hashlib.sha256(key).hexdigest()[:16]}.safetensors"
    if path.exists():
        try:
            return load_file(path)
        except (OSError, SafetensorError):
            pass
    tensors = make()
    unfinished = path.with_suffix(f".{os.getpid()}")  # another process may be making the same file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, unfinished)
        unfinished.replace(path)
    except (OSError, SafetensorError) as problem:
        if unfinished.exists():
            unfinished.unlink()
        advice = "set KD_TEACH_CACHE to a folder that can be written"
        warnings.warn(f"Could not keep {name} in {path.parent} ({problem}); {advice}.", stacklevel=2)
    return tensors
