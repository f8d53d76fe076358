"""Ctrl-C that lets the current batch finish."""

import signal
import threading
from types import FrameType


class Interruptible:
    """While active, the first Ctrl-C (or a notebook's stop button) only sets `asked`; a second one ends at once.

    Signals reach the main thread alone, so elsewhere this does nothing.
    """

    asked = False

    def __enter__(self) -> "Interruptible":
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            self._previous = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *exception) -> None:
        if self._in_main:
            signal.signal(signal.SIGINT, self._previous)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("\nStopping after this batch; once more to stop at once.", flush=True)
