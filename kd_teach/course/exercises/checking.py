"""The checker: runs a submission and says what is wrong with it, in one short block.

What a function does on a case is an `Observation`: what it returns and which gradients it sends to its arguments. A
submission is right when it is observed to do what the reference does, and it "looks like" a named mistake when it does
what that mistake does, on all cases. Mistakes without a name are looked for in `diagnosis.py`. Nothing is compared as
text, so any right program passes.
"""

import contextlib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from kd_teach.course.exercises.diagnosis import diagnose
from kd_teach.course.exercises.exercise import Case, Exercise, Question
from kd_teach.course.exercises.limits import Died, Raised, TooLoud, TooSlow, within
from kd_teach.course.exercises.observing import (
    ATOL,
    NoReturn,
    NotAttempted,
    Observation,
    Thing,
    as_expected,
    close,
    close_gradient,
    flat,
    form,
    misfit,
    observe,
    same,
    shaken,
)
from kd_teach.course.exercises.relation import in_which_cases
from kd_teach.course.exercises.states import untouched
from kd_teach.course.exercises.values import judged


class Verdict(NamedTuple):
    """What the checker says: `passed`, the kind of answer, and the block to read."""

    exercise: str
    kind: str  # correct, not attempted, wrong form, named mistake, mutation, relation, gap, gradient, raises, too slow
    message: str

    @property
    def passed(self) -> bool:
        """True only for a right answer."""
        return self.kind == "correct"

    def __bool__(self) -> bool:
        """So that `assert check(...)` means what it says."""
        return self.passed

    def __repr__(self) -> str:
        mark = {"correct": "✓", "not attempted": "○"}.get(self.kind, "✗")
        return wrapped(f"{mark} {self.exercise}: {self.message}")

    def __str__(self) -> str:
        return repr(self)


def check_function(exercise: Exercise, mine: Any, *, seed: int | None = None) -> Verdict:
    """Check a submitted function, on the exercise's inputs or, with a seed, on inputs that nobody has seen."""

    def answer(kind: str, message: str) -> Verdict:
        return Verdict(exercise.name, kind, message)

    if not callable(mine):
        return answer(
            "wrong form",
            f"expected a function, got {form(mine)}. Hand over the function itself, without calling it: "
            f'check("{exercise.name}", {exercise.variable}).',
        )
    with untouched():
        cases = exercise.cases() if seed is None else shaken(exercise.cases(), seed)
        if not cases:
            raise ValueError(f"{exercise.name} has no cases; write at least one: a tuple of arguments.")
        try:
            inspect.signature(mine).bind(*cases[0])
        except TypeError:
            return answer(
                "wrong form", f"your function takes {inspect.signature(mine)}; expected {exercise.signature}."
            )
        except ValueError:
            pass  # a built-in without a signature: calling it will tell
        # first, so that nothing that the submission does can reach it
        try:
            expected = [observe(exercise.answer, case, exercise.gradient) for case in cases]
        except (NoReturn, NotAttempted):
            raise ValueError(f"the reference of {exercise.name} returns nothing; there must be a result.") from None
        if unlike := next((x for one in expected for x in flat(one.output) if isinstance(x, Thing)), None):
            raise ValueError(
                f"the reference of {exercise.name} returns {form(unlike)}, which cannot be compared; "
                "expected numbers, tensors, arrays, words, or collections of them."
            )
        try:
            seen = within(exercise.seconds, lambda: [observe(mine, case, exercise.gradient) for case in cases])
        except TooSlow:
            return answer("too slow", f"stopped after {exercise.seconds:g} seconds. Is there a loop that never ends?")
        except TooLoud:
            return answer("too slow", "stopped: it prints without end. Take the print out of the loop.")
        except Raised as raised:
            return answer(*(_where_it_runs(exercise, mine, cases, expected) or _raised(exercise, raised, mine)))
    with untouched():  # anew: the submission is done, and what it overwrote is put back
        return answer(*_judged(exercise, mine, cases, seen, expected))


def _judged(
    exercise: Exercise, mine: Callable, cases: Sequence[Case], seen: list[Observation], expected: list[Observation]
) -> tuple[str, str]:
    """The kind of answer and what to say about it."""
    names = list(inspect.signature(exercise.reference).parameters)
    if written := sorted({names[i] for one in seen for i in one.changed}):
        return "wrong form", f"your function changes its argument {', '.join(written)}; leave out in-place steps."
    if not exercise.gradient:  # then a number is a number, whatever library it comes from
        seen = [
            one._replace(output=as_expected(right.output, one.output))
            for one, right in zip(seen, expected, strict=True)
        ]
    right = [same(a, b, exercise.rtol) for a, b in zip(seen, expected, strict=True)]
    if all(right):
        return "correct", "correct."
    values_right = all(close(a.output, b.output, exercise.rtol) for a, b in zip(seen, expected, strict=True))
    if values_right and (leak := _leaks(exercise, names, seen)):
        return "gradient", f"the value is right, but gradient reaches {leak}{_instead(names, seen, expected)}"
    for hint, wrong in exercise.known_mistakes():
        if _looks_like(wrong, cases, seen, exercise, names):
            return "named mistake", f"this looks like a known mistake. {hint}"
    problem = next(
        (p for a, b in zip(seen, expected, strict=True) if (p := misfit(a.output, b.output, exercise.gradient))), None
    )
    if not values_right and (found := diagnose(exercise, mine, cases, seen, expected)):
        kind, words = found
        if problem and words.startswith(("yours", "this")):  # and not with the name of an argument
            words = words[0].upper() + words[1:]
        return kind, f"{problem} {words}" if problem else words
    if problem:
        return "wrong form", problem
    if values_right:
        return "gradient", _gradient_gap(names, seen, expected, exercise.rtol)
    where = in_which_cases(names, cases, right)
    return "gap", _gap(seen, expected, exercise.rtol) + (f" It is {where}." if where else "")


def _where_it_runs(
    exercise: Exercise, mine: Callable, cases: Sequence[Case], expected: list[Observation]
) -> tuple[str, str] | None:
    """What explains a function that raises in some cases only, as one that meets the wrong axis does."""

    def seen(case: Case) -> Observation | None:
        with contextlib.suppress(Raised):
            return within(exercise.seconds, lambda: observe(mine, case, exercise.gradient))
        return None

    ran = [(case, one, right) for case, right in zip(cases, expected, strict=True) if (one := seen(case))]
    if not ran:
        return None
    kind, words = _judged(exercise, mine, *(list(column) for column in zip(*ran, strict=True)))
    said = f"raises in {len(cases) - len(ran)} of {len(cases)} cases, where sizes differ; in the others"
    return (kind, f"{said} {words}") if kind in ("named mistake", "mutation") else None


def check_value(question: Question, mine: Any) -> Verdict:
    """Check a submitted value: numbers also with percent or a unit that the question names, sets in any form."""
    if mine is None or mine is ...:
        return Verdict(question.name, "not attempted", f"{_not_attempted(question.name)}\n  {question.prompt}")
    return Verdict(question.name, *judged(question, mine))


def _raised(exercise: Exercise, raised: Raised, mine: Callable) -> tuple[str, str]:
    if isinstance(raised, Died):
        return "raises", (
            "your function ended Python itself: does it leave the program (os._exit), or call itself without end?"
        )
    file = mine.__code__.co_filename if hasattr(mine, "__code__") else None
    of_the_stub = raised.name == "NotImplementedError" and raised.lines[-1:] and raised.lines[-1][0] == file
    if raised.name == NotAttempted.__name__ or of_the_stub:
        return "not attempted", _not_attempted(exercise.name)
    if raised.name == NoReturn.__name__:
        return "wrong form", "your function works, but returns nothing: is the `return` at its end missing?"
    if "backward through the graph a second time" in raised.text:
        return "wrong form", "your function goes backward itself; leave that out, and return the result only."
    message = f"raises {raised.name}: {raised.text}" if raised.text else f"raises {raised.name}"
    own = [line for place, line in raised.lines if place == file]
    where = f"\n  in your line {own[-1]}: {linecache.getline(file, own[-1]).strip()}" if file and own else ""
    return "raises", message + where


def _flows(one: Observation, i: int) -> bool:
    """Whether gradient reaches argument i."""
    gradient = one.gradients[i]
    return gradient is not None and bool(gradient.any())


def _looks_like(wrong: Callable, cases, seen: list[Observation], exercise: Exercise, names: list[str]) -> bool:
    """Whether `wrong` does what was seen; gradient to the teacher is another mistake and does not hide this one."""
    skip = {i for i, name in enumerate(names) if name in exercise.detached}
    try:
        return all(
            same(observe(wrong, case, exercise.gradient), mine, exercise.rtol, skip)
            for case, mine in zip(cases, seen, strict=True)
        )
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False  # this mistake cannot even be made on these inputs


def wrapped(text: str) -> str:
    """The text in lines that fit a notebook's output, which would break longer ones in the middle of a word."""
    wrap = textwrap.TextWrapper(95, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(wrap.fill, text.splitlines()))


def _not_attempted(name: str) -> str:
    return f'not attempted yet. Stuck? hint("{name}") gives a step.'


def _leaks(exercise: Exercise, names: list[str], seen: list[Observation]) -> str:
    """The arguments of the teacher that gradient reaches."""
    return ", ".join(
        name
        for i, name in enumerate(names)
        if name in exercise.detached and any((g := one.gradients[i]) is not None and g.abs().max() > 0 for one in seen)
    )


def _instead(names: list[str], seen: list[Observation], expected: list[Observation]) -> str:
    """What to do about gradient that reaches the teacher: detach it, or, if the student has none, change places."""
    deaf = [
        name
        for i, name in enumerate(names)
        if any(_flows(one, i) for one in expected) and not any(_flows(one, i) for one in seen)
    ]
    if deaf:
        return f" and none reaches {', '.join(deaf)}: the wrong one is detached. The student learns, the teacher not."
    return ": detach it, for the teacher does not learn."


def _gradient_gap(names: list[str], seen: list[Observation], expected: list[Observation], rtol: float) -> str:
    for mine, right in zip(seen, expected, strict=True):
        for name, x, y in zip(names, mine.gradients, right.gradients, strict=True):
            if x is None or close_gradient(x, y, rtol):
                continue
            if not x.isfinite().all():
                return f"the value is right, but its gradient for {name} is not finite: a root or a division at 0?"
            if not x.any():
                return f"the value is right, but no gradient reaches {name}: something is detached or a plain number."
            return f"the value is right, but its gradient for {name} is not: is a part of it detached?"
    raise AssertionError("called although all gradients agree")


def _gap(seen: list[Observation], expected: list[Observation], rtol: float) -> str:
    """The constant factor between mine and right if there is one, else the largest gap and where it is."""
    mine = [x.double() for one in seen for x in flat(one.output) if torch.is_tensor(x)]
    right = [x.double() for one in expected for x in flat(one.output) if torch.is_tensor(x)]
    if not mine:
        wrong = next((a.output, b.output) for a, b in zip(seen, expected, strict=True) if a.output != b.output)
        return f"yours returns {wrong[0]!r} where {wrong[1]!r} is expected."
    if not all(x.isfinite().all() for x in mine):
        return "yours is NaN or infinite on an ordinary input: look for a logarithm, a root or a division at 0."
    ratio = torch.cat([(x / y).flatten()[y.flatten().abs() > ATOL] for x, y in zip(mine, right, strict=True)])
    if len(ratio) > 1 and ratio[0].abs() > 1e-6 and torch.allclose(ratio, ratio[0].expand_as(ratio), rtol=10 * rtol):
        if (ratio[0] - 1).abs() < 20 * rtol:
            return (
                f"right up to {(ratio - 1).abs().max().item():.0e} of the value, more than rounding: is a small number "
                "added, or the precision lowered?"
            )
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
