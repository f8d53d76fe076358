"""Whose code an object is, and what the instructions of a function say: what `fingerprint` walks by."""

import dis
import functools
import importlib
import importlib.util
import sys
import sysconfig
import types
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = Path(__file__).resolve().parents[1]
COMPUTING = ("data", "models", "methods", "measures", "training")  # rooms; the others draw, keep or teach
LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
GLOBAL_READS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
HAS_DOCSTRING = 0x4000000  # a flag since Python 3.13


class Instructions(NamedTuple):
    """What a code object says, nested ones included."""

    instructions: tuple
    globals: tuple[tuple[str, ...], ...]  # that it reads, each with the attributes that it asks them for
    imports: tuple[tuple[str, ...], ...]  # modules, each with the names that it takes from them


@functools.cache
def read_code(code: types.CodeType) -> Instructions:
    """The instructions of a code object, without docstrings and line numbers."""
    facts: list = [(code.co_flags & ~HAS_DOCSTRING, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)]
    facts += [code.co_varnames, code.co_freevars, code.co_cellvars, code.co_exceptiontable]
    names: tuple[set, set] = (set(), set())
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    for place, step in enumerate(steps):
        value = step.argval
        if isinstance(value, types.CodeType):
            inner = read_code(value)
            for mine, theirs in zip(names, inner[1:], strict=True):
                mine.update(theirs)
            value = inner.instructions
        elif step.opname in GLOBAL_READS:
            asked = takewhile(lambda later: later.opname in ("LOAD_ATTR", "LOAD_METHOD"), steps[place + 1 :])
            names[0].add((value, *(later.argval for later in asked)))
        elif step.opname == "IMPORT_NAME":
            level = facts[-2][1]  # which stands before it, 1 for `from . import`
            taken = steps[place - 1].argval or ()
            names[1].update(("." * level + value, *name) for name in (zip(taken, strict=True) if taken else [()]))
        elif step.opname == "STORE_NAME" and value in ("__doc__", "__firstlineno__"):  # of a class in a function
            facts.pop()
            continue
        facts.append((step.opname, value))
    return Instructions(tuple(facts), *(tuple(sorted(some)) for some in names))


def own_module(name: str) -> types.ModuleType | str:
    """The module of a name, if it is there; one of one's own that will only be imported in training is imported."""
    with suppress(Exception):  # whatever it raises: training will tell
        if name not in sys.modules and is_own_file(importlib.util.find_spec(name).origin):  # type: ignore
            importlib.import_module(name)
    return sys.modules.get(name, name)


def closed_over(function: types.FunctionType) -> Iterator[Any]:
    """What the cells of a closure hold."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield "not filled yet"


def is_mine(value: Any) -> bool:
    """Whether a function or a class comes from one's own code."""
    if isinstance(value, types.FunctionType):
        return is_own(value.__globals__.get("__name__", "os"))
    return isinstance(value, type) and is_own(value.__module__)


def is_own(module: str) -> bool:
    """Whether a module is the reader's, or one of ours that computes: its code is followed."""
    if module == "__main__":
        return True
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return False
    files = [getattr(sys.modules.get(name), "__file__", None) for name in (module, top)]  # parts in C may have none
    return is_own_file(files[0] or files[1] or "")


@functools.cache
def is_own_file(file: str) -> bool:
    """The same of a file; what stands in none (a cell, a string) is the reader's."""
    if file.startswith("<frozen "):
        return False
    path = Path(file)
    if path.is_relative_to(PACKAGE):
        return path.relative_to(PACKAGE).parts[0] in COMPUTING
    return not (
        path.is_absolute() and (file.startswith(LIBRARIES) or {"site-packages", "dist-packages"} & {*path.parts})
    )


@functools.cache
def version_of(module: str) -> str:
    """The version of the library that a module belongs to, as far as it tells one."""
    top = module.partition(".")[0]
    try:
        return version(top)
    except (PackageNotFoundError, ValueError):  # its distribution has another name
        return str(getattr(sys.modules.get(top), "__version__", ""))
