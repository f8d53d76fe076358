"""What a function does on a case, and whether two functions do the same."""

import copy
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kd_teach.course.exercises.exercise import Case

ATOL = 1e-6


class Observation(NamedTuple):
    """What one call did."""

    output: Any
    gradients: tuple[Tensor | None, ...]  # one per argument; None for what is no float tensor
    changed: tuple[int, ...]  # positions of the arguments that the call wrote into


class NotAttempted(Exception):
    """Nothing came back: the stub is still there."""


class NoReturn(Exception):
    """Nothing came back, although the function does something."""


@dataclass(frozen=True)
class Thing:
    """In place of a value that is none of numbers and words; it may do anything when it is compared."""

    name: str  # of its class


def shaken(cases: Sequence[Case], seed: int) -> list[Case]:
    """The same cases with other numbers and sizes: one sample more, or two, and every float times a number near 1.

    Signs and zeros stay. Plain numbers change too, one factor a case: T = 4 becomes 4.3, so that a formula right at 2
    and 4 only is found. As a sample counts what lies along a side as long as the first tensor has rows.
    """
    random = torch.Generator().manual_seed(seed)

    def other(x: Any, by: float) -> Any:
        if torch.is_tensor(x):
            return x * (1 + by * torch.rand(x.shape, generator=random)) if x.is_floating_point() else x
        return x * (1 + by * torch.rand((), generator=random).item()) if isinstance(x, float) else x

    def longer(x: Any, N: int, rows: Tensor) -> Any:
        for dim in range(x.ndim) if torch.is_tensor(x) else ():
            if x.shape[dim] == N:
                x = torch.cat([x, other(x.index_select(dim, rows), 1)], dim)
        return x

    def changed(case: Case) -> Case:
        N = next((len(x) for x in case if torch.is_tensor(x) and x.ndim), 1)
        rows = torch.randint(N, (1 + seed % 2,), generator=random)
        return tuple(other(longer(x, N, rows), 0.2) for x in case)

    return [changed(case) for case in cases]


def observe(function: Callable, case: Case, gradient: bool = True) -> Observation:
    """Call `function` on copies of the arguments: what it returns, where it sends gradient, what it overwrites."""
    copies = [
        x.clone().requires_grad_(gradient and x.is_floating_point()) if torch.is_tensor(x) else copy.deepcopy(x)
        for x in case
    ]
    # Writing into a leaf would raise; into a clone it does not, and is seen below.
    arguments = [x.clone() if torch.is_tensor(x) else x for x in copies]
    with torch.enable_grad():
        output = function(*arguments)
    if output is None or output is ...:
        raise NoReturn if output is None and _does_something(function) else NotAttempted
    changed = tuple(
        i for i, (a, b) in enumerate(zip(arguments, case, strict=True)) if torch.is_tensor(b) and not torch.equal(a, b)
    )
    if gradient:
        return Observation(plain(output), _gradients(output, copies), changed)
    return Observation(_as_tensors(plain(output)), (None,) * len(case), changed)


def _as_tensors(x: Any) -> Any:
    """Arrays of numbers as tensors, so that one rule compares both."""
    return torch.from_numpy(x) if isinstance(x, np.ndarray) and x.dtype.kind in "biuf" else x


def _does_something(function: Callable) -> bool:
    """Whether a function names anything but its arguments; a stub does not."""
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_names or code.co_nlocals > code.co_argcount)


def as_expected(expected: Any, mine: Any) -> Any:
    """An answer in the library of the expected one; as it is where it is none of numbers."""
    try:
        if torch.is_tensor(expected) and not torch.is_tensor(mine):
            taken = torch.as_tensor(np.asarray(mine))
            return mine if isinstance(mine, tuple) and taken.shape != expected.shape else taken
        if isinstance(expected, (tuple, list)) and isinstance(mine, (Tensor, np.ndarray)):
            return mine.tolist()
        if isinstance(expected, (tuple, list)) and isinstance(mine, (tuple, list)):
            return [as_expected(x, y) for x, y in zip(expected, mine, strict=True)]
        if isinstance(expected, dict) and isinstance(mine, dict):
            return {key: as_expected(expected[key], y) if key in expected else y for key, y in mine.items()}
        if isinstance(expected, (set, frozenset)) and isinstance(mine, (set, frozenset, list, tuple)):
            return type(expected)(mine)
        if (
            isinstance(expected, (bool, int, float))
            and isinstance(mine, (Tensor, np.ndarray, np.generic))
            and np.asarray(mine).size == 1
        ):
            return mine.item()
    except (TypeError, ValueError, RuntimeError):
        pass  # words, ragged lists
    return mine


def _gradients(output: Any, arguments: list) -> tuple[Tensor | None, ...]:
    """Gradients of a fixed weighted sum of all that was returned; zeros where none arrives."""
    parts = [x.as_subclass(Tensor) for x in flat(output) if torch.is_tensor(x) and _is_real(x)]
    learns = [x for x in arguments if torch.is_tensor(x) and x.requires_grad]
    sums = [(x * torch.linspace(1, 2, x.numel(), dtype=x.dtype).view_as(x)).sum() for x in parts]
    grads = iter(torch.autograd.grad(sums, learns, allow_unused=True) if parts else [None] * len(learns))
    return tuple(
        (torch.zeros_like(x) if (g := next(grads)) is None else plain(g))
        if torch.is_tensor(x) and x.requires_grad
        else None
        for x in arguments
    )


def _is_real(x: Tensor) -> bool:
    return x.requires_grad and x.is_floating_point() and _is_ordinary(x)


def same(a: Observation, b: Observation, rtol: float, skip: Collection[int] = ()) -> bool:
    return close(a.output, b.output, rtol) and all(
        close_gradient(x, y, rtol)
        for i, (x, y) in enumerate(zip(a.gradients, b.gradients, strict=True))
        if x is not None and i not in skip
    )


def close_gradient(a: Tensor | None, b: Tensor | None, rtol: float) -> bool:
    """Close relative to the largest entry: a gradient's small entries are sums that cancel."""
    if a is None or b is None:
        return a is b
    scale = b.abs().nan_to_num().max().item() if b.numel() else 0.0
    return torch.allclose(a, b, rtol=10 * rtol, atol=10 * rtol * scale + ATOL, equal_nan=True)


def close(a: Any, b: Any, rtol: float) -> bool:
    if misfit(a, b, False):
        return False
    return all(
        torch.allclose(x.double(), y.double(), rtol=rtol, atol=ATOL, equal_nan=True)
        if torch.is_tensor(y)
        else equal(x, y, rtol)
        for x, y in zip(flat(a), flat(b), strict=True)
    )


def misfit(mine: Any, expected: Any, gradient: bool) -> str | None:
    """What is wrong with the form of an output; None if it is that of the expected one."""
    if isinstance(expected, (tuple, list)):
        if not isinstance(mine, (tuple, list)) or len(mine) != len(expected):
            return f"yours returns {form(mine)}; expected {form(expected)}."
        return next((p for x, y in zip(mine, expected, strict=True) if (p := misfit(x, y, gradient))), None)
    if isinstance(expected, dict):
        if not isinstance(mine, dict) or mine.keys() != expected.keys():
            return f"yours returns {form(mine)}; expected {form(expected)}."
        return next((p for key, y in expected.items() if (p := misfit(mine[key], y, gradient))), None)
    if torch.is_tensor(expected):
        if not torch.is_tensor(mine):
            why = ""
            if gradient and (is_number(mine) or isinstance(mine, (np.ndarray, np.generic))):
                why = " Outside torch nothing carries a gradient: leave out .item(), float() and NumPy."
            if isinstance(mine, tuple) and len(mine) == 1:
                why = " Is there a comma behind the result?"
            return f"yours returns {form(mine)}; expected {form(expected)}.{why}"
        if mine.shape != expected.shape or mine.is_floating_point() != expected.is_floating_point():
            return f"yours returns {form(mine)}; expected {form(expected)}."
        return None
    fits = (is_number(mine) and is_number(expected)) or type(mine) is type(expected)
    return None if fits else f"yours returns {form(mine)}; expected {form(expected)}."


def form(x: Any) -> str:
    if torch.is_tensor(x):
        kind = "one number as a tensor" if x.ndim == 0 else f"a tensor of shape {tuple(x.shape)}"
        return kind if x.is_floating_point() else f"{kind} of {str(x.dtype).removeprefix('torch.')}"
    if isinstance(x, (tuple, list)):
        return f"{len(x)} thing{'s' * (len(x) != 1)} ({', '.join(form(y) for y in x)})"
    if isinstance(x, dict):
        return f"a dict ({', '.join(f'{key}: {form(y)}' for key, y in x.items())})"
    name = x.name if isinstance(x, Thing) else type(x).__name__
    return f"{'an' if name[0].casefold() in 'aeiou' else 'a'} {name}"


def flat(x: Any) -> list:
    if isinstance(x, dict):
        x = [x[key] for key in sorted(x, key=repr)]
    return [z for y in x for z in flat(y)] if isinstance(x, (tuple, list)) else [x]


def plain(x: Any) -> Any:
    """A copy made of nothing but plain tensors, arrays, numbers, words and collections of them.

    What else there is becomes a `Thing`: a class of the learner's own may call itself equal to everything.
    """
    if isinstance(x, Tensor):
        return x.detach().clone().as_subclass(Tensor) if _is_ordinary(x) else Thing(f"tensor ({_layout(x)})")
    if callable(getattr(type(x), "__array__", None)) and not isinstance(x, (np.ndarray, np.generic)):
        x = np.asarray(x)  # a column of a table
    if isinstance(x, (np.ndarray, np.generic)) and not x.dtype.hasobject:
        return np.array(x) if isinstance(x, np.ndarray) else np.array(x)[()]
    if type(x) in (Fraction, Decimal):
        return float(x)
    if x is None or x is ... or type(x) in (bool, int, float, complex, str, bytes):
        return x
    if isinstance(x, dict):
        return {plain(key): plain(y) for key, y in x.items()}
    for kind in (tuple, list, set, frozenset):
        if isinstance(x, kind):
            return kind(plain(y) for y in x)
    return Thing(type(x).__name__)


def _is_ordinary(x: Tensor) -> bool:
    """Whether it can be compared with another one."""
    return x.layout == torch.strided and not (x.is_meta or x.is_quantized)


def _layout(x: Tensor) -> str:
    words = "meta" if x.is_meta else "quantised" if x.is_quantized else str(x.layout).removeprefix("torch.")
    return words.replace("_", " ")


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def equal(a: Any, b: Any, rtol: float) -> bool:
    if torch.is_tensor(a) and a.ndim == 0:
        a = a.item()
    if is_number(a) and is_number(b):
        rtol = min(rtol, 1e-6) if b == round(b) else rtol  # whole numbers are exact
        return abs(a - b) <= rtol * abs(b) + ATOL
    if isinstance(a, str) and isinstance(b, str):
        return a.strip().casefold() == b.strip().casefold()
    return type(a) is type(b) and not isinstance(a, Thing) and bool(np.all(a == b))
