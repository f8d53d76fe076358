"""Answers to questions: what a value may stand for, in whatever form a learner gives it."""

import contextlib
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor

from kd_teach.course.exercises.exercise import Question
from kd_teach.course.exercises.observing import equal, flat, form, is_number, plain

NUMBER = r"[-+]?\s*(?:\d{1,3}(?:[,_ ]\d{3})+(?!\d)(?:\.\d+)?|\d*[.,]?\d+)(?:e[-+]?\d+)?"
BEFORE = r"[^=]*=|a? ?factor(?: of)?|about|around|roughly|approximately|approx\.?|ca\.?|[~\u2248x\u00d7]"
BETWEEN = r"[,;/&+\n]|\band\b"  # words of a set
TIMES = ("", "x", "\u00d7", "times", "fold", "-fold", "times smaller", "times larger")
BYTES = {"b": 1.0, "bytes": 1.0} | {
    unit: 10.0 ** (3 * power)
    for power, units in enumerate(("kb kilobytes", "mb megabytes", "gb gigabytes", "tb terabytes"), 1)
    for unit in units.split()
}
BYTES |= {unit: 1024.0**power for power, unit in enumerate(("kib", "mib", "gib", "tib"), 1)}
PERCENT = ("%", "percent", "per cent")
SLIPS = {  # what a number may be in place of the right one
    "It is a hundred times too large: is it in percent?": lambda x: 100 * x,
    "Its sign is turned.": lambda x: -x,
    "The fraction is turned over: 1 over it is right.": lambda x: 1 / x if x else x,
}


def meant(mine: Any, right: Any, prompt: str) -> list:
    """What a value may stand for, in the form of the right one; as it is where it can stand for nothing else."""
    if isinstance(mine, Iterable) and not isinstance(mine, (str, bytes, np.ndarray, Tensor)):
        mine = list(islice(mine, 1000))  # a set, the keys of a dictionary, a column of a table
    mine = plain(mine)
    if isinstance(right, (set, frozenset)):
        if isinstance(mine, np.ndarray):
            mine = mine.tolist()
        if isinstance(mine, str) and re.search(BETWEEN, mine):
            mine = [mine.strip("{}[]() ")]
        if isinstance(mine, list):
            with contextlib.suppress(TypeError):  # sets in a list
                return [_words(flat(mine))]
        return [mine]
    if isinstance(mine, list) and len(mine) == 1:
        mine = mine[0]
    if isinstance(mine, (np.ndarray, np.generic, Tensor)) and np.asarray(mine).size == 1:
        mine = mine.item()
    if isinstance(mine, str) and is_number(right):
        return _numbers(mine.strip().replace("\u2212", "-"), prompt.casefold()) or [mine]
    return [mine]


def _numbers(text: str, prompt: str) -> list[float]:
    """The numbers that a text may mean, in the unit that the prompt asks for; none where it means no number."""
    found = re.fullmatch(rf"(?:{BEFORE})?\s*({NUMBER})\s*(.*)", text, re.IGNORECASE | re.DOTALL)
    if not found:
        return []
    digits, unit = found[1].replace(" ", ""), found[2].strip(" .").casefold()
    readings = {float(re.sub("[,_]", "", digits))} if re.search(r"[,_]\d{3}|^[^,]*$", digits) else set()
    if digits.count(",") == 1 and "." not in digits:  # in half of the world it begins the decimals
        readings.add(float(digits.replace(",", ".").replace("_", "")))
    if unit in PERCENT:
        return [x if re.search(r"percent|in %", prompt) else x / 100 for x in readings]
    asked = next((word for word in re.findall(r"\w+", prompt) if word in BYTES), None)
    if asked and unit in BYTES:
        return [x * BYTES[unit] / BYTES[asked] for x in readings]
    same_again = re.fullmatch(rf"[x\u00d7]\s*{re.escape(found[1])}", unit)  # a kernel of "9x9"
    named = unit[:1].isalpha() and re.search(rf"\b{re.escape(unit)}\b", prompt)
    known = unit in TIMES or same_again or named
    return list(readings) if known else []


def _words(xs: list) -> set:
    """The words of a set, without what people write in many ways."""
    parts = [part for x in xs for part in (re.split(BETWEEN, x.casefold()) if isinstance(x, str) else [x])]
    words = {re.sub(r"^the |[\s_\"'-]", "", x.strip()) if isinstance(x, str) else x for x in parts}
    return words - {""}


def judged(question: Question, mine: Any) -> tuple[str, str]:
    """The kind of answer and what to say about it."""
    right = question.answer()
    values = meant(mine, right, question.prompt)

    def is_(value: Any) -> bool:
        (value,) = meant(value, value, question.prompt)
        return any(equal(x, value, question.rtol) for x in values)

    if is_(right):
        return "correct", "correct."
    if hints := [hint for hint, value in question.wrong.items() if is_(value)]:
        return "named mistake", f"not so. {hints[0]}"
    if is_number(right) and (slips := [words for words, slip in SLIPS.items() if is_(slip(right))]):
        return "relation", f"not so. {slips[0]}"
    if not any(type(x) is type(right) or isinstance(x, set) or (is_number(x) and is_number(right)) for x in values):
        expected = "a number" if is_number(right) else form(right)
        advice = ": write a number, without quotes" if isinstance(mine, str) and is_number(right) else ""
        return "wrong form", f"expected {expected}, got {repr(mine)[:40] if advice else form(plain(mine))}{advice}."
    return "gap", f'not so. hint("{question.name}") gives a step.'
