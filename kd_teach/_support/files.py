"""Where this machine keeps what can be made again, and files that are whole or not there at all."""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from kd_teach._support.errors import DamagedFileError, NotWrittenError

PATIENCE = 1.0  # seconds of waiting for a lock before a word is said


def cache_dir() -> Path:
    """The folder of cached data and runs: `KD_TEACH_CACHE`, or `kd_teach` in the platform's folder for caches."""
    chosen = os.environ.get("KD_TEACH_CACHE")
    try:
        return Path(chosen or user_cache_path("kd_teach", appauthor=False)).expanduser()
    except RuntimeError:  # an account without a home, as in containers
        return Path(tempfile.gettempdir()) / "kd_teach"


def user_path(path: str | Path) -> Path:
    """The path, a leading ~ replaced by the home folder; as it is where nobody knows a home (Path.expanduser fails)."""
    return Path(os.path.expanduser(path))


def write_whole(path: Path, content: str | bytes | memoryview | Callable[[BinaryIO], object]) -> None:
    """Write a file, and the folders above it, so that no reader, no kill and no power cut ever sees half of it.

    The file has the umask's mode, as every file that a program simply opens.

    Args:
        path: the file; an old one is replaced in one step.
        content: text (kept as UTF-8), bytes, or what writes into the open binary file that it is given.

    Raises:
        NotWrittenError: the folder cannot be written or is full. What was written so far is removed.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")  # of its own: others may write the same
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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
    except OSError as problem:
        raise not_written(path, problem) from None


def sweep(path: Path) -> None:
    """Remove what writers of a file left that were killed; only for who holds the lock under which it is written."""
    for partial in path.parent.glob(f".{path.name}.*.part"):
        partial.unlink(missing_ok=True)


def not_written(path: Path, problem: OSError) -> NotWrittenError:
    """The sentence for a file that could not be written."""
    why = problem.strerror or str(problem)
    return NotWrittenError(
        f"{path} cannot be written ({why}): free space there, or choose a folder that you may write."
    )


def read_json(path: Path, wanted: Mapping[str, type | tuple[type, ...]], mend: str) -> dict:
    """The dict that a JSON file holds, with at least the keys of `wanted`, of these types.

    Raises:
        DamagedFileError: it holds anything else; `mend` says what to do about it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise damaged(path, f"no JSON: {problem}", mend) from None
    if not isinstance(content, dict):
        raise damaged(path, f"expected names with values, it holds a {type(content).__name__}", mend)
    for key, kind in wanted.items():
        if key not in content:
            raise damaged(path, f"{key} is missing", mend)
        if not isinstance(content[key], kind) or (isinstance(content[key], bool) and kind is not bool):
            raise damaged(path, f"{key} is a {type(content[key]).__name__}", mend)
    return content


def damaged(path: Path, what: object, mend: str) -> DamagedFileError:
    """The sentence for a file that cannot be what it should be."""
    return DamagedFileError(f"{path} is damaged ({' '.join(str(what).split())[:200]}). {mend}")


def sha256(content: bytes | memoryview | Path) -> str:
    """The checksum of bytes, or of a file."""
    if isinstance(content, Path):
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(content).hexdigest()


@contextmanager
def locked(path: Path, holder: Callable[[], str]) -> Iterator[bool]:
    """Hold the lock file `path`, which a kill releases, while the block runs; waits for whoever has it.

    Args:
        path: of the lock file. It stays when the block ends: others may be waiting with it open.
        holder: called when the wait is not a short one; says for whom it is.

    Yields:
        Whether somebody else held it first.

    Raises:
        NotWrittenError: it cannot be created.
    """
    lock, waited = FileLock(path), True
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
            waited = False
        except Timeout:
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                print(f"Waiting for {holder()}.", flush=True)
                lock.acquire(timeout=-1)
    except (OSError, NotImplementedError) as problem:  # the second: a file system without locks
        raise not_written(path, problem if isinstance(problem, OSError) else OSError(str(problem))) from None
    try:
        yield waited
    finally:
        lock.release()
