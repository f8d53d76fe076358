"""Memory that a training step gives back and the next one wants again."""

import ctypes
import platform

# Two of the parameters of mallopt(3), in bytes:
TRIM_THRESHOLD, KEPT_AT_MOST = -1, 1 << 30  # free at the top of the heap: more than a step of a small network frees
MMAP_THRESHOLD, MAPPED_ALONE_FROM = -3, 32 << 20  # size of one block: the most that every glibc takes


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, for this whole process; whether it could be told.

    By default glibc gives large blocks back to the system at once, and at the next step the system has to find and
    clear thousands of pages again: a tenth of the time of a KD step. The process stays as large as it once was. Only
    glibc (Linux) has this switch.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return all([libc.mallopt(TRIM_THRESHOLD, KEPT_AT_MOST), libc.mallopt(MMAP_THRESHOLD, MAPPED_ALONE_FROM)])
