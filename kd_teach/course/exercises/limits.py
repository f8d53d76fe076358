"""A time limit for code that is not ours: it runs in a thread, and an endless loop in it is stopped from outside."""

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


class TooSlow(Exception):
    """The code did not come back in time."""


class _Stop(BaseException):
    """Raised inside the thread; not an Exception, so that the code's own `except Exception` lets it through."""


def within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """What `work()` returns, or what it raises; TooSlow when it takes longer than `seconds`.

    A thread, not a signal: it works on every system and inside a notebook. Python code is stopped at its next step; a
    call that hangs inside C (a very long sleep) is left behind and ends by itself.
    """
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except _Stop:
            pass
        except BaseException as error:  # handed on to the caller, below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="kd_teach exercise")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
        thread.join(1.0)
        raise TooSlow
    if errors:
        raise errors[0]
    return answers[0]
