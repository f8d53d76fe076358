"""The checker's table: `python -m tests.course.exercises.measure [-v] [name ...]`.

One part is what the checker is tuned on: the exercises' own mistakes and `corpus/`. Another, `corpus_measured.py`,
is only measured, and so is `corpus_blind.py`, written last and by the prompts alone. A wrong answer is explained truly
where what the checker says beyond the numbers holds what stands beside the answer, and may be misleading where it does
not: read those. Seconds are of processor time.
"""

import math
import os
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import numpy as np
import scipy.stats  # noqa: F401  an answer uses it, and its first import takes seconds
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach.course.exercises import Exercise, check, get_exercise, list_exercises
from kd_teach.course.exercises.exercise import bare_signature
from tests.course.exercises import corpus, corpus_blind, corpus_measured

EXPLAINED = {"named mistake": "by hand", "mutation": "mutation", "relation": "relation", "gradient": "form, gradient"}


def function(exercise, body):
    """The function with this body: an expression, or lines with a return."""
    lines = body if re.search(r"\n|^return ", body) else f"return {body}"
    space = {"torch": torch, "F": F, "nn": nn, "math": math, "np": np}
    exec(f"def mine{bare_signature(exercise.reference)}:\n{textwrap.indent(lines.strip(), '    ')}", space)
    return space["mine"]


def written_in(answers: ModuleType, exercise: Exercise) -> Iterator[tuple[str, Callable, str | None]]:
    """How an answer reads, what it does, what explains it, None for a right one; of a file of answers."""
    for body in answers.RIGHT.get(exercise.name, []):
        yield body, function(exercise, body), None
    for body, truth in answers.WRONG.get(exercise.name, []):
        yield body, function(exercise, body), truth


only_measured = partial(written_in, corpus_measured)
blind = partial(written_in, corpus_blind)


def tuned_on(exercise: Exercise) -> Iterator[tuple[str, Callable, str | None]]:
    """Answers of the half that the checker is tuned on."""
    for odd, program in corpus.RIGHT.get(exercise.name, {}).items():
        yield odd, program, None
    for words, program in [*exercise.mistakes.items(), *corpus.WRONG.get(exercise.name, [])]:
        yield words, program, re.escape(words)


def spent() -> float:
    """Seconds of a processor's time, of this process and of those it waited for: a busy machine adds none."""
    return sum(os.times()[:4])


def measured(names, half=only_measured):
    """Counts, seconds, and what went wrong, of one half."""
    count, seconds, said = Counter(), [], []
    for exercise in (e for e in map(get_exercise, names) if isinstance(e, Exercise)):
        for reads, mine, truth in half(exercise):
            start = spent()
            verdict = check(exercise.name, mine)
            seconds.append(spent() - start)
            count["right" if truth is None else "wrong"] += 1
            if truth is None:
                outcome = "" if verdict.passed else "right refused"
            elif verdict.passed:
                outcome = "wrong passed"
            elif verdict.kind in EXPLAINED:
                true = re.search(truth, verdict.message, re.IGNORECASE)
                outcome = f"explained, {EXPLAINED[verdict.kind]}" if true else "misleading"
            elif verdict.kind in ("wrong form", "raises") or "NaN" in verdict.message:
                outcome = "form or error only"
            else:
                outcome = "numbers only"
            if outcome:
                count[outcome] += 1
                if not outcome.startswith("explained") or "-v" in sys.argv:
                    said.append((outcome, exercise.name, reads, verdict.message))
    return count, sorted(seconds), said


def explained(count):
    """The share of the wrong answers that are explained truly."""
    return sum(number for outcome, number in count.items() if outcome.startswith("explained")) / count["wrong"]


def main(names):
    parts = {half: measured(names or list_exercises(), half) for half in (tuned_on, only_measured, blind)}
    shown = parts if "-v" in sys.argv else (only_measured, blind)
    for outcome, name, reads, message in (said for part in shown for said in parts[part][2]):
        print(f"{outcome:20} {name:18} {' '.join(reads.split())[:110]}\n{'':20} -> {message[:170]}")
    counts = [count for count, _, _ in parts.values()]
    print(f"\n{'':28}{'tuned on':>10}{'measured':>10}{'blind':>10}")
    for outcome in sorted(set().union(*counts)):
        print(f"{outcome:28}" + "".join(f"{count[outcome]:10}" for count in counts))
    print(f"{'explained truly':28}" + "".join(f"{explained(count):10.0%}" for count in counts))
    for name, q in (("median", 0.5), ("95 %", 0.95), ("worst", 1)):
        at = [seconds[int(q * (len(seconds) - 1))] for _, seconds, _ in parts.values()]
        print(f"{'seconds a check, ' + name:28}" + "".join(f"{x:10.2f}" for x in at))


if __name__ == "__main__":
    main([word for word in sys.argv[1:] if word != "-v"])
