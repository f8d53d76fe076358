"""What an exercise is: data. The checker (`checking.py`) reads it, the notebooks and the classroom pack print it."""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from torch import Tensor

Case = tuple[Any, ...]  # the arguments of one call

PREFIX = "my_"  # the learner's function is called so, lest it hide the library's own


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    Name, prompt, reference and cases make one. The reference is the solution as a learner would write it, and its
    source is what `solution` shows: the equation of the method's own file, or a step of it, behind what it uses of the
    package. Beside that it uses `torch`, `F`, `nn` and `math`.

    Args:
        name: "kd.loss": the notebook's method, a dot, the thing to write.
        prompt: what the function returns, with shapes; becomes the stub's docstring.
        reference: the right answer.
        cases: makes the inputs, a list of argument tuples in float32. Two or more, so that chance agrees with no
            mistake: other batch sizes, unequal sizes of student and teacher where the method allows them.
        mistakes: what a wrong program computes, under the hint that its author needs. The hint names the mistake and
            what to do; it does not print the answer. Most mistakes need none: `mutation.py` finds them by itself.
        steps: functions that the reference calls, each with the exercise to write it: its mistakes are known here, too.
        hints: steps towards the solution, one more each time that `hint` is called.
        called: the learner's function, without its "my_"; by default like the reference.
        detached: arguments of the teacher; a solution through which gradient reaches them is refused. The reference
            need not detach them: `answer` and `solution` do.
        gradient: compare the gradients too. False where a right answer need not be differentiable.
        stars: 1 understanding, 2 code, 3 needs thought.
        seconds: a submission that runs longer is stopped.
    """

    name: str
    prompt: str
    reference: Callable
    cases: Callable[[], Sequence[Case]]
    mistakes: Mapping[str, Callable] = field(default_factory=dict)
    steps: "Mapping[Callable, Exercise]" = field(default_factory=dict)
    hints: Sequence[str] = ("Read the description again, and write down the shape after each step.",)
    called: str = ""
    detached: tuple[str, ...] = ()
    gradient: bool = True
    stars: int = 2
    seconds: float = 4.0
    rtol: float = 1e-4

    @property
    def variable(self) -> str:
        """The name of the function that the learner writes."""
        name = self.reference.__name__
        return PREFIX + (self.called or (name if name.isidentifier() else self.name.rpartition(".")[2]))

    @property
    def answer(self) -> Callable:
        """The reference, through which no gradient reaches the `detached` arguments."""

        @functools.wraps(self.reference)
        def answer(*args, **kwargs):
            given = inspect.signature(self.reference).bind(*args, **kwargs)
            for name in set(self.detached) & set(given.arguments):
                given.arguments[name] = cut(given.arguments[name])
            return self.reference(*given.args, **given.kwargs)

        return answer

    def known_mistakes(self) -> Iterator[tuple[str, Callable]]:
        """Hints and wrong programs: its own, then the reference with a step done as the step's mistakes do it."""
        yield from self.mistakes.items()
        for function, step in self.steps.items():
            for hint, wrong in step.known_mistakes():
                yield hint, _calling(self.reference, {function: wrong})

    @property
    def signature(self) -> str:
        """The head of the function that the learner writes: "my_kd_loss(z_s, z_t, T)"."""
        return self.variable + bare_signature(self.reference)

    def stub(self) -> str:
        """The cell that a learner starts from; it runs, and counts as not attempted."""
        return self._head() + "    return None  # your code"

    def solution(self) -> str:
        """The reference as the learner would have written it, under the stub's name and docstring."""
        return self._head() + textwrap.indent("\n".join(self.body()), "    ")

    def body(self) -> list[str]:
        """The lines below the solution's head and docstring, not indented: first the functions that it uses."""
        used = [line for name, thing in used_by(self.reference).items() for line in shown(name, thing)]
        lines = body_of(self.reference)
        if not any(".detach()" in line for line in lines):
            used += [f"{name} = {name}.detach()  # the teacher does not learn" for name in self.detached]
        return used + lines

    def _head(self) -> str:
        lines = [line for part in self.prompt.splitlines() for line in textwrap.wrap(part, width=100) or [""]]
        prompt = "\n    ".join(lines) if len(lines) == 1 else "\n    ".join([*lines, ""])
        return f'def {self.signature}:\n    """{prompt}"""\n'


def bare_signature(function: Callable) -> str:
    """The arguments of a function in brackets, without type hints."""
    signature = inspect.signature(function)
    arguments = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=arguments, return_annotation=signature.empty))


def body_of(function: Callable) -> list[str]:
    """The lines of a function below its head and docstring, not indented."""
    source = textwrap.dedent(inspect.getsource(function))
    parsed = ast.parse(source).body[0]
    if not isinstance(parsed, ast.FunctionDef):
        raise ValueError(f"the solution is a function's source; expected a reference by `def`, got:\n{source}")
    if parsed.body[0].lineno == parsed.lineno:  # def f(x): return x
        return [ast.unparse(line) for line in parsed.body]
    above = [node.end_lineno or 1 for node in (*parsed.args.args, parsed.returns) if node]
    if ast.get_docstring(parsed) is not None:
        above.append(parsed.body[0].end_lineno or 1)
    return textwrap.dedent("\n".join(source.splitlines()[max(above, default=1) :])).splitlines()


def used_by(function: Callable) -> dict[str, Any]:
    """Functions and constants, of the package and of its own file, that a function uses; steps stand before them."""
    found: dict[str, Any] = {}
    for name, thing in _named_in(function):
        found |= used_by(thing) | {name: thing} if callable(thing) and not is_plumbing(thing) else {name: thing}
    return found


def _named_in(function: Callable) -> Iterator[tuple[str, Any]]:
    """As `used_by`, of what a function itself names."""
    for name in _names(function.__code__):
        thing = function.__globals__.get(name)
        ours = inspect.isfunction(thing) and thing.__module__.startswith(("kd_teach.", function.__module__))
        if ours or (name.isupper() and isinstance(thing, (int, float))):
            yield name, thing


def _calling(function: Callable, others: Mapping[Callable, Callable]) -> Callable:
    """A copy of the function in which it, and what it uses, calls others in the place of some."""
    space = dict(function.__globals__)
    for name, thing in _named_in(function):
        if thing in others:
            space[name] = others[thing]
        elif callable(thing) and not is_plumbing(thing):
            space[name] = _calling(thing, others)
    return FunctionType(function.__code__, space, function.__name__, function.__defaults__, function.__closure__)


def _names(code: CodeType) -> tuple[str, ...]:
    """Names in a function, also inside its lambdas and comprehensions."""
    inner = [c for c in code.co_consts if inspect.iscode(c)]
    return code.co_names + tuple(name for c in inner for name in _names(c))


def is_plumbing(function: Callable) -> bool:
    """Whether a function is of a private module: no page to read."""
    return function.__module__.rpartition(".")[2].startswith("_")


def shown(name: str, thing: Any) -> list[str]:
    """How a solution shows what it uses: its value or definition, or an import where that is no page to read."""
    if not callable(thing):
        return [f"{name} = {thing!r}", ""]
    if is_plumbing(thing):
        return [f"from {thing.__module__} import {name}", ""]
    return [f"def {name}{bare_signature(thing)}:", *(f"    {line}" for line in body_of(thing)), ""]


def cut(argument: Any) -> Any:
    """A tensor, or a sequence of them, without its graph."""
    if isinstance(argument, (list, tuple)):
        return type(argument)(map(cut, argument))
    return argument.detach() if isinstance(argument, Tensor) else argument


@dataclass(frozen=True)
class Question:
    """A value to find: a number, a word, or a set of words.

    Args:
        name: "kd.limit".
        prompt: the question, with the form of the answer.
        answer: computes the right value, so that no number stands here unproved.
        wrong: values that a known error of thought leads to, under the hint that helps.
        hints: steps towards the answer.
        explanation: why; what `solution` shows below the answer.
        rtol: how exact a number must be.
    """

    name: str
    prompt: str
    answer: Callable[[], Any]
    wrong: Mapping[str, Any]
    hints: Sequence[str]
    explanation: str
    stars: int = 1
    rtol: float = 1e-2

    @property
    def variable(self) -> str:
        """The name under which the learner hands in the answer."""
        return PREFIX + self.name.partition(".")[2]

    def stub(self) -> str:
        """The cell that a learner starts from; it runs, and counts as not attempted."""
        return f"{self.variable} = None  # your answer"

    def solution(self) -> str:
        """The answer and why."""
        return f"{self.variable} = {self.answer()!r}\n\n{self.explanation}"
