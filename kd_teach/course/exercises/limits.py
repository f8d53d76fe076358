"""Code that is not ours runs with limits of time, memory and output."""

import builtins
import contextlib
import ctypes
import faulthandler
import gc
import io
import os
import pickle
import selectors
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

import torch

Answer = TypeVar("Answer")

MOST = 20_000  # characters that a submission may print; a flood would fill the notebook and the memory
MEMORY = 2 * 2**30  # bytes that it may take beyond what Python and torch hold already
FILE = 10 * 2**20  # bytes that it may write into a file


class TooSlow(Exception):
    """The code did not come back in time."""


class TooLoud(Exception):
    """The code printed more than `MOST` characters."""


class Raised(Exception):
    """The code raised. The error stays where it was, for it may be of the code's own making; this tells of it.

    Attributes:
        name: of the error's class.
        text: what it says.
        lines: (file, line) of each call that led to it, the last one last.
    """

    def __init__(self, name: str, text: str = "", lines: Iterable[tuple[str, int]] = ()) -> None:
        super().__init__(name, text)
        self.name, self.text, self.lines = name, text, list(lines)


class Died(Raised):
    """The code ended the process that it ran in."""


class _Stop(BaseException):
    """Raised inside the thread; not an Exception, so that the code's own `except Exception` lets it through."""


def within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """What `work()` returns; what it prints is printed afterwards.

    On Linux it runs in a forked process, which can be killed wherever it hangs, which has a limit of memory, and whose
    changes nobody sees. Elsewhere (no fork on Windows; on macOS a fork of a process with threads may crash) it is a
    thread: Python code is stopped at its next step, again and again where it catches everything; a call that hangs
    inside C is left behind and ends by itself, and memory has no limit.

    With an accelerator, autograd refuses to work in a fork. Then the fork is a rehearsal: what ends well there, or with
    an error that does no harm, runs once more in a thread.

    Raises:
        Raised: whatever `work` raised; Died where it ended its process.
        TooSlow, TooLoud: it took longer than `seconds`, or printed too much.
    """
    if sys.platform != "linux":
        return in_a_thread(seconds, work)
    if not torch.accelerator.is_available():
        return _in_a_process(seconds, work)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _in_a_process(seconds, work)
    except Raised as raised:
        if raised.name != "RuntimeError" or "fork" not in raised.text:
            raise
    return in_a_thread(seconds, work)


def _in_a_process(seconds: float, work: Callable[[], Any]) -> Any:
    (answer, answer_to), (text, text_to) = os.pipe(), os.pipe()
    print(end="", flush=True)
    with warnings.catch_warnings():  # Python warns of forks beside threads; `_child` says why this one is safe
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _child(work, answer_to, text_to)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)  # whoever comes first, the child does the same
    received = {answer: b"", text: b""}
    try:
        os.close(answer_to)
        os.close(text_to)
        in_time = _receive(received, answer, text, time.monotonic() + seconds)
    finally:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)  # and all that it started
        os.waitpid(pid, 0)
        os.close(answer)
        os.close(text)
        print(received[text].decode(errors="replace")[:MOST], end="")
    if len(received[text]) > MOST or len(received[answer]) > MEMORY:
        raise TooLoud
    if not in_time:
        raise TooSlow
    try:
        kind, *what = pickle.loads(received[answer])
    except (EOFError, pickle.UnpicklingError):
        raise Died("the process") from None
    if kind == "raised":
        raise Raised(*what)
    return what[0]


def _receive(received: dict[int, bytes], answer: int, text: int, end: float) -> bool:
    """Read until the answer is complete; False where time is over before. A flood ends it as well."""
    with selectors.DefaultSelector() as pipes:
        for pipe in received:
            pipes.register(pipe, selectors.EVENT_READ)
        while answer in pipes.get_map():
            ready = pipes.select(max(0.0, end - time.monotonic()))
            if not ready:
                return False
            for key, _ in ready:
                part = os.read(key.fd, 2**20)
                received[key.fd] += part
                if not part:
                    pipes.unregister(key.fd)
            if len(received[text]) > MOST or len(received[answer]) > MEMORY:
                break
        os.set_blocking(text, False)
        with contextlib.suppress(BlockingIOError):  # what was printed last
            received[text] += os.read(text, MOST + 1)
    return True


def _child(work: Callable[[], Any], answer_to: int, text_to: int) -> NoReturn:
    """The forked process's life.

    A fork copies the thread that called it and no other, so that nothing here may wait for the rest. PyTorch's and
    MKL's pools of threads are such: with one thread everything is computed in the calling one, and no pool is asked
    (PyTorch's own DataLoader begins its workers so). Autograd goes backward on the CPU in the calling thread, too.
    The locks of Python's imports and of malloc are made anew by a fork; Jupyter's streams are put aside, and its
    messages are sent by the parent only. What hangs all the same is killed when its time is over.
    """
    try:
        os.setpgid(0, 0)  # so that ^C does not reach it, and all that it starts can be killed
        torch.set_num_threads(1)
        faulthandler.disable()
        gc.disable()  # it would touch, and so copy, the parent's memory
        os.dup2(text_to, 1)  # what C and other processes print, too
        os.dup2(text_to, 2)
        sys.stdout = sys.stderr = open(text_to, "w", buffering=1, encoding="utf-8", errors="replace")  # noqa: SIM115
        builtins.input = _nobody_answers  # type: ignore[assignment]
        before = _limited()
        outcome: tuple
        try:
            outcome = ("answer", work())
        except BaseException as error:
            outcome = ("raised", *_told(error))
        for what, limits in before.items():
            _resource().setrlimit(what, limits)
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
        with open(answer_to, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
    finally:
        os._exit(1)  # not a return: there is a second notebook on the stack


def _resource() -> Any:
    import resource  # not on Windows

    return resource


def _limited() -> dict[int, tuple[int, int]]:
    """Set this process's limits; the ones before, for what comes after the submission."""
    resource = _resource()
    with open("/proc/self/statm") as numbers:
        size = int(numbers.read().split()[0]) * resource.getpagesize()
    wanted = {resource.RLIMIT_AS: size + MEMORY, resource.RLIMIT_FSIZE: FILE, resource.RLIMIT_CORE: 0}
    before = {what: resource.getrlimit(what) for what in wanted}
    for what, most in wanted.items():
        hard = before[what][1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    return before


def _nobody_answers(prompt: object = "") -> str:
    raise EOFError("nobody is there to answer input() while your function is checked.")


def _told(error: BaseException) -> tuple[str, str, list[tuple[str, int]]]:
    """What `Raised` is made from."""
    try:
        text = str(error)[:1000]
    except BaseException:
        text = ""
    if isinstance(error, MemoryError) or "allocate memory" in text:
        text = f"more than {MEMORY / 2**30:.0f} GB asked for. Is a shape not what it should be, or does a list grow?"
        return "MemoryError", text, []
    steps = list(traceback.walk_tb(error.__traceback__))[-1000:]
    return type(error).__name__, text, [(frame.f_code.co_filename, line) for frame, line in steps]


class _Sink(io.StringIO):
    """Keeps what is printed, and stops a flood."""

    loud = False

    def write(self, text: str) -> int:
        if self.tell() + len(text) > MOST:
            self.loud = True
            raise _Stop
        return super().write(text)


def in_a_thread(seconds: float, work: Callable[[], Answer]) -> Answer:
    """As `within` where there is no fork, and ten times as quick; for tests, too."""
    answers: list[Answer] = []
    errors: list[Raised] = []
    ended: list[bool] = []
    sink, leave = _Sink(), os._exit

    def run() -> None:
        try:
            answers.append(work())
        except _Stop:
            ended.append(True)
        except BaseException as error:  # handed on to the caller, below
            errors.append(Raised(*_told(error)))

    thread = threading.Thread(target=run, daemon=True, name="kd_teach exercise")
    os._exit = sys.exit  # type: ignore[assignment]
    try:
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            thread.start()
            thread.join(seconds)
            slow = thread.is_alive()
            give_up, pause = time.monotonic() + 3, 0.5
            while thread.is_alive() and not ended and time.monotonic() < give_up:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
                thread.join(pause)
                pause = 0.01
            thread.join(0.5)
    finally:
        os._exit = leave
    print(sink.getvalue(), end="")
    if sink.loud:
        raise TooLoud
    if slow:
        raise TooSlow
    if errors:
        raise errors[0]
    return answers[0]
