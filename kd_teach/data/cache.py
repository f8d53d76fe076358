"""Tensors kept on disk after they were drawn or decoded once, as safetensors files (no pickle) with a checksum."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from kd_teach._support.files import cache_dir, write_whole


def cached(name: str, key: bytes, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors that `make()` returns, made once for each `key` and read from disk afterwards.

    `key` is whatever decides the result: a list of files with sizes and times, the source of a drawing. A
    cached file that cannot be read is made anew; a folder that cannot be written gives a warning, no error.
    """
    path = cache_dir() / f"{name}-{hashlib.sha256(key).hexdigest()[:16]}.safetensors"
    with suppress(OSError, SafetensorError), safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        if file.metadata() == {"sha256": checksum(tensors)}:
            return tensors
    tensors = make()
    try:
        write_whole(path, save(tensors, {"sha256": checksum(tensors)}))
    except OSError as problem:
        advice = "set KD_TEACH_CACHE to a folder that can be written"
        warnings.warn(f"Could not keep {name} in {path.parent} ({problem}); {advice}.", stacklevel=2)
    return tensors


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """Over the names, types, shapes and contents of tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()
