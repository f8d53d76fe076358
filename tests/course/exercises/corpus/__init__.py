"""The half of the corpus that the checker is tuned on, one file a topic.

`RIGHT`: programs that are right (another order of sums, a transposed but equal form), by exercise and what is odd.
`WRONG`: beside the exercise's own `mistakes`, programs that the checker explains without a word of its author, each
behind words that it must use.
"""

from collections.abc import Callable
from importlib import import_module

from kd_teach.course.exercises import TOPICS

RIGHT: dict[str, dict[str, Callable]] = {}
WRONG: dict[str, list[tuple[str, Callable]]] = {}
for topic in TOPICS:
    programs = import_module(f"{__name__}.{topic}")
    RIGHT |= getattr(programs, "RIGHT", {})
    WRONG |= getattr(programs, "WRONG", {})
