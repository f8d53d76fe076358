"""How a wrong result is related to the right one: a size too often, a sign, right here and wrong there."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from kd_teach.course.exercises.exercise import Case
from kd_teach.course.exercises.observing import Observation, flat

PROPERTIES: dict[str, Callable[[Tensor], bool]] = {  # what may hold of a result, for "... where the right result has"
    "rows that sum to 1": lambda x: x.ndim > 1 and _all_one(x.sum(-1)),
    "rows of length 1": lambda x: x.ndim > 1 and _all_one(x.norm(dim=-1)),
    "samples of length 1, as one vector each": lambda x: x.ndim > 1 and _all_one(x.flatten(1).norm(dim=1)),
    "zeros on the diagonal": lambda x: _square(x) and not x.diagonal().any(),
    "a symmetric matrix": lambda x: _square(x) and torch.allclose(x, x.mT, atol=1e-5),
    "no value below 0": lambda x: bool((x >= 0).all()),
    "no value above 0": lambda x: bool((x <= 0).all()),
}
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
        found["the root of N / (N - 1)"] = (N / (N - 1)) ** 0.5
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
    values = {bare: [of.get(bare, ("", float("nan")))[1] for of in named] for bare in named[0]}
    values = {bare: vs for bare, vs in values.items() if any(abs(v - 1) >= 1e-3 for v in vs)}

    def near(products: Iterable[float]) -> bool:
        return all(_near(r, v) for r, v in zip(ratios, products, strict=True))

    for bare, vs in values.items():
        name = named[0][bare][0].rstrip(",")
        why = "a ½" if name == "2" else "a division by it"
        if bare != name or "N" in name:
            why += " (a mean)"
        for sign, said in ((1, ""), (-1, ", and its sign is turned")):
            if near(sign * v for v in vs):
                return f"too large by the factor {name}: {why} is missing, or it is in twice{said}"
            if near(sign / v for v in vs):
                half = {"²": "", "⁴": "²"}.get(name[-1])
                turned = f", or {name[:-1]}{half} divides where it should multiply" if half is not None else ""
                return f"too small by the factor {name}: it is missing, or {why} is too many{turned}{said}"
    sizes = [bare for bare in values if bare.partition(" of ")[0] in ("N", "C", "H", "W", "D", "HW")]
    for a in sizes:
        for b in sizes:
            if values[a] != values[b] and near(x / y for x, y in zip(values[a], values[b], strict=True)):
                over = f"{named[0][a][0]} over {named[0][b][0]}"
                return f"too large by the factor {over} as after a division by the wrong size"
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


def broken(mine: list[Tensor], right: list[Tensor]) -> str | None:
    """A property that the right result has in all cases, and this one has not."""
    for name, holds in PROPERTIES.items():
        if all(map(holds, right)) and not all(map(holds, mine)):
            return f"unlike the right result, which has {name} in every case"
    return None


def _all_one(x: Tensor) -> bool:
    return bool(((x - 1).abs() < 1e-4).all())


def _square(x: Tensor) -> bool:
    return x.ndim == 2 and x.shape[0] == x.shape[1] > 1


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
