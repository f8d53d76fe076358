"""Tensors kept on disk after they were drawn or decoded once, as safetensors files (no pickle)."""

import hashlib
import warnings
from collections.abc import Callable

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from kd_teach._support.files import cache_dir, write_whole


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
    try:
        write_whole(path, save(tensors))
    except OSError as problem:
        advice = "set KD_TEACH_CACHE to a folder that can be written"
        warnings.warn(f"Could not keep {name} in {path.parent} ({problem}); {advice}.", stacklevel=2)
    return tensors
