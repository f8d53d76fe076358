"""Mistakes that nobody wrote down: programs one step away from the reference, each with words for that step.

A mutant is the reference, or a function of the package that it calls, with one node of its syntax tree changed
(`changes.py`), or the same change wherever it can be made. Whoever hands in a function that behaves like a mutant has
most likely made its mistake. The words speak of the idea and of the arguments that the learner knows, never in the
solution's code.
"""

import ast
import inspect
import re
import textwrap
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.changes import changes, put
from kd_teach.course.exercises.exercise import Case, is_plumbing, used_by
from kd_teach.course.exercises.observing import flat
from kd_teach.course.exercises.speech import Speech

Path = tuple[tuple[str, int], ...]  # from the root to a node: field, number in it
Place = tuple[str, Path, Any]  # function, path to the node, change


class Mutant(NamedTuple):
    """A wrong program and what is wrong with it."""

    words: str
    function: Callable


def mutants(reference: Callable, known: list[str]) -> Iterator[Mutant]:
    """All mutants of a reference, the likeliest kinds first.

    Args:
        reference: a function whose source can be read.
        known: names that the learner has seen, those of the exercise's arguments.
    """
    program = _Program(reference)
    speeches = program.speeches(known)
    found = [
        (kind, words, (name, path, change))
        for name, tree in program.trees.items()
        for node, path in _walk(tree)
        for kind, (words, change) in changes(node, speeches[name])
    ]
    found.sort(key=lambda one: one[0])
    whose = re.compile(rf"\b({'|'.join(map(re.escape, known))})\b|the (student|teacher)'s part")
    groups: dict[str, list] = {}
    for _, words, change in found:
        groups.setdefault(whose.sub("", words), []).append((words, change))
    for ones in groups.values():
        places = {change[:2] for _, change in ones}
        if 1 < len(ones) == len(places) and "the other term" not in ones[0][0]:
            # first wherever it can be made: student and teacher are often written out alike
            words = " and likewise: ".join(dict.fromkeys(words for words, _ in ones[:2]))
            yield from program.mutant(words, [change for _, change in ones])
        for words, change in ones:
            yield from program.mutant(words, [change])
    for caller, path, called, argument in program.sites(speeches):
        for kind, words, change in found:
            if kind < 3 and change[0] == called:
                yield from program.mutant(f"{words}, for {argument} alone", [change], (caller, path, _alone))


class _Program:
    """The reference and the functions of the package that it calls, as trees."""

    def __init__(self, reference: Callable) -> None:
        used: list[Callable] = [x for x in used_by(reference).values() if inspect.isfunction(x) and not is_plumbing(x)]
        self.functions = {function.__name__: function for function in (*used, reference)}
        self.main = reference.__name__
        self.sources = {name: _source(function) for name, function in self.functions.items()}
        self.trees = {name: ast.parse(source) for name, source in self.sources.items()}
        self.codes = {name: _compiled(tree) for name, tree in self.trees.items()}

    def speeches(self, known: list[str]) -> dict[str, Speech]:
        """How to speak of each function; what goes into a called one is known where all its callers agree."""
        speeches: dict[str, Speech] = {}
        given: dict[str, dict[str, set[str]]] = {name: {} for name in self.trees}
        for name, tree in reversed(self.trees.items()):  # callers before what they call
            agreed = {argument: words.copy().pop() for argument, words in given[name].items()}
            agreed = {k: words for k, words in agreed.items() if given[name][k] == {words} and words != "a part"}
            speech = speeches[name] = Speech(tree, known if name == self.main else [], agreed)
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and (called := getattr(call.func, "id", "")) in given:
                    arguments = inspect.signature(self.functions[called]).parameters
                    for argument, value in zip(arguments, call.args, strict=False):
                        names = speech.known_in(value)
                        words = names[0] if isinstance(value, ast.Name) and names == [value.id] else ""
                        given[called].setdefault(argument, set()).add(
                            words or f"the part with {' and '.join(names)}" if names else "a part"
                        )
        return speeches

    def sites(self, speeches: dict[str, Speech]) -> Iterator[tuple[str, Path, str, str]]:
        """Where one function calls another more than once, as for student and teacher, and on what."""
        for caller, tree in self.trees.items():
            calls = [(path, node) for node, path in _walk(tree) if isinstance(node, ast.Call)]
            names = [getattr(node.func, "id", "") for _, node in calls]
            for (path, node), called in zip(calls, names, strict=True):
                if called in self.functions and names.count(called) > 1:
                    yield caller, path, called, speeches[caller].of(node.args[0])

    def mutant(self, words: str, changed: list[Place], call: Place | None = None) -> Iterator[Mutant]:
        """The one with these changes, seen by all callers or by one `call` only; none where it makes no program."""
        codes = dict(self.codes)
        for name in {name for name, _, _ in changed}:
            tree = ast.parse(self.sources[name])  # a copy, ten times as quick as deepcopy
            ours = [(path, change) for other, path, change in changed if other == name]
            try:
                for path, change in sorted(ours, key=lambda one: -len(one[0])):  # parts before what holds them
                    _change(tree, path, change)
                if call:
                    tree.body[0].name = name = f"{name}_"
                codes[name] = _compiled(tree)
            except (SyntaxError, ValueError, TypeError, AttributeError, IndexError):
                return
        if call:
            caller = ast.parse(self.sources[call[0]])
            _change(caller, *call[1:])
            codes[call[0]] = _compiled(caller)
        yield Mutant(words, self._linked(codes))

    def _linked(self, codes: dict[str, CodeType]) -> Callable:
        made: dict[str, Callable] = {}
        for of, function in self.functions.items():
            for name in {of, f"{of}_"} & codes.keys():
                space = {"F": F, "torch": torch} | function.__globals__
                space.update({k: new for k, new in made.items() if space.get(k) is self.functions.get(k)})
                exec(codes[name], space)
                made[name] = space[name]
        return made[self.main]


def _source(function: Callable) -> str:
    """The source of a function, without what a mutant needs not."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (head,) = tree.body
    if not isinstance(head, ast.FunctionDef):
        raise TypeError("a lambda has no lines of its own to change")
    head.decorator_list, head.returns = [], None
    for argument in (*head.args.args, *head.args.kwonlyargs):
        argument.annotation = None
    return ast.unparse(tree)


def _compiled(tree: ast.Module) -> CodeType:
    return compile(tree, "<mutant>", "exec")


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, Path]]:
    """All nodes, the outer ones first, each with the way to it."""
    todo: deque[tuple[ast.AST, Path]] = deque([(tree, ())])
    while todo:
        node, path = todo.popleft()
        yield node, path
        for field, value in ast.iter_fields(node):
            for i, part in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(part, ast.AST):
                    todo.append((part, (*path, (field, i))))


def _change(tree: ast.AST, path: Path, change: str | Callable) -> None:
    parent: Any = tree
    for field, i in path[:-1]:
        part = getattr(parent, field)
        parent = part[i] if isinstance(part, list) else part
    field, i = path[-1]
    parts = getattr(parent, field)
    if isinstance(parts, list):
        parts[i] = ast.fix_missing_locations(put(change, parts[i]))
    else:
        setattr(parent, field, ast.fix_missing_locations(put(change, parts)))


def _alone(call: Any) -> Any:
    call.func.id += "_"
    return call


def exchanged(reference: Callable, known: list[str], cases: Sequence[Case]) -> Iterator[Mutant]:
    """The reference with two of its arguments exchanged, the likeliest slip of all."""
    first = cases[0]
    for i in range(len(first)):
        for j in range(i):
            if type(first[i]) is type(first[j]):
                inputs = {i: lambda a, j=j: a[j], j: lambda a, i=i: a[i]}
                yield Mutant(f"{known[j]} and {known[i]} have changed places", _of_inputs(reference, inputs))


def around(reference: Callable, known: list[str], cases: Sequence[Case]) -> Iterator[Mutant]:
    """Mutants that leave the reference as it is and change what goes in or comes out."""
    for name, change in AFTERWARDS.items():
        yield Mutant(f"{name} is applied to the result", _after(reference, change))
    first = cases[0]
    tensors = [i for i, x in enumerate(first) if torch.is_tensor(x) and x.is_floating_point()]
    numbers = [i for i, x in enumerate(first) if isinstance(x, (int, float)) and not isinstance(x, bool)]
    for i in numbers:
        for words, change in NUMBERS.items():
            yield Mutant(words.format(known[i]), _of_inputs(reference, {i: lambda a, i=i, c=change: c(a[i])}))
        for j in numbers:
            if i != j:
                words = f"{known[j]} is used in place of {known[i]}"
                yield Mutant(words, _of_inputs(reference, {i: lambda a, j=j: a[j]}))
    for i in (i for i, x in enumerate(first) if isinstance(x, (list, tuple))):
        yield Mutant(f"{known[i]} is sorted first", _of_inputs(reference, {i: lambda a, i=i: sorted(a[i])}))
        yield Mutant(f"{known[i]} is taken in reverse", _of_inputs(reference, {i: lambda a, i=i: a[i][::-1]}))
    for words, change in BEFOREHAND.items():
        for chosen in ([tensors] if len(tensors) > 1 else []) + [[i] for i in tensors]:
            names = " and ".join(known[i] for i in chosen)
            inputs = {i: lambda a, i=i, c=change: c(a[i]) for i in chosen}
            yield Mutant(f"{words} {names} first", _of_inputs(reference, inputs))


def _after(reference: Callable, change: Callable) -> Callable:
    def mutant(*arguments):
        out = reference(*arguments)
        if torch.is_tensor(out):
            return change(out)
        numbers = [change(torch.as_tensor(x)).item() for x in flat(out)]
        return numbers if isinstance(out, list) else numbers[0]

    return mutant


def _of_inputs(reference: Callable, inputs: dict[int, Callable]) -> Callable:
    def mutant(*arguments):
        return reference(*(inputs[i](arguments) if i in inputs else x for i, x in enumerate(arguments)))

    return mutant


AFTERWARDS: dict[str, Callable] = {
    "a minus (the sign is turned, the negative)": lambda x: -x,
    "a root": lambda x: x.sqrt(),
    "a square": lambda x: x.square(),
    "the absolute value": lambda x: x.abs(),
    "a logarithm": lambda x: x.log(),
    "an exponential": lambda x: x.exp(),
    "a ReLU (negative values are cut off)": lambda x: x.relu(),
    "1 minus it (the complement, 1 - x)": lambda x: 1 - x,
    "1 over it (the fraction is turned over)": lambda x: 1 / x,
    "a sigmoid": lambda x: x.sigmoid(),
    "the arc cosine (acos: an angle, not its cosine)": lambda x: x.clamp(-1, 1).acos(),
    "a transposition (the last two dimensions are exchanged, transposed)": lambda x: x.mT,
    "a mean over all": lambda x: x.mean(),
    "a sum over all": lambda x: x.sum(),
    "a mean over dim=0, the batch": lambda x: x.mean(dim=0),
    "a factor 100 (percent)": lambda x: 100 * x,
    "a sorting (not in the order of the input)": lambda x: x.sort().values,
    "a reversal of the order": lambda x: x.flip(0),
}
NUMBERS: dict[str, Callable] = {
    "{0} plays no part (1 stands in its place)": lambda x: 1,
    "{0} plays no part (0 stands in its place)": lambda x: 0,
    "{0} appears squared": lambda x: x**2,
    "the root of {0} stands where {0} belongs": lambda x: x**0.5,
    "1 / {0} stands where {0} belongs: multiplied, not divided, or the fraction is turned": lambda x: 1 / x,
    "1 - {0} stands where {0} belongs": lambda x: 1 - x,
    "the sign of {0} is turned (a minus)": lambda x: -x,
    "twice {0} stands where {0} belongs: a factor 2": lambda x: 2 * x,
    "half of {0} stands where {0} belongs: a factor 2": lambda x: x / 2,
}
BEFOREHAND: dict[str, Callable] = {
    "a ReLU is applied to": lambda x: x.relu(),
    "the absolute value is taken of": lambda x: x.abs(),
    "a square is taken of": lambda x: x.square(),
    "the sign is turned (a minus) of": lambda x: -x,
    "a softmax over dim=1 is applied to": lambda x: x.softmax(1),
    "a logarithm is taken of": lambda x: x.log(),
    "the sample is scaled to length 1, as one vector, in": lambda x: F.normalize(x.flatten(1)).view_as(x),
    "each place is scaled to length 1 over dim=1 in": lambda x: F.normalize(x, dim=1),
    "the mean over the places is taken (pooled) of": lambda x: x.mean(dim=(2, 3), keepdim=True),
    "the mean is subtracted from": lambda x: x - x.mean(),
    "rows and columns are exchanged (transposed) in": lambda x: x.mT,
}
