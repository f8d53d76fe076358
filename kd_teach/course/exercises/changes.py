"""What can be changed at a node of a program, with words for the idea that is then wrong.

A change is a source in which names stand for parts of the node, N itself, L and R, the sides of an operator, X, what a
call works on, A and B, its first arguments, D, its dimension; or a function of the (copied) node.
"""

import ast
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch.nn.functional as F

from kd_teach.course.exercises.speech import WORDS, Speech, called, is_module, number, over, subject

Change = tuple[str, str | Callable[[Any], Any]]

SIBLINGS = {  # a function, and what it is taken for
    "softmax": ("log_softmax", "sigmoid", "softmin"),
    "log_softmax": ("softmax", "logsigmoid"),
    "sigmoid": ("tanh", "logsigmoid", "softplus"),
    "softplus": ("exp", "relu", "sigmoid"),
    "relu": ("sigmoid", "tanh", "abs", "gelu", "softplus"),
    "mse_loss": ("l1_loss", "smooth_l1_loss"),
    "smooth_l1_loss": ("mse_loss", "l1_loss"),
    "kl_div": ("mse_loss",),
    "adaptive_avg_pool2d": ("adaptive_max_pool2d", "interpolate"),
    "adaptive_max_pool2d": ("adaptive_avg_pool2d", "interpolate"),
    "mean": ("sum", "amax", "median", "std"),
    "sum": ("mean", "amax"),
    "amax": ("sum", "mean"),
    "std": ("var",),
    "square": ("abs", "exp", "sqrt"),
    "abs": ("square", "relu", "sqrt"),
    "exp": ("log", "square", "abs"),
    "log": ("exp", "log2", "log1p"),
    "maximum": ("minimum",),
    "cummax": ("cummin",),
    "sqrt": ("square",),
    "len": ("numel",),
}
UNITS = ("unit", "normalize")
CURVES = ("exp", "log", "relu", "sigmoid", "softplus", "softmax", "log_softmax", "pow", "square", *UNITS)
SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&",
    ast.BitOr: "|", ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<=", ast.Eq: "=", ast.NotEq: "not =",
}  # fmt: skip
DONE = {
    "+": "added", "-": "subtracted", "*": "multiplied", "/": "divided", "**": "raised to a power", "@": "multiplied",
}  # fmt: skip
ROLES = {
    "+": "a term beside", "-": "what is subtracted from", "*": "a factor of", "/": "the divisor of",
    "@": "a factor of", "&": "a condition beside", "|": "a condition beside",
}  # fmt: skip
OTHERS = {"+": "-*", "-": "+", "*": "/+", "/": "*-", "&": "|", "|": "&"}
COMPARISONS = {
    ">": (">=", "<", "<="), "<": ("<=", ">", ">="), ">=": (">", "<", "<="), "<=": ("<", ">", ">="),
    "=": ("not =",), "not =": ("=",),
}  # fmt: skip


def changes(node: ast.AST, say: Speech) -> Iterator[tuple[int, Change]]:
    """What can be changed at a node, with its rank: the lower, the likelier."""
    for kind, makes in enumerate((_of_calls, _of_operators, _of_reductions, _of_choices, _of_names, _of_numbers)):
        for change in makes(node, say):
            yield kind, change


def put(change: str | Callable[[Any], Any], node: Any) -> Any:
    """What stands in the node's place."""
    if callable(change):
        return change(node)
    parts = {"N": node}
    if isinstance(node, ast.BinOp):
        parts |= {"L": node.left, "R": node.right}
    if isinstance(node, ast.Compare):
        parts |= {"L": node.left, "R": node.comparators[0]}
    if isinstance(node, ast.Call):
        dim = next((k.value for k in node.keywords if k.arg == "dim"), ast.Constant(-1))
        parts |= {"X": subject(node), "D": dim} | dict(zip("ABC", node.args, strict=False))
    return _Filling(parts).visit(ast.parse(change, mode="eval").body)


class _Filling(ast.NodeTransformer):
    def __init__(self, parts: dict[str, Any]) -> None:
        self.parts = parts

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.parts.get(node.id, node)


def _of_operators(node: Any, say: Speech) -> Iterator[Change]:
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        minus = isinstance(node.op, ast.USub)
        what = "the sign is turned: a minus is missing" if minus else "a condition is turned round"
        yield f"{what}, at {say.of(node.operand)}", lambda n: n.operand
    if not isinstance(node, ast.BinOp) or type(node.op) not in SIGNS:
        return
    a, b, sign = say.of(node.left), say.of(node.right), SIGNS[type(node.op)]
    if sign == "**":
        two = number(node.right) == 2
        yield f"the square of {a} is missing" if two else f"the exponent {b} of {a} is missing", "L"
        yield f"base and exponent have changed places: {a} and {b}", "R ** L"
        yield f"the power of {a} is 3 where it should be {b}", "L ** 3"
        yield f"{a} appears as a root, not as a power", "L ** 0.5"
        yield f"{a} is multiplied by {b} where it should be raised to a power", "L * R"
        if two:
            yield f"the square is missing: this takes the absolute value of {a}", "L.abs()"
        return
    yield f"{b}, {ROLES[sign]} {a}, is missing", "L"
    if sign in "+-" and called(node.left) in CURVES and subject(node.left) is not None:
        word = WORDS.get(called(node.left), "a step")
        yield f"{b} comes in before {word}, not after it", _inside(sign)
    if sign == "/" and called(node.right) == "sum":
        for source in ("L.softmax(-1)", "L.where(L != 0, -torch.inf).softmax(-1)"):
            yield f"a softmax stands where {a} is divided by its sum", source
    if sign == "/":
        yield f"{a}, what {b} divides, is missing", "1 / R"
        yield f"the divisor is the sum of both, {a} and {b}", "L / (L + R)"
        if called(node.left) == "sum" and called(node.right) == "len":
            yield "a root is taken of each sample's sum", _rooted_by_sample
    elif sign == "-":
        yield f"{a}, from which {b} is subtracted, is missing", "R"
        yield f"{a}, from which {b} is subtracted, is missing", "0 - R"
    else:
        yield f"{a}, {ROLES[sign]} {b}, is missing", "R"
    if turned := {"-": "the sign is turned", "/": "the fraction is turned", "@": "it is another product"}.get(sign):
        yield f"{a} and {b} have changed places, so that {turned}", f"R {sign} L"
    if sign in "&|":
        yield f"'and' and 'or' are confused where two conditions meet, {a} and {b}", f"L {OTHERS[sign]} R"
        return
    for other in OTHERS.get(sign, ""):
        yield f"{b} is {DONE[other]} where it should be {DONE[sign]}", f"L {other} R"
    if sign in "*/":
        yield f"a factor 2 is too many or a ½ is missing, at {a} and {b}", "N * 2"
        yield f"a ½ is too many, at {a} and {b}", "N * 0.5"
        yield f"{b} is squared", f"L {sign} R ** 2"
        yield f"the root of {b} is taken", f"L {sign} R ** 0.5"
    if sign in "+-":
        for word, factor, how in (("doubled", 2, "too many"), ("halved", 0.5, "missing")):
            yield f"{b} is {word}, the other term is not: a factor 2 is {how}", f"L {sign} {factor} * R"
            yield f"{a} is {word}, the other term is not: a factor 2 is {how}", f"{factor} * L {sign} R"


def _of_calls(node: Any, say: Speech) -> Iterator[Change]:
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "the transposing is missing", lambda n: n.value
    if not isinstance(node, ast.Call):
        return
    name, inner = called(node), subject(node)
    word = WORDS.get(name, "a step")
    if inner is not None and name not in ("range", "clone", "len", "reshape"):
        if name == "mean" and called(inner) == "sum":
            yield (
                "the mean runs over all entries: the sum inside it is missing, so that a size divides too much",
                lambda n: with_subject(n, subject(subject(n))),
            )
        itself = f"the root is missing: {say.of(inner)} stands there itself"
        yield itself if name == "sqrt" else f"{say.of(node)} is missing", "X"
        yield from _of_one_call(name, word, say.of(inner), node)
        if name in CURVES and isinstance(inner, ast.BinOp):
            yield f"{say.of(inner.right)} comes in after {word}, not before it", _outside
    for other in SIBLINGS.get(name, ()):
        yield f"{WORDS.get(other, other)} stands where {word} belongs", _sibling(other)
    if len(node.args) >= 2 and name not in ("softmax", "range", "clamp", "interpolate", "arange", "where", *UNITS):
        a, b = (say.of(x) for x in node.args[:2])
        yield f"{a} and {b} have changed places", _with_arguments(1, 0)
        yield f"{a} stands where {b} belongs as well", _with_arguments(0, 0)
        yield f"{b} stands where {a} belongs as well", _with_arguments(1, 1)
        if name in ("maximum", "minimum"):
            yield f"{b} plays no part: {a} alone is taken", "A"
            yield f"{a} plays no part: {b} alone is taken", "B"
            yield f"{a} and {b} are added, not compared", "A + B"
    if name == "where" and len(node.args) == 3:
        a, b = (say.of(x) for x in node.args[1:])
        yield f"the two cases have changed places: {a} and {b}", "torch.where(A, C, B)"
        yield f"both cases are treated alike: {a} everywhere", "B"
        yield f"both cases are treated alike: {b} everywhere", "C"
        yield f"the case of {a} counts as 0", "torch.where(A, 0.0, C)"
        yield f"the case of {b} counts as 0", "torch.where(A, B, 0.0)"
    if name == "range" and len(node.args) == 1:
        yield "the first term (number 0) of the sum is missing", "range(1, A)"
        yield "the last term is missing", "range(A - 1)"
    if name == "flatten" and node.args:
        now = number(node.args[0])
        for first, what in (
            (0, "the whole batch as one vector"),
            (1, "a sample as one"),
            (2, "every channel by itself"),
        ):
            if first != now:
                yield f"flattened from dim={first} on ({what}), not from dim={now}", _with_argument(0, first)
    if name == "argsort":
        yield "sorted from the largest to the smallest", with_keyword("descending", True)
    if name == "einsum" and isinstance(node.args[0], ast.Constant):
        yield from _of_einsum(node)


def _of_one_call(name: str, word: str, part: str, node: Any) -> Iterator[Change]:
    """What goes wrong at calls of one name."""
    if name == "square":
        yield f"the power of {part} is 3, not a square: the cube", "X ** 3"
        yield f"the power of {part} is 4, not a square: the fourth power", "X ** 4"
    if name in UNITS:
        yield "scaled by the sum of absolute values, not to Euclidean length 1", "F.normalize(X, p=1, dim=D)"
        yield "scaled by the largest entry, not to Euclidean length 1", "F.normalize(X, p=float('inf'), dim=D)"
        yield "a softmax stands where the vectors are scaled to length 1", "X.softmax(dim=D)"
        yield (
            "divided by the squared length, not by the length (a root is missing)",
            "X / X.square().sum(dim=D, keepdim=True)",
        )
        if not any(k.arg == "dim" for k in node.keywords):
            yield from _of_dim(word, -1)
    if name in ("norm", "vector_norm"):
        yield "the length is squared: a root is missing", "N ** 2"
        yield "absolute values are added up where a Euclidean length is asked for", _of_order_one
    if name == "pow":
        yield "the power is missing: this takes the absolute value", "X.abs()"
        for other in (3, 0.5):
            yield f"the power is {other}, not the one asked for", f"X ** {other}"
    if name in ("softmax", "log_softmax"):
        yield f"{word} runs over all entries, the whole batch at once", f"X.flatten().{name}(0).view_as(X)"
    if name == "cross_entropy":
        yield "a softmax is taken before the cross-entropy, which takes one itself", "F.cross_entropy(A.softmax(1), B)"
    if name in CURVES:
        yield f"the sign of what goes into {word} is turned (a minus)", _before("-X")
        for first in ("relu", "abs", "square", "sqrt"):
            yield f"{WORDS[first]} is taken of what goes into {word}", _before(f"X.{first}()")
    if name in ("std", "var"):
        yield (
            "divided by n, not by n - 1 (correction): this is no sample's standard deviation",
            with_keyword("correction", 0),
        )
    if name == "clamp":
        yield "the other side is cut off: minimum and maximum are exchanged", _clamp_turned


def _of_einsum(node: Any) -> Iterator[Change]:
    source, _, target = str(node.args[0].value).partition("->")
    for i in range(len(target) - 1):
        for j in range(i + 1, len(target)):
            letters = list(target)
            letters[i], letters[j] = letters[j], letters[i]
            yield (
                "the indices of the result are in another order (two axes exchanged, transposed)",
                _with_argument(0, f"{source}->{''.join(letters)}"),
            )
    first, _, second = source.partition(",")
    if len(second) == 3:
        for i, j, k in ((1, 0, 2), (0, 2, 1)):
            yield (
                "the indices of one factor are exchanged: direction or vertex of an edge is another",
                _with_argument(0, f"{first},{second[i]}{second[j]}{second[k]}->{target}"),
            )


def _of_reductions(node: Any, say: Speech) -> Iterator[Change]:
    if not isinstance(node, ast.Call):
        return
    name = called(node)
    word = WORDS.get(name, "a step")
    for keyword in node.keywords:
        if keyword.arg == "dim":
            with contextlib.suppress(ValueError):  # a dimension that is no literal
                yield from _of_dim(word, ast.literal_eval(keyword.value))
            yield f"{word} runs over all entries, not over one dimension alone", _without_dim
        if keyword.arg == "reduction":
            said = {
                "mean": "the mean is taken over all entries, classes too, not per sample",
                "sum": "summed without dividing by the batch size N",
                "batchmean": "divided by N only",
            }
            for other in said.keys() - {getattr(keyword.value, "value", None)}:
                yield said[other], with_keyword("reduction", other)
        if keyword.arg == "log_target":
            yield "logarithms and probabilities are mixed up in the KL divergence", _without_log_target
        if keyword.arg in ("max", "min"):
            yield f"the limit is missing ({keyword.arg})", "X"
    if name in ("mean", "sum") and called(subject(node)) in ("square", "pow", "abs", "power"):
        order = f"the order is wrong: {word} is taken before the power or the absolute value"
        yield order, _reduced_first("X")
        yield order, _reduced_first("X.abs()")
    if name == "mean" and called(subject(node)) in ("square", "pow"):
        for n in (0, 1):
            yield "the mean is subtracted before the square (a variance about it, var or std)", _about_its_mean(n)
    if name == "cross_entropy" and not node.keywords:
        yield "summed, not averaged over the batch", with_keyword("reduction", "sum")
    if name in ("mean", "sum") and not node.keywords and not node.args:
        yield f"{word} runs over the batch only (dim=0)", with_keyword("dim", 0)
        for first, last in (("mean", "sum"), ("sum", "mean")):
            yield (
                f"the {first} runs over dim=1, then the {last} over the rest: mean and sum are mixed differently "
                "(a size divides too much or too little)",
                f"X.{first}(dim=1).{last}()",
            )
            yield (
                f"the {first} runs over the entries of a sample, then the {last} over the batch: a size divides too "
                "much or too little",
                f"X.flatten(1).{first}(dim=1).{last}()",
            )
        if name == "mean":
            yield "a root is taken of each sample's value, before the mean", "X.sqrt().mean()"


def _of_dim(word: str, now: Any) -> Iterator[Change]:
    one = isinstance(now, int)
    others = [0, 1, 2, 3, -1] if one else [now[:i] + now[i + 1 :] for i in range(len(now))]
    for other in [*others, (0, 1), (1, 2), (2, 3), (0, 1, 2), (1, 2, 3), (0, 2, 3)]:
        if other not in (now, ()):
            yield f"{word} runs {over(other)}, not {over(now)}", with_keyword("dim", other)


def _of_choices(node: Any, say: Speech) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and (sign := SIGNS.get(type(node.ops[0]))) in COMPARISONS:
        a, b = say.of(node.left), say.of(node.comparators[0])
        for other in COMPARISONS[sign]:
            source = {"=": "L == R", "not =": "L != R"}.get(other, f"L {other} R")
            equal = {sign, other} in ({">", ">="}, {"<", "<="})
            how = "so that equal values fall into the other case" if equal else "the wrong way round"
            yield f"{a} is compared with {b} {how} ({other} for {sign})", source
        if number(node.comparators[0]) is not None:
            for other in say.arguments:
                yield f"{a} is compared with {say.of(ast.Name(other))}, not with {b}", f"L {sign} {other}"
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield "what was sorted or selected is put back the wrong way round: the same order is applied twice", _put_back
    if isinstance(node, ast.IfExp):
        yield "one case is treated as the other", lambda n: n.body
        yield "one case is treated as the other", lambda n: n.orelse
    if isinstance(node, ast.If):
        yield "one term is left out, or a case is treated as the other", _decided(False)
        yield "a case is treated as the other", _decided(True)
    if not isinstance(node, ast.Subscript):
        return
    if isinstance(node.slice, ast.Slice):
        yield "the selection of a part is missing: all entries are taken", lambda n: n.value
        if node.slice.lower is None and node.slice.upper is not None:
            yield "the last entries are taken where the first belong", _last_ones
    elif isinstance(node.slice, ast.Tuple):
        yield "an axis for broadcasting is missing: values meet the wrong rows, columns or channels", lambda n: n.value
        for i, part in enumerate(node.slice.elts):
            if isinstance(part, ast.Constant) and part.value is None:
                yield "values are laid along the wrong axis (rows, columns or channels)", _without_axis(i)
    elif isinstance(node.slice, (ast.Name, ast.BinOp, ast.UnaryOp)):
        yield "the mask or selection is missing: all entries count, of whatever class", lambda n: n.value
    elif isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
        yield "another entry is taken (first and second exchanged)", _other_entry


def _of_names(node: Any, say: Speech) -> Iterator[Change]:
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    if node.id in say.arguments:
        for other in say.arguments:
            if other != node.id:
                one, two = say.of(ast.Name(other)), say.of(node)
                named = f"{one} is used in place of {two}" if one != two else "one part is used where another belongs"
                yield named, other
    if node.id in say.running:
        for other in say.arguments:
            yield f"{say.of(ast.Name(other))} stands where the running number of a sum belongs", other
    if node.id in ("h", "w"):
        yield "only one side of the grid counts; there are h w places", "w" if node.id == "h" else "h"


def _of_numbers(node: Any, say: Speech) -> Iterator[Change]:
    value = number(node)
    if value is not None and not isinstance(node, ast.UnaryOp):
        for other in dict.fromkeys((0, 1, 2, value + 1, value - 1, value * 2, value / 2)):
            if other != value:
                whole = isinstance(value, int) and other == int(other)
                yield f"a number is {other:g} where {value:g} belongs", repr(int(other) if whole else float(other))


# changes that no one source says


def chosen(change: Callable) -> Callable:
    """What takes a node and choices, as what takes the choices and gives a change."""
    return lambda *choices: lambda n: change(n, *choices)


def with_subject(call: Any, new: Any) -> Any:
    if isinstance(call.func, ast.Attribute) and not is_module(call.func.value):
        call.func.value = new
    else:
        call.args[0] = new
    return call


@chosen
def _before(n: Any, source: str) -> Any:
    return with_subject(n, put(source, n))


def _outside(n: Any) -> Any:
    """f(a + b) -> f(a) + b"""
    inner = subject(n)
    return ast.BinOp(with_subject(n, inner.left), inner.op, inner.right)


@chosen
def _inside(n: Any, sign: str) -> Any:
    """f(a) + b -> f(a + b)"""
    return with_subject(n.left, put(f"L {sign} R", ast.BinOp(subject(n.left), n.op, n.right)))


@chosen
def _about_its_mean(n: Any, correction: int) -> Any:
    """(x ** 2).mean(dim) -> x.var(dim)"""
    n.func = ast.Attribute(subject(subject(n)), "var", ast.Load())
    return with_keyword("correction", correction)(n)


def _put_back(n: Any) -> Any:
    """a[order] = x -> a = x[order]"""
    target = n.targets[0]
    n.targets, n.value = [ast.Name(target.value.id, ast.Store())], ast.Subscript(n.value, target.slice, ast.Load())
    return n


def _last_ones(n: Any) -> Any:
    """x[:k] -> x[-k:]"""
    n.slice = ast.Slice(ast.UnaryOp(ast.USub(), n.slice.upper))
    return n


def _rooted_by_sample(n: Any) -> Any:
    return put("X.flatten(1).sum(dim=1).sqrt().mean()", n.left)


@chosen
def _sibling(n: Any, name: str) -> Any:
    if name == "numel":
        return put("A.numel()", n)
    if isinstance(n.func, ast.Attribute) and not is_module(n.func.value):
        n.func.attr = name
        if name == "median":
            n.args = []
        return n
    keep = [k for k in n.keywords if name not in ("sigmoid", "softplus") or k.arg != "dim"]
    if name in ("mse_loss", "l1_loss", "smooth_l1_loss"):
        keep = [k for k in keep if k.arg == "reduction" and k.value.value != "batchmean"]
    return ast.Call(put(f"{'F' if hasattr(F, name) else 'torch'}.{name}", n), n.args, keep)


@chosen
def with_keyword(n: Any, key: str, value: Any) -> Any:
    literal = ast.parse(repr(value), mode="eval").body
    n.keywords = [k for k in n.keywords if k.arg != key] + [ast.keyword(key, literal)]
    return n


def _without_log_target(n: Any) -> Any:
    n.keywords = [k for k in n.keywords if k.arg != "log_target"]
    return n


def _without_dim(n: Any) -> Any:
    n.keywords = [k for k in n.keywords if k.arg not in ("dim", "keepdim")]
    return n


def _of_order_one(n: Any) -> Any:
    return with_keyword("ord" if called(n) == "vector_norm" else "p", 1)(n)


@chosen
def _with_argument(n: Any, at: int, value: Any) -> Any:
    n.args[at] = ast.Constant(value)
    return n


@chosen
def _with_arguments(n: Any, first: int, second: int) -> Any:
    n.args[:2] = n.args[first], n.args[second]
    return n


def _clamp_turned(n: Any) -> Any:
    for keyword in n.keywords:
        keyword.arg = {"min": "max", "max": "min"}.get(keyword.arg, keyword.arg)
    return n


@chosen
def _reduced_first(n: Any, first: str) -> Any:
    """x.square().mean() -> x.mean().square()"""
    inner = _before(first)(subject(n))
    return with_subject(inner, with_subject(n, subject(inner)))


@chosen
def _decided(n: Any, value: bool) -> Any:
    n.test = ast.Constant(value)
    return n


@chosen
def _without_axis(n: Any, at: int) -> Any:
    del n.slice.elts[at]
    return n


def _other_entry(n: Any) -> Any:
    n.slice = ast.Constant(1 - n.slice.value)
    return n
