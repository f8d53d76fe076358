"""Numbers that people type, checked before anything is done with them: from the command line, TOML or Python."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

ANY_SEED = {"low": -(2**63), "high": 2**63 - 1}  # what torch.manual_seed takes


def whole(name: str, value, low: int | None = None, high: int | None = None) -> int:
    """The whole number that `value` is, from `low` to `high`; ValueError says what `name` is and should be."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} is {shown(value)}; expected a whole number{span(low, high)}.")
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"{name} is {shown(value)}; expected a whole number{span(low, high)}.")
    return int(value)


def number(
    name: str, value, low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> float:
    """The finite number that `value` is, from `low` to `high`; ValueError says what `name` is and should be.

    Args:
        above, below: exclude `low`, `high` themselves.
    """
    good = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high or (above and value == low) or (below and value == high):
        bounds = [f"{'above' if above else 'of at least'} {low:g}"] if low > -math.inf else []
        bounds += [f"{'below' if below else 'of at most'} {high:g}"] if high < math.inf else []
        raise ValueError(f"{name} is {shown(value)}; expected a number {' and '.join(bounds) or 'that is finite'}.")
    return value if isinstance(value, int | float) else float(value)


def word(name: str, value, known: Sequence[str]) -> str:
    """`value`, which must be one of a few words."""
    if value not in known:
        raise ValueError(f"{name} is {shown(value)}; expected {', '.join(known[:-1])} or {known[-1]}.")
    return value


def span(low: int | None, high: int | None) -> str:
    """Where a whole number may lie, in words."""
    if low is None or high is None:
        return "" if low is None else f", {low} or more"
    return f" from {low} to {high}"


def shown(value) -> str:
    """A value in a message: short, text in quotes."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
