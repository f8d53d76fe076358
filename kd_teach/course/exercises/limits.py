"""Code that is not ours: it runs with a limit of time and of output, and leaves everything as it was."""

import contextlib
import ctypes
import io
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

Answer = TypeVar("Answer")

MOST = 20_000  # characters that a submission may print; a flood would fill the notebook and the memory
OPEN = (torch, F, nn, torch.Tensor, torch.linalg, math, np)  # what an exercise uses, and so what a cell may overwrite
ORIGINAL = [dict(vars(place)) for place in OPEN]


class TooSlow(Exception):
    """The code did not come back in time."""


class TooLoud(Exception):
    """The code printed more than `MOST` characters."""


class Raised(Exception):
    """The code raised; `error` may be a SystemExit or a KeyboardInterrupt of its own, so it is not raised here."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class _Stop(BaseException):
    """Raised inside the thread; not an Exception, so that the code's own `except Exception` lets it through."""


class _Sink(io.StringIO):
    """Keeps what is printed, and stops a flood."""

    loud = False

    def write(self, text: str) -> int:
        if self.tell() + len(text) > MOST:
            self.loud = True
            raise _Stop
        return super().write(text)


def within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """What `work()` returns; what it prints is printed afterwards.

    A thread, not a signal: it works on every system and inside a notebook. Python code is stopped at its next step,
    again and again where it catches everything; a call that hangs inside C (a very long sleep) is left behind and ends
    by itself.

    Raises:
        Raised: whatever `work` raised.
        TooSlow, TooLoud: it took longer than `seconds`, or printed too much.
    """
    answers: list[Answer] = []
    errors: list[BaseException] = []
    ended: list[bool] = []
    sink = _Sink()

    def run() -> None:
        try:
            answers.append(work())
        except _Stop:
            ended.append(True)
        except BaseException as error:  # handed on to the caller, below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="kd_teach exercise")
    with contextlib.redirect_stdout(sink):
        thread.start()
        thread.join(seconds)
        slow = thread.is_alive()
        give_up, pause = time.monotonic() + 3, 0.5
        while thread.is_alive() and not ended and time.monotonic() < give_up:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
            thread.join(pause)
            pause = 0.01
        thread.join(0.5)
    sys.stdout.write(sink.getvalue())
    if sink.loud:
        raise TooLoud
    if slow:
        raise TooSlow
    if errors:
        raise Raised(errors[0])
    return answers[0]


@contextlib.contextmanager
def untouched() -> Iterator[None]:
    """Inside, torch's functions are the original ones; afterwards all is as before, whatever the code did to it."""
    dtype = torch.get_default_dtype()
    rules = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    grad, threads, folder = torch.is_grad_enabled(), torch.get_num_threads(), os.getcwd()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002  the state that old code draws from
    streams = sys.stdout, sys.stderr
    before = [dict(vars(place)) for place in OPEN]
    _put_back(ORIGINAL)
    try:
        yield
    finally:
        _put_back(before)
        sys.stdout, sys.stderr = streams
        torch.set_default_dtype(dtype)
        if (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ) != rules:
            torch.use_deterministic_algorithms(rules[0], warn_only=rules[1])
        torch.set_grad_enabled(grad)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        os.chdir(folder)
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])  # noqa: NPY002


def _put_back(states: list[dict]) -> None:
    for place, state in zip(OPEN, states, strict=True):
        now = vars(place)
        for name in [name for name, value in state.items() if now.get(name) is not value]:
            setattr(place, name, state[name])
        if isinstance(place, type):  # what it had inherited, and what hides that now
            for name in [name for name in now if name not in state]:
                delattr(place, name)
