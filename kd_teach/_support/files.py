"""Where this machine keeps what can be made again, and files that are whole or not there at all."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_cache_path


def cache_dir() -> Path:
    """The folder of cached data and runs: `KD_TEACH_CACHE`, or `kd_teach` in the platform's folder for caches."""
    chosen = os.environ.get("KD_TEACH_CACHE")
    return user_path(chosen) if chosen else user_cache_path("kd_teach", appauthor=False)


def user_path(path: str | Path) -> Path:
    """The path, a leading ~ replaced by the home folder; as it is where nobody knows a home (Path.expanduser fails)."""
    return Path(os.path.expanduser(path))


def write_whole(path: Path, content: str | bytes | Callable[[BinaryIO], object]) -> None:
    """Write a file, and the folders above it, so that no reader, no kill and no power cut ever sees half of it.

    The file has the umask's mode, as every file that a program simply opens.

    Args:
        path: the file; an old one is replaced in one step.
        content: text (kept as UTF-8), bytes, or what writes into the open binary file that it is given.

    Raises:
        OSError: the folder cannot be written or is full. What was written so far is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")  # of its own: others may be writing the same
    try:
        with partial.open("xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:  # Ctrl-C too
        partial.unlink(missing_ok=True)
        raise
