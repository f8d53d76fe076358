"""The checker's table: `python -m tests.course.exercises.measure [name ...]`.

`corpus_measured.py` is only measured; the checker is tuned on the exercises' own mistakes and variants. A wrong answer
is explained truly where what the checker says beyond the numbers matches the pattern beside the answer, and may be
misleading where it does not: read those.
"""

import math
import re
import sys
import textwrap
import time
from collections import Counter

import numpy as np
import scipy.stats  # noqa: F401  an answer uses it, and its first import takes seconds
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach.course.exercises import Exercise, check, get_exercise, list_exercises
from kd_teach.course.exercises.exercise import bare_signature
from tests.course.exercises.corpus_measured import RIGHT, WRONG

EXPLAINED = {"named mistake": "by hand", "mutation": "mutation", "relation": "relation", "gradient": "form, gradient"}


def function(exercise, body):
    """The function with this body: an expression, or lines with a return."""
    lines = body if re.search(r"^\s*return ", body, re.MULTILINE) else f"return {body}"
    space = {"torch": torch, "F": F, "nn": nn, "math": math, "np": np}
    exec(f"def mine{bare_signature(exercise.reference)}:\n{textwrap.indent(lines.strip(), '    ')}", space)
    return space["mine"]


def measured(names):
    """Counts, seconds, and what went wrong, of the half that is only measured."""
    count, seconds, said = Counter(), [], []
    for name in names:
        exercise = get_exercise(name)
        if not isinstance(exercise, Exercise):
            continue
        for body in RIGHT.get(name, []):
            verdict = check(name, function(exercise, body))
            count["right"] += 1
            if not verdict.passed:
                count["right refused"] += 1
                said.append(("right refused", name, body, verdict.message))
        for body, truth in WRONG.get(name, []):
            start = time.perf_counter()
            verdict = check(name, function(exercise, body))
            seconds.append(time.perf_counter() - start)
            count["wrong"] += 1
            if verdict.passed:
                outcome = "wrong passed"
            elif verdict.kind in EXPLAINED:
                true = re.search(truth, verdict.message, re.IGNORECASE)
                outcome = f"explained, {EXPLAINED[verdict.kind]}" if true else "misleading"
            elif verdict.kind in ("wrong form", "raises") or "NaN" in verdict.message:
                outcome = "form or error only"
            else:
                outcome = "numbers only"
            count[outcome] += 1
            if not outcome.startswith("explained") or "-v" in sys.argv:
                said.append((outcome, name, body, verdict.message))
    return count, sorted(seconds), said


def main(names):
    count, seconds, said = measured(names or list_exercises())
    for outcome, name, body, message in said:
        print(f"{outcome:20} {name:18} {' '.join(body.split())[:110]}\n{'':20} -> {message[:170]}")
    print()
    for outcome, number in sorted(count.items()):
        print(f"{outcome:28}{number:5}")
    true = sum(number for outcome, number in count.items() if outcome.startswith("explained"))
    print(f"explained truly             {true / count['wrong']:5.0%}")
    at = [seconds[int(q * (len(seconds) - 1))] for q in (0.5, 0.95, 1)]
    print("seconds a check: median {:.2f}, 95 % {:.2f}, worst {:.2f}".format(*at))


if __name__ == "__main__":
    main([word for word in sys.argv[1:] if word != "-v"])
