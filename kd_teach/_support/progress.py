"""Progress bars: tqdm in a terminal or a notebook, nothing in tests and in log files."""

import os
import sys
from collections.abc import Iterable

from tqdm.auto import tqdm


def bar(iterable: Iterable, **options) -> tqdm:
    """`iterable` with a progress bar around it; `options` go to tqdm (`desc`, `total`, `leave`, ...).

    Silent with `KD_TEACH_PROGRESS=0`, under pytest and nbval, and where nobody watches (stderr is a file).
    """
    return tqdm(iterable, disable=_silent(), **options)


def say(line: str) -> None:
    """Print a line above the bars, and at once where the output is a file."""
    tqdm.write(line)
    sys.stdout.flush()


def _silent() -> bool:
    if os.environ.get("KD_TEACH_PROGRESS") == "0" or "PYTEST_CURRENT_TEST" in os.environ:
        return True
    in_notebook = type(sys.stderr).__module__.startswith("ipykernel.")
    return not (in_notebook or sys.stderr.isatty())
