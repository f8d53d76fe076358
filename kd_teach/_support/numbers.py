"""Numbers that people type, checked before anything is done with them: from the command line, TOML or Python."""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real

WIDEST = 2**20  # channels, classes or embedding dimensions that nobody asks for on purpose
HUGE = 1e300  # no double is near its end, and no sum of two leaves it


def whole(name: str, value, low: int | None = None, high: int | None = None) -> int:
    """The whole number that `value` is, from `low` to `high`; ValueError says what `name` is and should be."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} is {shown(value)}; expected a whole number{span(low, high)}.")
    number = int(value)
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"{name} is {shown(value)}; expected a whole number{span(low, high)}.")
    return number


def number(
    name: str, value, low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> float:
    """The finite number that `value` is, from `low` to `high`; ValueError says what `name` is and should be.

    Args:
        above, below: exclude `low`, `high` themselves.
    """
    if isinstance(value, Real) and not isinstance(value, int):
        value = float(value)  # of NumPy, or a fraction
    good = isinstance(value, int | float) and not isinstance(value, bool) and -HUGE < value < HUGE  # NaN is not
    if not good or not low <= value <= high or (above and value == low) or (below and value == high):
        bounds = [f"{'above' if above else 'of at least'} {low:g}"] if low > -math.inf else []
        bounds += [f"{'below' if below else 'of at most'} {high:g}"] if high < math.inf else []
        raise ValueError(f"{name} is {shown(value)}; expected a number {' and '.join(bounds) or 'that is finite'}.")
    return value


def seed_of(value) -> int:
    """A seed: any whole number that PyTorch takes."""
    return whole("seed", value, -(2**63), 2**63 - 1)


def word(name: str, value, known: Sequence):
    """`value`, which must be one of a few words, or of True and False."""
    if not any(value is one or (isinstance(one, str) and value == one) for one in known):
        raise ValueError(f"{name} is {shown(value)}; expected {', '.join(map(str, known[:-1]))} or {known[-1]}.")
    return value


def listed(name: str, value) -> list:
    """The entries of a list, or of what stands for one; a word is none, though it has letters."""
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"{name} is {shown(value)}; expected a list.")
    return list(value)


def span(low: int | None, high: int | None) -> str:
    """Where a whole number may lie, in words."""
    if low is None or high is None:
        return "" if low is None else f", {low} or more"
    return f" from {low} to {high}"


def shown(value) -> str:
    """A value in a message: short, text in quotes."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
