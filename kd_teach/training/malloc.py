"""Memory that a training step gives back and the next one wants again. Only glibc (Linux) can be told about it."""

import ctypes
import gc
import platform

# Two of the parameters of mallopt(3), in bytes:
TRIM_THRESHOLD, KEPT_AT_MOST = -1, 1 << 30  # free at the top of the heap: more than a step of a small network frees
MMAP_THRESHOLD, MAPPED_ALONE_FROM = -3, 32 << 20  # size of one block: the most that every glibc takes


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, for this whole process; whether it could be told.

    By default glibc gives large blocks back to the system at once, and at the next step the system has to find and
    clear thousands of pages again: a tenth of the time of a KD step. With this the process stays as large as it once
    was, until `give_back_unused`.
    """
    libc = glibc()
    return libc is not None and all(
        [libc.mallopt(TRIM_THRESHOLD, KEPT_AT_MOST), libc.mallopt(MMAP_THRESHOLD, MAPPED_ALONE_FROM)]
    )


def give_back_unused() -> None:
    """Return freed memory to the system, so that one training's appetite is not counted as the next one's."""
    gc.collect()
    if (libc := glibc()) is not None:
        libc.malloc_trim(0)


def glibc() -> ctypes.CDLL | None:
    """The C library, if it is glibc."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
