"""How a wrong result is related to the right one: a size too often, a sign, right here and wrong there."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kd_teach.course.exercises.exercise import Case
from kd_teach.course.exercises.observing import Observation, flat

LETTERS = {2: ("N", "D"), 3: ("N", "C", "HW"), 4: ("N", "C", "H", "W")}
PRODUCTS = ("HW", "CHW", "NC", "NCHW", "CH", "ND", "NHW")


def factors(names: Sequence[str], case: Case) -> dict[str, float]:
    """What a result may be too large by, under the name of it: sizes, numbers and their powers."""
    found: dict[str, float] = {}
    for argument, x in zip(names, case, strict=True):
        if torch.is_tensor(x) and x.is_floating_point() and x.ndim:
            sizes = dict(zip(LETTERS.get(x.ndim, ("N",)), x.shape, strict=False))
            for product in PRODUCTS:
                if len(product) > 1 and set(product) <= set(sizes):
                    sizes[product] = torch.Size([sizes[letter] for letter in product]).numel()
            for letter, size in sizes.items():
                found.setdefault(f"{letter} = {size}, a size of {argument},", size)
        elif isinstance(x, (int, float)) and not isinstance(x, bool) and x > 0:
            for power, said in ((1, ""), (2, "²"), (3, "³"), (4, "⁴"), (0.5, " under a root")):
                found[f"{argument}{said}"] = x**power
    N = next((len(x) for x in case if torch.is_tensor(x) and x.ndim), 1)
    found |= {"N²": N**2, "the root of N": N**0.5}
    if N > 1:
        found |= {"N - 1": N - 1, "N (N - 1)": N * (N - 1), "N / (N - 1)": N / (N - 1)}
    return found | {"2": 2, "4": 4, "3": 3, "8": 8}


def factor(names: Sequence[str], cases: Sequence[Case], mine: list[Tensor], base: list[Tensor]) -> str | None:
    """What `mine` is too often multiplied or divided by, compared with `base`; the same thing in all cases."""
    some = [i for i, (x, y) in enumerate(zip(mine, base, strict=True)) if x.any() or y.any()]
    cases, ratios = [cases[i] for i in some], [_ratio(mine[i], base[i]) for i in some]
    if not ratios or any(r is None for r in ratios):
        return None
    if all(abs(r + 1) < 1e-4 for r in ratios if r is not None):
        return "of the wrong sign: a minus is missing or too many"
    named = [{_bare(name): (name, value) for name, value in factors(names, case).items()} for case in cases]
    for bare, (name, _) in named[0].items():
        values = [of.get(bare, ("", float("nan")))[1] for of in named]
        if all(abs(v - 1) < 1e-3 for v in values):
            continue
        size = name.rstrip(",")
        for sign, said in ((1, ""), (-1, ", and its sign is turned")):
            if all(_near(r, sign * v) for r, v in zip(ratios, values, strict=True)):
                why = "a ½ is missing" if size == "2" else "a division by it (a mean) is missing"
                return f"too large by the factor {size}: {why}, or it is in twice{said}"
            if all(_near(r, sign / v) for r, v in zip(ratios, values, strict=True)):
                why = "a ½ too many" if size == "2" else "divided by once too often (a mean)"
                return f"too small by the factor {size}: it is missing, or {why}{said}"
    return None


def _bare(name: str) -> str:
    """A size's name without its value, which is another in each case."""
    letter, equals, rest = name.partition(" = ")
    return f"{letter} of {rest.rpartition('of ')[2]}" if equals else name


def _near(a: float | None, b: float) -> bool:
    return a is not None and abs(a - b) <= 1e-4 * abs(b)


def _ratio(x: Tensor, y: Tensor) -> float | None:
    """The one number that x is times y; None where there is none."""
    if x.shape != y.shape or not x.numel() or not x.isfinite().all():
        return None
    scale = y.abs().max()
    counts = y.abs() > 1e-3 * scale
    if not scale > 0 or not counts.any():
        return None
    r = (x[counts] / y[counts]).double()
    near = (r - r[0]).abs().max() <= 2e-4 * r[0].abs() and (x - r[0] * y).abs().max() <= 1e-3 * r[0].abs() * scale
    return r[0].item() if near else None


def place(
    names: Sequence[str], cases: Sequence[Case], seen: list[Observation], expected: list[Observation]
) -> str | None:
    """Where the result is wrong: on the diagonal, or under a condition on an argument."""
    pairs = [(flat(a.output), flat(b.output)) for a, b in zip(seen, expected, strict=True)]
    if any(len(a) != 1 or len(b) != 1 or not torch.is_tensor(a[0]) or not torch.is_tensor(b[0]) for a, b in pairs):
        return None
    if any(a[0].shape != b[0].shape for a, b in pairs):
        return None
    wrong = [~torch.isclose(a[0].double(), b[0].double(), rtol=1e-4, atol=1e-6, equal_nan=True) for a, b in pairs]
    shares = torch.cat([w.flatten() for w in wrong]).float().mean()
    if pairs[0][0][0].ndim and 0 < shares < 1:
        for said, masks in _conditions(names, cases, wrong):
            inside = all(bool((w <= m).all()) for w, m in zip(wrong, masks, strict=True))
            most = 2 * sum(int(w.sum()) for w in wrong) >= sum(int(m.sum()) for m in masks)
            if inside and most and not all(m.all() for m in masks):
                return f"right everywhere but {said}: look at how this case is treated"
    return None


def in_which_cases(names: Sequence[str], cases: Sequence[Case], right: Sequence[bool]) -> str | None:
    """Which cases come out right and which wrong, with what they are; None if all are alike."""
    if all(right) or not any(right):
        return None
    told = [f"right in case {i + 1}" if ok else f"wrong in case {i + 1}" for i, ok in enumerate(right)]
    return "; ".join(f"{t} ({_case(names, case)})" for t, case in zip(told, cases, strict=True))


def _conditions(names, cases, wrong):
    if all(w.ndim == 2 and w.shape[0] == w.shape[1] for w in wrong):
        yield "on the diagonal, where a sample meets itself", [torch.eye(len(w), dtype=torch.bool) for w in wrong]
    for i, name in enumerate(names):
        xs = [case[i] for case in cases]
        if all(torch.is_tensor(x) and x.shape == w.shape for x, w in zip(xs, wrong, strict=True)):
            yield f"where {name} = 0", [x == 0 for x in xs]
            yield f"where {name} > 0", [x > 0 for x in xs]
            yield f"where {name} < 0", [x < 0 for x in xs]
            yield f"where {name} <= 0", [x <= 0 for x in xs]


def _case(names: Sequence[str], case: Case) -> str:
    parts = []
    for name, x in zip(names, case, strict=True):
        if torch.is_tensor(x):
            sign = ", nowhere negative" if x.is_floating_point() and x.numel() and bool((x >= 0).all()) else ""
            parts.append(f"{name} {tuple(x.shape)}{sign}")
        elif isinstance(x, (int, float)):
            parts.append(f"{name} = {x:g}")
    return ", ".join(parts)
