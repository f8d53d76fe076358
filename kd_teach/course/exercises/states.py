"""What code that is not ours may have changed: settings, random numbers, and what stands in modules."""

import builtins
import contextlib
import math
import operator
import os
import pickle
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

OPEN = (builtins, torch, F, nn, torch.Tensor, torch.linalg, math, np)  # what an exercise uses, and a cell may overwrite


def contents(places: Iterable[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """What stands now in modules and classes, for `put_back`."""
    return [(place, dict(vars(place))) for place in places]


def put_back(before: list[tuple[Any, dict[str, Any]]]) -> None:
    """Undo what was overwritten in modules and classes."""
    for place, state in before:
        now = vars(place)
        for name in [name for name, value in state.items() if now.get(name) is not value]:
            setattr(place, name, state[name])
        if isinstance(place, type):  # what it had inherited, and what hides that now
            for name in [name for name in now if name not in state]:
                delattr(place, name)


ORIGINAL = contents(OPEN)


def _set_environment(variables: dict[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


STATES: tuple[
    tuple[Callable[[], Any], Callable[[Any], Any], Any], ...
] = (  # how to read and set it; how a check has it
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (torch.get_default_device, lambda x: torch.set_default_device(None if x.type == "cpu" else x), torch.device("cpu")),
    (torch.is_grad_enabled, torch.set_grad_enabled, True),
    (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda x: torch.use_deterministic_algorithms(x[0], warn_only=x[1]),
        (False, False),
    ),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled, False),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, None),
    (lambda: list(warnings.filters), lambda x: setattr(warnings, "filters", x), None),
    (lambda: list(sys.path), lambda x: operator.setitem(sys.path, slice(None), x), None),
    (lambda: dict(os.environ), _set_environment, None),
    (torch.get_num_threads, torch.set_num_threads, None),
    (np.geterr, lambda x: np.seterr(**x), None),
    (os.getcwd, os.chdir, None),
    (sys.getrecursionlimit, sys.setrecursionlimit, None),
    (random.getstate, random.setstate, None),
    (lambda: pickle.dumps(np.random.get_state()), lambda x: np.random.set_state(pickle.loads(x)), None),  # noqa: NPY002
    (lambda: pickle.dumps(torch.get_rng_state()), lambda x: torch.set_rng_state(pickle.loads(x)), None),
)


@contextlib.contextmanager
def untouched() -> Iterator[None]:
    """Inside, torch's functions and settings are the usual ones; afterwards all is as before, whatever happened."""
    open_before, streams = contents(OPEN), (sys.stdout, sys.stderr)
    put_back(ORIGINAL)
    before = [read() for read, _, _ in STATES]
    _set([usual if usual is not None else was for (_, _, usual), was in zip(STATES, before, strict=True)])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        put_back(ORIGINAL)
        _set(before)
        put_back(open_before)


def _set(states: list) -> None:
    for (read, write, _), state in zip(STATES, states, strict=True):
        if read() != state:
            write(state)
