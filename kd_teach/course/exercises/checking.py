"""The checker: runs a submission and says what is wrong with it, in one short block.

What a function does on a case is an `Observation`: what it returns and which gradients it sends to its arguments. A
submission is right when it is observed to do what the reference does, and it "looks like" a named mistake when it does
what that mistake does, on all cases. Nothing is compared as text, so any right program passes.
"""

import inspect
import linecache
import textwrap
import traceback
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kd_teach.course.exercises.exercise import Case, Exercise, Question
from kd_teach.course.exercises.limits import TooSlow, within

ATOL = 1e-6


class Verdict(NamedTuple):
    """What the checker says: `passed`, the kind of answer, and the block to read."""

    exercise: str
    kind: str  # correct, not attempted, wrong form, named mistake, gap, gradient, raises, too slow
    message: str

    @property
    def passed(self) -> bool:
        """True only for a right answer."""
        return self.kind == "correct"

    def __repr__(self) -> str:
        mark = {"correct": "✓", "not attempted": "○"}.get(self.kind, "✗")
        return wrapped(f"{mark} {self.exercise}: {self.message}")

    def __str__(self) -> str:
        return repr(self)


class Observation(NamedTuple):
    """What one call did."""

    output: Any
    gradients: tuple[Tensor | None, ...]  # one per argument; None for what is no float tensor
    changed: tuple[int, ...]  # positions of the arguments that the call wrote into


class NotAttempted(Exception):
    """The stub is still there."""


def check_function(exercise: Exercise, mine: Any, *, seed: int | None = None) -> Verdict:
    """Check a submitted function, on the exercise's inputs or, with a seed, on inputs that nobody has seen."""

    def answer(kind: str, message: str) -> Verdict:
        return Verdict(exercise.name, kind, message)

    if not callable(mine):
        return answer(
            "wrong form",
            f"expected a function, got {_form(mine)}. Hand over the function itself, without calling it: "
            f'check("{exercise.name}", {exercise.variable}).',
        )
    cases = exercise.cases() if seed is None else shaken(exercise.cases(), seed)
    try:
        inspect.signature(mine).bind(*cases[0])
    except TypeError:
        return answer("wrong form", f"your function takes {inspect.signature(mine)}; expected {exercise.signature}.")
    except ValueError:
        pass  # a built-in without a signature: calling it will tell
    try:
        seen = within(exercise.seconds, lambda: [observe(mine, case, exercise.gradient) for case in cases])
    except (NotAttempted, NotImplementedError):
        return answer("not attempted", _not_attempted(exercise.name))
    except TooSlow:
        return answer("too slow", f"stopped after {exercise.seconds:g} seconds. Is there a loop that never ends?")
    except Exception as error:  # whatever the learner's code raises is the answer
        return answer("raises", _where(error, mine))
    expected = [observe(exercise.answer, case, exercise.gradient) for case in cases]

    names = list(inspect.signature(exercise.reference).parameters)
    if written := sorted({names[i] for one in seen for i in one.changed}):
        return answer(
            "wrong form",
            f"your function changes its argument {', '.join(written)}; leave out in-place steps.",
        )
    same = [_same(a, b, exercise.rtol) for a, b in zip(seen, expected, strict=True)]
    if all(same):
        return answer("correct", "correct.")
    values_right = all(_close(a.output, b.output, exercise.rtol) for a, b in zip(seen, expected, strict=True))
    if values_right and (leak := _leaks(exercise, names, seen)):
        return answer(
            "gradient",
            f"the value is right, but gradient reaches {leak}: detach it, for the teacher does not learn.",
        )
    for hint, wrong in exercise.mistakes.items():
        if _looks_like(wrong, cases, seen, exercise, names):
            return answer("named mistake", f"this looks like a known mistake. {hint}")
    if problem := next((p for a, b in zip(seen, expected, strict=True) if (p := _misfit(a.output, b.output))), None):
        return answer("wrong form", problem)
    if values_right:
        return answer("gradient", _gradient_gap(names, seen, expected, exercise.rtol))
    return answer("gap", _gap(seen, expected, exercise.rtol))


def shaken(cases: Sequence[Case], seed: int) -> list[Case]:
    """The same cases with every float multiplied by a random number near 1: signs, zeros and shapes stay."""
    random = torch.Generator().manual_seed(seed)

    def shake(x: Any) -> Any:
        if torch.is_tensor(x) and x.is_floating_point():
            return x * (1 + 0.2 * torch.rand(x.shape, generator=random))
        return x

    return [tuple(shake(x) for x in case) for case in cases]


def check_value(question: Question, mine: Any) -> Verdict:
    """Check a submitted value."""
    if mine is None or mine is ...:
        return Verdict(question.name, "not attempted", f"{_not_attempted(question.name)}\n  {question.prompt}")
    right = question.answer()
    if _equal(mine, right, question.rtol):
        return Verdict(question.name, "correct", "correct.")
    for hint, value in question.wrong.items():
        if _equal(mine, value, question.rtol):
            return Verdict(question.name, "named mistake", f"not so. {hint}")
    if type(mine) is not type(right) and not (_is_number(mine) and _is_number(right)):
        return Verdict(question.name, "wrong form", f"expected {_form(right)}, got {_form(mine)}.")
    return Verdict(question.name, "gap", f'not so. hint("{question.name}") gives a step.')


def observe(function: Callable, case: Case, gradient: bool = True) -> Observation:
    """Call `function` on copies of the arguments: what it returns, where it sends gradient, what it overwrites."""
    copies = [x.clone().requires_grad_(gradient and x.is_floating_point()) if torch.is_tensor(x) else x for x in case]
    # Writing into a leaf would raise; into a clone it does not, and is seen below.
    arguments = [x.clone() if torch.is_tensor(x) else x for x in copies]
    with torch.enable_grad():
        output = function(*arguments)
    if output is None or output is ...:
        raise NotAttempted
    changed = tuple(
        i for i, (a, b) in enumerate(zip(arguments, case, strict=True)) if torch.is_tensor(b) and not torch.equal(a, b)
    )
    return Observation(_detached(output), _gradients(output, copies) if gradient else (None,) * len(case), changed)


def _gradients(output: Any, arguments: list) -> tuple[Tensor | None, ...]:
    """Gradients of a fixed weighted sum of all that was returned; zeros where none arrives."""
    parts = [x for x in _flat(output) if torch.is_tensor(x) and x.requires_grad]
    learns = [x for x in arguments if torch.is_tensor(x) and x.requires_grad]
    sums = [(x * torch.linspace(1, 2, x.numel(), dtype=x.dtype).view_as(x)).sum() for x in parts]
    grads = iter(torch.autograd.grad(sums, learns, allow_unused=True) if parts else [None] * len(learns))
    return tuple(
        (torch.zeros_like(x) if (g := next(grads)) is None else g) if torch.is_tensor(x) and x.requires_grad else None
        for x in arguments
    )


def _looks_like(wrong: Callable, cases, seen: list[Observation], exercise: Exercise, names: list[str]) -> bool:
    """Whether `wrong` does what was seen; gradient to the teacher is another mistake and does not hide this one."""
    skip = {i for i, name in enumerate(names) if name in exercise.detached}
    try:
        return all(
            _same(observe(wrong, case, exercise.gradient), mine, exercise.rtol, skip)
            for case, mine in zip(cases, seen, strict=True)
        )
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False  # this mistake cannot even be made on these inputs


def _same(a: Observation, b: Observation, rtol: float, skip: Collection[int] = ()) -> bool:
    return _close(a.output, b.output, rtol) and all(
        _close_gradient(x, y, rtol)
        for i, (x, y) in enumerate(zip(a.gradients, b.gradients, strict=True))
        if x is not None and i not in skip
    )


def _close_gradient(a: Tensor | None, b: Tensor | None, rtol: float) -> bool:
    """Close relative to the largest entry: a gradient's small entries are sums that cancel."""
    if a is None or b is None:
        return a is b
    scale = b.abs().nan_to_num().max().item() if b.numel() else 0.0
    return torch.allclose(a, b, rtol=10 * rtol, atol=10 * rtol * scale + ATOL, equal_nan=True)


def _close(a: Any, b: Any, rtol: float) -> bool:
    if _misfit(a, b):
        return False
    return all(
        torch.allclose(x.double(), y.double(), rtol=rtol, atol=ATOL, equal_nan=True)
        if torch.is_tensor(y)
        else _equal(x, y, rtol)
        for x, y in zip(_flat(a), _flat(b), strict=True)
    )


def _misfit(mine: Any, expected: Any) -> str | None:
    """What is wrong with the form of an output; None if it is that of the expected one."""
    if isinstance(expected, (tuple, list)):
        if not isinstance(mine, (tuple, list)) or len(mine) != len(expected):
            return f"yours returns {_form(mine)}; expected {_form(expected)}."
        return next((p for x, y in zip(mine, expected, strict=True) if (p := _misfit(x, y))), None)
    if torch.is_tensor(expected):
        if not torch.is_tensor(mine):
            why = " A plain number carries no gradient: leave out .item() and float()." if _is_number(mine) else ""
            return f"yours returns {_form(mine)}; expected {_form(expected)}.{why}"
        if mine.shape != expected.shape or mine.is_floating_point() != expected.is_floating_point():
            return f"yours returns {_form(mine)}; expected {_form(expected)}."
        return None
    fits = (_is_number(mine) and _is_number(expected)) or type(mine) is type(expected)
    return None if fits else f"yours returns {_form(mine)}; expected {_form(expected)}."


def wrapped(text: str) -> str:
    """The text in lines that fit a notebook's output, which would break longer ones in the middle of a word."""
    wrap = textwrap.TextWrapper(95, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(wrap.fill, text.splitlines()))


def _not_attempted(name: str) -> str:
    return f'not attempted yet. Stuck? hint("{name}") gives a step.'


def _form(x: Any) -> str:
    if torch.is_tensor(x):
        kind = "one number as a tensor" if x.ndim == 0 else f"a tensor of shape {tuple(x.shape)}"
        return kind if x.is_floating_point() else f"{kind} of {str(x.dtype).removeprefix('torch.')}"
    if isinstance(x, (tuple, list)):
        return f"{len(x)} things ({', '.join(_form(y) for y in x)})"
    return f"a {type(x).__name__}"


def _leaks(exercise: Exercise, names: list[str], seen: list[Observation]) -> str:
    """The arguments of the teacher that gradient reaches."""
    return ", ".join(
        name
        for i, name in enumerate(names)
        if name in exercise.detached and any((g := one.gradients[i]) is not None and g.abs().max() > 0 for one in seen)
    )


def _gradient_gap(names: list[str], seen: list[Observation], expected: list[Observation], rtol: float) -> str:
    for mine, right in zip(seen, expected, strict=True):
        for name, x, y in zip(names, mine.gradients, right.gradients, strict=True):
            if x is None or _close_gradient(x, y, rtol):
                continue
            if not x.isfinite().all():
                return f"the value is right, but its gradient for {name} is not finite: a root or a division at 0?"
            if not x.any():
                return f"the value is right, but no gradient reaches {name}: something is detached or a plain number."
            return f"the value is right, but its gradient for {name} is not: is a part of it detached?"
    raise AssertionError("called although all gradients agree")


def _gap(seen: list[Observation], expected: list[Observation], rtol: float) -> str:
    """The constant factor between mine and right if there is one, else the largest gap and where it is."""
    mine = [x.double() for one in seen for x in _flat(one.output) if torch.is_tensor(x)]
    right = [x.double() for one in expected for x in _flat(one.output) if torch.is_tensor(x)]
    if not mine:
        wrong = next((a.output, b.output) for a, b in zip(seen, expected, strict=True) if a.output != b.output)
        return f"yours returns {wrong[0]!r} where {wrong[1]!r} is expected."
    if not all(x.isfinite().all() for x in mine):
        return "yours is NaN or infinite on an ordinary input: look for a logarithm, a root or a division at 0."
    ratio = torch.cat([(x / y).flatten()[y.flatten().abs() > ATOL] for x, y in zip(mine, right, strict=True)])
    if len(ratio) > 1 and ratio[0].abs() > 1e-6 and torch.allclose(ratio, ratio[0].expand_as(ratio), rtol=10 * rtol):
        return (
            f"yours is {ratio[0].item():.4g} times the expected value, in every case: a factor is missing or too many."
        )
    k = max(range(len(mine)), key=lambda i: (mine[i] - right[i]).abs().max().item())
    gap = (mine[k] - right[k]).abs()
    if gap.ndim == 0:
        return f"yours is {mine[k].item():.6g}; expected is {right[k].item():.6g}."
    at = tuple(int(i) for i in torch.unravel_index(gap.argmax(), gap.shape))
    return (
        f"the largest gap is at {list(at)}: yours is {mine[k][at].item():.6g}, expected is {right[k][at].item():.6g}."
    )


def _where(error: Exception, mine: Callable) -> str:
    """The error and the line of the learner's own code that led to it."""
    message = f"raises {type(error).__name__}: {error}"
    code = getattr(mine, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code and frame.filename == code.co_filename]
    if not own:
        return message
    line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
    return f"{message}\n  in your line {own[-1].lineno}: {line}"


def _flat(x: Any) -> list:
    return [z for y in x for z in _flat(y)] if isinstance(x, (tuple, list)) else [x]


def _detached(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return tuple(_detached(y) for y in x)
    return x.detach().clone() if torch.is_tensor(x) else x


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def _equal(a: Any, b: Any, rtol: float) -> bool:
    if torch.is_tensor(a) and a.ndim == 0:
        a = a.item()
    if _is_number(a) and _is_number(b):
        return abs(a - b) <= rtol * abs(b) + ATOL
    if isinstance(a, str) and isinstance(b, str):
        return a.strip().casefold() == b.strip().casefold()
    return type(a) is type(b) and a == b
