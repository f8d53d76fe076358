"""A fingerprint of the code that makes a run: the part of its key that an edit changes.

It follows objects as they are in memory, so that it is right after an autoreload, a patched module or a cell that was
run again: an object leads to its class, a function to its closure, its defaults and the globals that it reads, until
what comes from Python, PyTorch or another installed library, of which the version is noted, and what of one's own was
put into it (`F.relu = mine`). Of this package it follows the rooms that compute. Functions count by their instructions:
comments, docstrings and line numbers change nothing; another minor version of Python does. What a function reads from a
file or the environment while it trains is not seen.
"""

import builtins
import functools
import hashlib
import importlib.util
import linecache
import secrets
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import MISSING
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from kd_teach.methods.recipe import Run
from kd_teach.training.own_code import closed_over, is_mine, is_own, is_own_file, own_module, read_code, version_of
from kd_teach.training.run_folder import content_of

ATOMS: tuple[type, ...] = (bool, int, float, complex, str, bytes, bytearray, range)
ATOMS += (type(None), type(...), type(NotImplemented))
ATOMS += (torch.dtype, torch.device, torch.memory_format, torch.layout, types.GenericAlias, types.UnionType)
IN_C: tuple[type, ...] = (types.BuiltinFunctionType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
IN_C += (types.WrapperDescriptorType, types.MethodWrapperType)
BY_TEXT = {("eval",), ("exec",), ("globals",), ("__import__",), ("importlib", "import_module"), ("sys", "modules")}
HEAP_TYPE = 1 << 9  # a flag of classes that Python code makes
WRITTEN_BY_PYTHON = {"__new__", "__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__"}
WRITTEN_BY_PYTHON |= {"__setattr__", "__delattr__"}  # for dataclasses and named tuples, whose fields have a source
NO_CODE = {"__dict__", "__weakref__", "__annotate__", "__annotate_func__", "_abc_impl"}  # of a class
OF_MODULES = frozenset(vars(nn.Module()))  # parameters, sub-modules, hooks, ...


class Code(NamedTuple):
    """What made a run."""

    digest: str  # 16 hex digits
    unreadable: str | None  # the first part without a source to read; None: all of it could be followed


def code_of(run: Run, *steps: Callable) -> tuple[Code, Code]:
    """The code that makes a run: recipe, loss and networks, and the functions that train and measure them.

    Alone, and with all values that the run holds.
    """
    networks = [network for network in (run.student, run.teacher, run.loss) if network is not None]
    kinds = {type(layer) for network in networks for layer in network.modules()}
    steps = (*steps, Tensor, F)  # of which own code may have replaced a part
    return fingerprint(type(run), getattr(run, "recipe", None), kinds, *steps), fingerprint(run, *steps)


def fingerprint(*roots: Any) -> Code:
    """The code behind these objects, with all values and tensors that it holds."""
    walk = Walk()
    walk.add(roots)
    while walk.waiting:
        walk.visit(walk.waiting.popleft())
    return Code(walk.digest.hexdigest()[:16], walk.unreadable)


class Walk:
    """A walk from object to object: each is visited once, in an order that depends on nothing but the objects."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.waiting: deque = deque()
        self.unreadable: str | None = None
        self._seen: dict[int, tuple[int, Any]] = {}  # by id: its number, and itself, that the id stays its own

    def add(self, *facts: Any) -> None:
        """Take facts in: plain values at once; anything else by its number, to be visited later."""
        for fact in facts:
            kind = type(fact)
            if kind in ATOMS or (kind.__module__ == "typing" and not isinstance(fact, type)):
                self._write(f"{kind.__name__} {fact!r}")
            elif kind in (tuple, torch.Size):
                self._write(f"{kind.__name__} of {len(fact)}")
                self.add(*fact)
            elif kind is frozenset:
                self._write(f"frozenset of {len(fact)}")
                self.add(*in_order(fact))
            else:
                if id(fact) not in self._seen:
                    self._seen[id(fact)] = len(self._seen), fact
                    self.waiting.append(fact)
                self._write(f"object {self._seen[id(fact)][0]}")

    def _write(self, text: str) -> None:
        self.digest.update(text.encode("utf-8", "surrogatepass") + b"\0")

    def blind(self, what: str) -> None:
        """Note that there is something without a source."""
        self.unreadable = self.unreadable or what
        self.add(secrets.token_hex())  # so that it is equal to no other run

    def visit(self, thing: Any) -> None:
        """Take in what one object is made of."""
        self._write(f"a {type(thing).__qualname__}")
        if type(thing) in EXACT:
            return EXACT[type(thing)](self, thing)
        for kind, visit in VISITS:
            if issubclass(type(thing), kind):
                return visit(self, thing)
        return self.instance(thing)

    def sequence(self, things: Iterable) -> None:
        things = list(things)
        self.add(len(things), *things)

    def mapping(self, things: Any) -> None:
        self.add(type(things), len(things), *(part for pair in dict(things).items() for part in pair))

    def tensor(self, tensor: Tensor) -> None:
        try:
            self.add(tensor.dtype, tensor.shape, tensor.layout)
            self.digest.update(content_of(tensor))
        except RuntimeError:  # on the meta device, nested, not initialised yet
            self.blind("a tensor cannot be read")
        self.add(vars(tensor) or None, [*(tensor._backward_hooks or {}).values()])

    def network(self, module: nn.Module) -> None:
        """Its class, weights, layers, hooks and settings; not whether it is in training mode."""
        self.add(type(module))
        graphs = ("train_graph", "eval_graph") if hasattr(module, "train_graph") else ("_graph",)
        for name, value in sorted(vars(module).items()):  # a copy may have them in another order
            if name in ("training", "_is_torch_compile"):  # the latter is a mark on what was compiled, even once
                continue
            if isinstance(module, fx.GraphModule) and name not in (*OF_MODULES, *graphs):
                continue  # the tracer's own, which changes when it is copied
            # Hooks are kept under numbers that count up in each process.
            hooks = name in OF_MODULES and isinstance(value, dict) and name.endswith(("hooks", "_with_kwargs"))
            self.add(name, list(value.values()) if hooks else value)

    def graph(self, graph: fx.Graph) -> None:
        self.add(str(graph), *(node.target for node in graph.nodes if callable(node.target)))

    def function(self, function: types.FunctionType) -> None:
        """Its instructions, defaults and closure, and the globals that it reads."""
        if not is_own_file(function.__code__.co_filename):
            self.library(function.__module__, function.__qualname__)
            return self.add(vars(function) or None, list(filter(is_mine, closed_over(function))))  # what it has wrapped
        file = function.__code__.co_filename
        by_python = file == "<string>" and function.__name__ in WRITTEN_BY_PYTHON
        if not by_python and not linecache.getlines(file, function.__globals__):
            self.blind(f"{function.__qualname__} has no source")
        facts = read_code(function.__code__)
        self.add(facts.instructions, function.__defaults__, function.__kwdefaults__, vars(function) or None)
        self.add(*closed_over(function))
        for name, *attributes in facts.globals:
            if name in function.__globals__:
                self.used(function.__globals__[name], attributes)
            elif name not in vars(builtins):
                self.add(f"{name} is not there")
        for chain in BY_TEXT & {chain[:2] for chain in facts.globals}:
            self.blind(f"{function.__qualname__} finds names by {'.'.join(chain)}")
        package = function.__globals__.get("__package__") or ""
        for name, *attributes in facts.imports:
            full = importlib.util.resolve_name(name, package) if package or not name.startswith(".") else name
            self.used(own_module(full), attributes)

    def used(self, value: Any, attributes: Iterable[str]) -> None:
        """A value that a function reads, and what it is asked for: of a module of one's own nothing else counts."""
        for name in attributes:
            if not isinstance(value, types.ModuleType) or name not in vars(value):
                break
            if not is_own(value.__name__):
                self.add(value)
                if not isinstance(vars(value)[name], types.ModuleType | type):
                    return
            value = vars(value)[name]
        self.add(value)

    def module(self, module: types.ModuleType) -> None:
        """One that is kept as a value: nobody knows what will be taken of it."""
        self.library(module.__name__)
        if is_own(module.__name__):
            self.add({name: value for name, value in vars(module).items() if not name.startswith("__")})
        else:
            self.planted(module)

    def planted(self, home: types.ModuleType | type) -> None:
        """What of one's own was put into a module or a class of a library."""
        self.add(*(part for name, value in sorted(vars(home).items()) if is_mine(value) for part in (name, value)))

    def builtin(self, function: Any) -> None:
        """A function written in C."""
        owner = getattr(function, "__objclass__", None) or getattr(function, "__self__", None)
        if isinstance(owner, types.ModuleType) or owner is None:
            home = function.__module__ or (owner.__name__ if owner else "builtins")
            if is_own(home):
                self.blind(f"{home}.{function.__qualname__} is not written in Python")
            return self.library(home, function.__qualname__)
        return self.add(owner, function.__qualname__)

    def kind(self, kind: type) -> None:
        """A class: its name, and of one's own all that its body holds and the classes that it derives from."""
        self.library(kind.__module__, kind.__qualname__)
        made_by_exec = kind.__module__ == "builtins" and kind.__flags__ & HEAP_TYPE  # in a namespace without a name
        if not (made_by_exec or is_own(kind.__module__)):
            for base in kind.__mro__:
                self.planted(base)
            return
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if file and file.endswith(tuple(EXTENSION_SUFFIXES)):
            self.blind(f"{kind.__module__}.{kind.__qualname__} is not written in Python")
        self.add(type(kind), kind.__bases__)
        for name, value in sorted(vars(kind).items()):
            if name == "__dataclass_fields__":
                makers = {key: None if f.default_factory is MISSING else f.default_factory for key, f in value.items()}
                self.add(name, makers)
            elif name not in NO_CODE and (not name.startswith("__") or callable(value) or hasattr(value, "__get__")):
                self.add(name, value)

    def instance(self, thing: Any) -> None:
        """Any other object: what it would be pickled as."""
        try:
            made_of = thing.__reduce_ex__(4)
        except Exception:  # whatever its class thinks of being asked
            return self.blind(f"a {type(thing).__qualname__} cannot be read")
        if isinstance(made_of, str):
            return self.library(type(thing).__module__, made_of)
        maker, arguments, state, *items = (*made_of, None, None, None)[:5]
        if isinstance(state, dict):  # what is only remembered may be there or not
            state = {
                name: value
                for name, value in state.items()
                if not isinstance(getattr(type(thing), str(name), None), functools.cached_property)
            }
        return self.add(maker, arguments, state, *(list(part or ()) for part in items))

    def library(self, module: str | None, name: str = "") -> None:
        """A name in a module; of an installed library also its version."""
        version = "" if is_own(module or "") else version_of(module or "")
        self.add(module, name, version)


VISITS: tuple[tuple[Any, Callable[[Walk, Any], None]], ...] = (
    (nn.Module, Walk.network),
    (Tensor, Walk.tensor),
    (fx.Graph, Walk.graph),
    (type, Walk.kind),
    (types.FunctionType, Walk.function),
    (types.MethodType, lambda walk, method: walk.add(method.__func__, method.__self__)),
    (types.ModuleType, Walk.module),
    ((staticmethod, classmethod), lambda walk, method: walk.add(method.__func__)),
    (property, lambda walk, value: walk.add(value.fget, value.fset, value.fdel)),
    (functools.cached_property, lambda walk, value: walk.add(value.func)),
    (functools._lru_cache_wrapper, lambda walk, cached: walk.add(cached.__wrapped__)),
    (IN_C, Walk.builtin),
    ((types.GetSetDescriptorType, types.MemberDescriptorType), lambda walk, slot: walk.add(slot.__name__)),
    (weakref.ReferenceType, lambda walk, reference: walk.add(reference())),
    (types.MappingProxyType, Walk.mapping),
)
EXACT: dict[type, Callable[[Walk, Any], None]] = {
    list: Walk.sequence,
    dict: Walk.mapping,
    set: lambda walk, things: walk.sequence(in_order(things)),
}


def in_order(things: Iterable) -> list:
    """What a set holds, in an order that is the same in every process."""

    def rank(x: Any) -> str:
        return repr(x) if type(x) in ATOMS else f"{x.__module__}.{x.__qualname__}" if isinstance(x, type) else ""

    return sorted(things, key=rank)
