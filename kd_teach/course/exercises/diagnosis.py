"""What a wrong function most likely does wrong: the mutant that behaves like it, or the relation to the right result.

Nothing is said that was not seen on all cases of the exercise and on two that nobody has seen.
"""

import contextlib
import copy
import functools
import inspect
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from kd_teach.course.exercises.exercise import Case, Exercise
from kd_teach.course.exercises.limits import Raised, TooLoud, TooSlow, within
from kd_teach.course.exercises.mutation import Mutant, around, exchanged, mutants
from kd_teach.course.exercises.observing import Observation, as_expected, flat, observe, same, shaken
from kd_teach.course.exercises.relation import broken, factor, place

SECONDS = 1.6  # of the processor, so that a busy machine explains as much; only whoever is wrong waits
UNSEEN = (101, 202)  # seeds


def diagnose(
    exercise: Exercise, mine: Callable, cases: Sequence[Case], seen: list[Observation], expected: list[Observation]
) -> tuple[str, str] | None:
    """The kind of explanation, "mutation" or "relation", and its words; None if none is found in time."""
    outputs = [x for one in seen if (x := _tensor(one)) is not None and x.isfinite().all()]
    if len(outputs) < len(seen):
        return None  # words, or numbers that nothing can be read from
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _Search(exercise, mine, cases, seen, outputs).found(expected)


class _Search:
    def __init__(
        self,
        exercise: Exercise,
        mine: Callable,
        cases: Sequence[Case],
        seen: list[Observation],
        outputs: list[Tensor],
    ) -> None:
        self.exercise, self.mine, self.cases, self.seen, self.outputs = exercise, mine, cases, seen, outputs
        self.names = list(inspect.signature(exercise.reference).parameters)
        # gradient to the teacher is another mistake, and so is one that is not finite: they do not hide this one
        self.wild = {i for one in seen for i, x in enumerate(one.gradients) if x is not None and not x.isfinite().all()}
        self.skip = self.wild | {i for i, name in enumerate(self.names) if name in exercise.detached}
        self.unseen: list[tuple[Case, Observation]] | None = None
        self.end = time.thread_time() + SECONDS

    def found(self, expected: list[Observation]) -> tuple[str, str] | None:
        pairs = [(x, y) for x, one in zip(self.outputs, expected, strict=True) if (y := _tensor(one)) is not None]
        mine, right = ([pair[side] for pair in pairs] for side in (0, 1))
        if all(x.numel() == y.numel() and _alike(x.reshape(y.shape), y, self.exercise.rtol) for x, y in pairs):
            return None  # nothing but the form is another
        if (
            all(x.numel() for x in mine)
            and not any((x.abs() > 1e-6).any() for x in mine)
            and any(y.any() for y in right)
        ):
            return "relation", "yours is 0 in every case: cut to whole numbers, or a difference of equal things?"
        near: list[tuple[Mutant, Tensor]] = []
        for mutant in self._mutants():
            if time.thread_time() > self.end:
                break
            first = self._first(mutant.function)
            if first is None:
                continue
            if _alike(first, self.outputs[0], self.exercise.rtol):
                if self._behaves_like(mutant.function):
                    wild = (
                        "; and its gradient is not finite: a root, a logarithm or a division at 0?"
                        if self.wild
                        else "."
                    )
                    return "mutation", f"this looks like a slip of one step: {mutant.words}{wild}"
            else:
                near.append((mutant, first))
        words = factor(self.names, self.cases, mine, right)
        if words and self._scaled_like(self.exercise.answer, words):
            return "relation", f"yours is {words}."
        if words := self._unmoved():
            return "relation", words
        self.end += 0.3
        for mutant, first in near:
            if time.thread_time() > self.end:
                break
            if not factor(self.names, self.cases[:1], self.outputs[:1], [first]):
                continue
            if words := self._factor_beside(mutant.function):
                return "mutation", f"this looks like two slips: {mutant.words}; and the result is then {words}."
        words = place(self.names, self.cases, self.seen, expected)
        if not words and [x.shape for x in mine] == [y.shape for y in right]:
            words = broken(mine, right)
        return ("relation", f"yours is {words}.") if words else None

    def _mutants(self) -> Iterator[Mutant]:
        with contextlib.suppress(OSError, TypeError, SyntaxError, ValueError, AssertionError):  # no source, or a lambda
            reference = self.exercise.reference
            yield from chain(
                exchanged(reference, self.names, self.cases),
                exchanged(self.exercise.answer, self.names, self.cases),  # whose detach goes with the place
                mutants(reference, self.names),
                around(reference, self.names, self.cases),
            )

    def _first(self, function: Callable) -> Tensor | None:
        try:
            with torch.no_grad():
                return _tensor(Observation(function(*_copies(self.cases[0])), (), ()))
        except Exception:  # a mutant need not run
            return None

    def _behaves_like(self, function: Callable) -> bool:
        try:
            return all(
                same(self._observed(function, case), one, self.exercise.rtol, self.skip)
                for case, one in [*zip(self.cases, self.seen, strict=True), *self._fresh()]
            )
        except Exception:
            return False

    def _observed(self, function: Callable, case: Case) -> Observation:
        return observe(function, case, self.exercise.gradient)

    def _fresh(self) -> list[tuple[Case, Observation]]:
        """What the submission does on cases that nobody has seen."""
        if self.unseen is None:
            cases = [case for seed in UNSEEN for case in shaken(self.cases, seed)]
            try:
                seen = within(2.0, lambda: [self._observed(self.mine, case) for case in cases])
            except (Raised, TooLoud, TooSlow):
                return [(cases[0], Observation(None, (), ()))]  # like nothing
            if not self.exercise.gradient:
                right = [self._observed(self.exercise.answer, case) for case in cases]
                seen = [
                    one._replace(output=as_expected(r.output, one.output)) for one, r in zip(seen, right, strict=True)
                ]
            self.unseen = list(zip(cases, seen, strict=True))
        return self.unseen

    def _factor_beside(self, function: Callable) -> str | None:
        try:
            base = [x for case in self.cases if (x := _tensor(self._observed(function, case))) is not None]
            words = factor(self.names, self.cases, self.outputs, base)
        except Exception:
            return None
        return words if words and self._scaled_like(function, words) else None

    def _scaled_like(self, function: Callable, words: str) -> bool:
        """Whether the same factor is found on the unseen cases too."""
        try:
            cases = [case for case, _ in self._fresh()]
            mine = [_tensor(one) for _, one in self._fresh()]
            base = [_tensor(self._observed(function, case)) for case in cases]
            found = factor(self.names, cases, mine, base)  # type: ignore[arg-type]
        except Exception:
            return False
        return found is not None and found.partition("factor")[2][:4] == words.partition("factor")[2][:4]

    def _unmoved(self) -> str | None:
        """What changes the right result and not this one, whatever is put in its place."""
        changes: dict[str, Callable[[Case], list[Case]]] = {
            f"{name} plays no part in your result.": functools.partial(_with_others, i=i)
            for i, name in enumerate(self.names)
        }
        changes["only the first sample plays a part in your result: does a loop end (return) too early?"] = (
            _other_samples
        )

        def moved(function: Callable, pairs: list[tuple[Case, Case]]) -> bool | None:
            with contextlib.suppress(Exception):
                return any(not _values_alike(*(self._observed(function, case) for case in pair)) for pair in pairs)
            return None

        pairs = {words: [(case, x) for case in self.cases for x in change(case)] for words, change in changes.items()}
        right = [words for words, ones in pairs.items() if moved(self.exercise.answer, ones)]
        try:
            mine = within(2.0, lambda: [moved(self.mine, pairs[words]) for words in right])
        except (Raised, TooLoud, TooSlow):
            return None
        return next((words for words, moves in zip(right, mine, strict=True) if moves is False), None)


def _with_others(case: Case, i: int) -> list[Case]:
    return [(*case[:i], x, *case[i + 1 :]) for x in _others(case[i])]


def _others(x: object) -> list:
    """Other values of an argument."""
    if torch.is_tensor(x) and x.is_floating_point():
        return [-x, x.flip(0), 3 * x + 1]
    return [1.37 * x] if isinstance(x, float) else []


def _other_samples(case: Case) -> list[Case]:
    """The same first sample, others behind it; none where there is but one."""
    N = next((len(x) for x in case if torch.is_tensor(x) and x.ndim), 1)

    def other(x: Any, by: float) -> Any:
        mine = torch.is_tensor(x) and x.is_floating_point() and x.ndim > 1 and len(x) == N
        return torch.cat([x[:1], by * x[1:] + 1]) if mine else x

    return [tuple(other(x, by) for x in case) for by in (-1, 3)] if N > 1 else []


def _values_alike(a: Observation, b: Observation) -> bool:
    x, y = _tensor(a), _tensor(b)
    return x is not None and y is not None and x.shape == y.shape and torch.allclose(x, y, rtol=1e-6, equal_nan=True)


def _copies(case: Case) -> list:
    return [x.clone() if torch.is_tensor(x) else copy.deepcopy(x) for x in case]


def _tensor(one: Observation) -> Tensor | None:
    """An output as one tensor; None if it is none of numbers."""
    parts = flat(one.output)
    try:
        if len(parts) == 1 and torch.is_tensor(parts[0]):
            return parts[0].detach().double()
        return torch.tensor([float(x) for x in parts], dtype=torch.float64)
    except (TypeError, ValueError):
        return None


def _alike(a: Tensor, b: Tensor | None, rtol: float) -> bool:
    return b is not None and a.shape == b.shape and torch.allclose(a, b, rtol=10 * rtol, atol=1e-6, equal_nan=True)
