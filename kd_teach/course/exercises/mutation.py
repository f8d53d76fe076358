"""Mistakes that nobody wrote down: programs one step away from the reference, each with words for that step.

A mutant is the reference, or a function of the package that it calls, with one node of its syntax tree changed, or the
same change wherever it can be made. Whoever hands in a function that behaves like a mutant has most likely made its
mistake. The words speak of the idea and of the arguments that the learner knows, never in the solution's code.
"""

import ast
import copy
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

Change = tuple[str, Callable[[Any], Any]]  # words, and what stands in a (copied) node's place


class Mutant(NamedTuple):
    """A wrong program and what is wrong with it."""

    words: str
    function: Callable


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
WORDS = {  # what a function is called in a sentence
    "amax": "the maximum", "mean": "the mean", "sum": "the sum", "std": "the standard deviation", "var": "the variance",
    "median": "the median", "square": "the square", "abs": "the absolute value", "sqrt": "the root",
    "log": "the logarithm", "exp": "the exponential", "softmax": "the softmax", "relu": "the ReLU",
    "log_softmax": "the logarithm of the softmax",
    "sigmoid": "the sigmoid", "unit": "the scaling to length 1", "normalize": "the scaling to length 1",
    "pow": "the power", "detach": "the detach", "flatten": "the flattening", "norm": "the length",
    "vector_norm": "the length", "kl_div": "the KL divergence", "mse_loss": "the squared difference (mse)",
    "l1_loss": "the absolute difference (l1)", "smooth_l1_loss": "Huber's function", "huber": "Huber's function",
    "adaptive_avg_pool2d": "the pooling by averages", "adaptive_max_pool2d": "the pooling by maxima",
    "interpolate": "keeping one pixel of each cell, the nearest", "cross_entropy": "the cross-entropy",
    "clamp": "the limit", "maximum": "the larger of the two (maximum)", "minimum": "the smaller of the two (minimum)",
    "softplus": "the softplus", "factorial": "the factorial p!", "len": "the number of samples N",
    "numel": "the number of all entries", "argsort": "the sorting", "cummax": "the running maximum",
    "cummin": "the running minimum", "nonzero": "the positions", "std_mean": "the mean", "eye": "the diagonal",
    "erfc": "the share below 0", "log2": "the logarithm to base 2", "log1p": "log(1 + .)", "tanh": "tanh",
    "sign": "the sign", "softmin": "the softmax of the negative", "gelu": "the GELU", "logsigmoid": "log sigmoid",
    "cat": "the joining", "where": "the distinction of cases",
}  # fmt: skip
AXES = {0: "over the batch (dim=0)", 1: "over dim=1", 2: "over dim=2", 3: "over dim=3"}
REDUCING = {
    "mean",
    "sum",
    "amax",
    "std",
    "softmax",
    "log_softmax",
    "unit",
    "normalize",
    "norm",
    "vector_norm",
    "cummax",
}


def mutants(reference: Callable, known: list[str]) -> Iterator[Mutant]:
    """All mutants of a reference, the likeliest kinds first.

    Args:
        reference: a function whose source can be read.
        known: names that the learner has seen, those of the exercise's arguments.
    """
    program = _Program(reference)
    found = [
        (kind, words, name, i, put)
        for name, tree in program.trees.items()
        for i, node in enumerate(ast.walk(tree))
        for kind, (words, put) in _changes(node, _Speech(tree, known), tree)
    ]
    found.sort(key=lambda one: one[0])
    whose = re.compile(rf"\b({'|'.join(map(re.escape, known))})\b|the (student|teacher)'s part")
    groups: dict[str, list] = {}
    for one in found:
        groups.setdefault(whose.sub("", one[1]), []).append(one)
    for ones in groups.values():
        if len(ones) > 1:  # first wherever it can be made: student and teacher are often written out alike
            words = " and likewise: ".join(dict.fromkeys(one[1] for one in ones[:2]))
            yield from program.mutant(words, [(name, i, put) for _, _, name, i, put in ones])
        for _, words, name, i, put in ones:
            yield from program.mutant(words, [(name, i, put)])


class _Program:
    """The reference and the functions of the package that it calls, as trees."""

    def __init__(self, reference: Callable) -> None:
        self.functions: dict[str, Callable] = {}
        self._follow(reference)
        self.main = reference.__name__
        self.trees = {name: _tree(function) for name, function in self.functions.items()}
        self.codes = {name: _compiled(tree) for name, tree in self.trees.items()}

    def _follow(self, function: Callable) -> None:
        for name in function.__code__.co_names + _inner_names(function.__code__):
            called = function.__globals__.get(name)
            if inspect.isfunction(called) and called.__name__ not in self.functions and _may_follow(called):
                self._follow(called)
        self.functions[function.__name__] = function

    def mutant(self, words: str, changes: list) -> Iterator[Mutant]:
        """The one with these changes, (function, number of the node, change) each; none where it makes no program."""
        codes = dict(self.codes)
        for name in {name for name, _, _ in changes}:
            tree = copy.deepcopy(self.trees[name])
            puts = {
                id(node): [put for n, i, put in changes if n == name and i == k]
                for k, node in enumerate(ast.walk(tree))
            }
            try:
                codes[name] = _compiled(_Putting(puts).visit(tree))
            except (SyntaxError, ValueError, TypeError, AttributeError, IndexError):
                return
        yield Mutant(words, self._linked(codes))

    def _linked(self, codes: dict) -> Callable:
        made: dict[str, Callable] = {}
        for name, function in self.functions.items():
            space = dict(function.__globals__)
            space.update({other: new for other, new in made.items() if space.get(other) is self.functions[other]})
            exec(codes[name], space)
            made[name] = space[name]
        return made[self.main]


def _inner_names(code) -> tuple[str, ...]:
    """Names inside the lambdas and comprehensions of a function."""
    inner = [c for c in code.co_consts if inspect.iscode(c)]
    return tuple(name for c in inner for name in c.co_names + _inner_names(c))


def _may_follow(function: Callable) -> bool:
    return function.__module__.startswith("kd_teach.") and not function.__module__.rpartition(".")[2].startswith("_")


def _tree(function: Callable) -> ast.Module:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (head,) = tree.body
    assert isinstance(head, ast.FunctionDef)
    head.decorator_list, head.returns = [], None
    for argument in (*head.args.args, *head.args.kwonlyargs):
        argument.annotation = None
    return tree


def _compiled(tree: ast.AST):
    return compile(ast.fix_missing_locations(tree), "<mutant>", "exec")  # type: ignore[call-overload]


class _Putting(ast.NodeTransformer):
    """Puts changes in the place of nodes."""

    def __init__(self, puts: dict[int, list]) -> None:
        self.puts = puts

    def visit(self, node: ast.AST) -> ast.AST:
        puts = self.puts.get(id(node), [])
        self.generic_visit(node)
        for put in puts:
            node = put(node)
        return node


class _Speech:
    """Names parts of a tree in words that the learner knows."""

    def __init__(self, tree: ast.Module, known: list[str]) -> None:
        self.known = known

    def of(self, node: ast.AST) -> str:
        """What to call a part of the program."""
        if isinstance(node, ast.Constant):
            return f"the number {node.value!r}"
        if isinstance(node, ast.UnaryOp):
            return self.of(node.operand)
        if isinstance(node, ast.Call) and (word := WORDS.get(_called(node))):
            return word
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _number(node.right) == 2:
            return f"the square of {self.of(node.left)}"
        if isinstance(node, ast.Name):
            if node.id in self.known:
                return node.id
            if node.id.endswith(("_s", "_t")):
                return "the student's part" if node.id.endswith("_s") else "the teacher's part"
            if node.id in SIZES:
                return SIZES[node.id]
        names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in self.known]
        return f"the part with {' and '.join(dict.fromkeys(names))}" if names else "a part"


SIZES = {"h": "the height", "w": "the width", "N": "the number of samples N", "m": "m", "d": "the differences"}
OPERATORS = {
    ast.Add: ("added", "term"), ast.Sub: ("subtracted", "term"), ast.Mult: ("multiplied", "factor"),
    ast.Div: ("divided", "divisor"), ast.Pow: ("raised to a power", "exponent"), ast.MatMult: ("multiplied", "factor"),
    ast.BitAnd: ("joined by 'and'", "condition"), ast.BitOr: ("joined by 'or'", "condition"),
}  # fmt: skip
OTHERS = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult, ast.Sub),
    ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip
COMPARISONS = {
    ast.Gt: (">", (ast.GtE, ast.Lt, ast.LtE)), ast.Lt: ("<", (ast.LtE, ast.Gt, ast.GtE)),
    ast.GtE: (">=", (ast.Gt, ast.Lt, ast.LtE)), ast.LtE: ("<=", (ast.Lt, ast.Gt, ast.GtE)),
    ast.Eq: ("=", (ast.NotEq,)), ast.NotEq: ("not =", (ast.Eq,)),
}  # fmt: skip


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _number(node: ast.AST) -> float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _changes(node: ast.AST, speech: _Speech, tree: ast.Module) -> Iterator[tuple[int, Change]]:
    """What can be changed at a node, with its rank: the lower, the likelier."""
    for kind, makes in enumerate((_of_calls, _of_operators, _of_reductions, _of_choices, _of_names, _of_numbers)):
        for change in makes(node, speech, tree):
            yield kind, change


def _of_operators(node: Any, speech, tree) -> Iterator[Change]:
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        sign = (
            "the sign is turned: a minus is missing" if isinstance(node.op, ast.USub) else "a condition is turned round"
        )
        yield f"{sign}, at {speech.of(node.operand)}", lambda n: n.operand
    if not isinstance(node, ast.BinOp):
        return
    did, role = OPERATORS.get(type(node.op), ("joined", "part"))
    left, right = speech.of(node.left), speech.of(node.right)
    if isinstance(node.op, ast.Pow):
        two = _number(node.right) == 2
        yield (
            (f"the square of {left} is missing" if two else f"the exponent {right} of {left} is missing"),
            lambda n: n.left,
        )
        yield f"base and exponent have changed places: {left} and {right}", _exchanged
        for other in (1, 3):
            yield (
                f"the power of {left} is {other} where it should be {right}",
                functools.partial(_with_right, value=other),
            )
        yield f"{left} appears as a root, not as a power", functools.partial(_with_right, value=0.5)
        if two:
            yield f"the square is missing: this takes the absolute value of {left}", lambda n: _method(n.left, "abs")
    else:
        yield f"{right}, a {role}, is missing", lambda n: n.left
        if isinstance(node.op, ast.Div):
            yield f"{left}, what is divided, is missing", functools.partial(_with_left, value=1)
        else:
            yield f"{left}, a {role}, is missing", lambda n: n.right
        if isinstance(node.op, ast.Sub):
            yield (
                f"a sign is wrong: {right} is subtracted from nothing, {left} is missing",
                functools.partial(_with_left, value=0),
            )
        if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult)):
            yield f"{left} and {right} have changed places, so the sign or the fraction is turned", _exchanged
    for other in OTHERS.get(type(node.op), ()):
        to, from_ = OPERATORS[other][0], did
        yield f"{right} is {to} where it should be {from_}", functools.partial(_with_operator, operator=other)
    if isinstance(node.op, (ast.Mult, ast.Div)):
        for number, say in (
            (2, "twice too large: a factor 2 is too many or a ½ is missing"),
            (0.5, "halved: a ½ too many"),
        ):
            yield f"{left} with {right} is {say}", functools.partial(_scaled, factor=number)
        yield f"{right} is squared", functools.partial(_with_right_squared, power=2)
        yield f"the root of {right} is taken", functools.partial(_with_right_squared, power=0.5)
    if isinstance(node.op, (ast.Add, ast.Sub)):
        for attribute, number, say in (
            ("right", 2, "doubled"),
            ("right", 0.5, "halved"),
            ("left", 2, "doubled"),
            ("left", 0.5, "halved"),
        ):
            part = speech.of(getattr(node, attribute))
            yield (
                f"{part} is {say}, the other term is not",
                functools.partial(_scaled_side, side=attribute, factor=number),
            )


def _of_calls(node: Any, speech, tree) -> Iterator[Change]:
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "the transposing is missing", lambda n: n.value
    if not isinstance(node, ast.Call):
        return
    name = _called(node)
    word = WORDS.get(name, "a step")
    subject = _subject(node)
    if subject is not None and name not in ("range", "clone", "len", "reshape"):
        part = speech.of(subject)
        yield f"{word} of {part} is missing", lambda n: _subject(n)
        if name == "square":
            yield f"{word} of {part}: this is the cube", lambda n: _power(_subject(n), 3)
            yield f"{word} of {part}: this is the fourth power", lambda n: _power(_subject(n), 4)
        if name in ("unit", "normalize"):
            yield "scaled by the sum of absolute values, not to Euclidean length 1", functools.partial(_normalised, p=1)
            yield (
                "scaled by the largest entry, not to Euclidean length 1",
                functools.partial(_normalised, p=float("inf")),
            )
            yield "a softmax stands where the vectors are scaled to length 1", _softmaxed
            yield "divided by the squared length, not by the length (a root is missing)", _over_square
        if name in ("norm", "vector_norm"):
            yield "the length is squared: a root is missing", lambda n: _power(n, 2)
            yield (
                "absolute values are added up where a Euclidean length is asked for",
                functools.partial(_with_order, order=1),
            )
        if name == "pow":
            for other in (1, 3, 0.5):
                yield f"the power is {other}, not the one asked for", functools.partial(_with_argument, value=other)
            yield "the power is missing: this takes the absolute value", lambda n: _method(_subject(n), "abs")
        if name in (
            "exp",
            "log",
            "relu",
            "sigmoid",
            "softplus",
            "softmax",
            "log_softmax",
            "unit",
            "normalize",
            "pow",
            "square",
        ):
            yield f"the sign of what goes into {word} is turned (a minus)", _negated_subject
            for inner in ("relu", "abs", "square", "sqrt"):
                yield f"{WORDS[inner]} is taken of what goes into {word}", functools.partial(_before, name=inner)
        if name in ("std", "var"):
            yield "divided by n, not by n - 1 (correction): this is no sample's standard deviation", _biased
    for other in SIBLINGS.get(name, ()):
        yield f"{WORDS.get(other, other)} stands where {word} belongs", functools.partial(_sibling, name=other)
    positional = node.args[1:3] if isinstance(node.func, ast.Attribute) and name == "where" else node.args[:2]
    if len(positional) == 2 and name not in ("unit", "normalize", "softmax", "range", "clamp", "interpolate", "arange"):
        a, b = (speech.of(x) for x in positional)
        first = 1 if name == "where" else 0
        yield f"{a} and {b} have changed places", functools.partial(_arguments_exchanged, first=first)
        yield (
            f"{a} stands where {b} belongs as well",
            functools.partial(_argument_doubled, source=first, target=first + 1),
        )
        yield (
            f"{b} stands where {a} belongs as well",
            functools.partial(_argument_doubled, source=first + 1, target=first),
        )
        if name == "where":
            yield f"both cases are treated alike: {a} everywhere", lambda n: n.args[1]
            yield f"both cases are treated alike: {b} everywhere", lambda n: n.args[2]
            yield f"the case of {a} counts as 0", functools.partial(_argument_set, at=1, value=0.0)
            yield f"the case of {b} counts as 0", functools.partial(_argument_set, at=2, value=0.0)
        elif name in ("maximum", "minimum"):
            yield f"{b} plays no part: {a} alone is taken", lambda n: n.args[0]
            yield f"{a} plays no part: {b} alone is taken", lambda n: n.args[1]
    if name == "range" and len(node.args) == 1:
        yield "the first term (number 0) of the sum is missing", lambda n: _range_from_one(n)
        yield "the last term is missing", lambda n: _range_shorter(n)
    if name == "clamp":
        yield "the other side is cut off: minimum and maximum are exchanged", _clamp_turned
    if name == "argsort":
        yield "sorted from the largest to the smallest", functools.partial(_with_keyword, key="descending", value=True)
    if name == "einsum" and isinstance(node.args[0], ast.Constant):
        yield from _of_einsum(node)


def _of_einsum(node) -> Iterator[Change]:
    source, _, target = str(node.args[0].value).partition("->")
    for i in range(len(target) - 1):
        for j in range(i + 1, len(target)):
            letters = list(target)
            letters[i], letters[j] = letters[j], letters[i]
            turned = f"{source}->{''.join(letters)}"
            yield (
                "the indices of the result are in another order (two axes exchanged, transposed)",
                functools.partial(_argument_set, at=0, value=turned),
            )
    first, _, second = source.partition(",")
    for a, b in ((first, "".join(second[k] for k in order)) for order in ((1, 0, 2), (0, 2, 1)) if len(second) == 3):
        yield (
            "the indices of one factor are exchanged: direction or vertex of an edge is another",
            functools.partial(_argument_set, at=0, value=f"{a},{b}->{target}"),
        )


def _of_reductions(node: Any, speech, tree) -> Iterator[Change]:
    if not isinstance(node, ast.Call):
        return
    name = _called(node)
    word = WORDS.get(name, "a step")
    for keyword in node.keywords:
        if keyword.arg == "dim":
            yield from _of_dim(word, keyword)
        if keyword.arg == "reduction":
            said = {
                "mean": "the mean is taken over all entries, classes too, not per sample",
                "sum": "summed without dividing by the batch size N",
                "batchmean": "divided by N only",
            }
            for other in {"mean", "sum", "batchmean"} - {getattr(keyword.value, "value", None)}:
                yield said[other], functools.partial(_with_keyword, key="reduction", value=other)
        if keyword.arg == "log_target":
            yield (
                "logarithms and probabilities are mixed up in the KL divergence",
                functools.partial(_with_keyword, key="log_target", value=False),
            )
        if keyword.arg in ("max", "min"):
            yield f"the limit is missing ({keyword.arg})", lambda n: n.func.value
    if name == "cross_entropy" and not node.keywords:
        yield "summed, not averaged over the batch", functools.partial(_with_keyword, key="reduction", value="sum")
    if name in ("mean", "sum") and not node.keywords and not node.args:
        yield f"{word} runs over the batch only (dim=0)", functools.partial(_with_keyword, key="dim", value=0)
        for other in ("mean", "sum"):
            yield (
                f"{WORDS[other]} runs over dim=1, then {'the mean' if other == 'sum' else 'the sum'} over the rest: "
                "mean and sum are mixed differently (a size divides too much or too little)",
                functools.partial(_two_reductions, first=other, dim=1),
            )
            yield (
                f"{WORDS[other]} runs over the entries of a sample, then "
                f"{'the mean' if other == 'sum' else 'the sum'} over the batch: a size divides too much or too little",
                functools.partial(_two_reductions, first=other, dim=None),
            )
        yield f"the order is wrong: {word} is taken before the square or the absolute value", _reduced_first


def _of_dim(word: str, keyword: ast.keyword) -> Iterator[Change]:
    try:
        now = ast.literal_eval(keyword.value)
    except ValueError:
        return
    one = isinstance(now, int)
    others = [0, 1, 2, 3, -1] if one else [now[:i] + now[i + 1 :] for i in range(len(now))]
    others += [(0, 1), (1, 2), (2, 3), (0, 1, 2), (1, 2, 3), (0, 2, 3)]
    for other in others:
        if other != now and other != ():
            where = (
                AXES.get(other, "over the last dimension") if isinstance(other, int) else f"over the dimensions {other}"
            )
            yield f"{word} runs {where}, not over {now}", functools.partial(_with_keyword, key="dim", value=other)
    yield f"{word} runs over all entries, not over dim={now} alone", _without_dim


def _of_choices(node: Any, speech, tree) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        sign, others = COMPARISONS[type(node.ops[0])]
        a, b = speech.of(node.left), speech.of(node.comparators[0])
        for other in others:
            yield (
                f"{a} is compared with {b} by {COMPARISONS[other][0]}, not by {sign}",
                functools.partial(_compared, operator=other),
            )
    if isinstance(node, ast.IfExp):
        yield "one case is treated as the other", lambda n: n.body
        yield "one case is treated as the other", lambda n: n.orelse
    if isinstance(node, ast.If):
        yield "one term is left out, or a case is treated as the other", functools.partial(_decided, value=False)
        yield "a case is treated as the other", functools.partial(_decided, value=True)
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Slice):
            yield "the selection of a part is missing: all entries are taken", lambda n: n.value
        elif isinstance(node.slice, ast.Tuple):
            yield (
                "an axis for broadcasting is missing: values meet the wrong rows, columns or channels",
                lambda n: n.value,
            )
            for i, part in enumerate(node.slice.elts):
                if isinstance(part, ast.Constant) and part.value is None:
                    yield (
                        "values are laid along the wrong axis (rows, columns or channels)",
                        functools.partial(_without_axis, at=i),
                    )
        elif isinstance(node.slice, (ast.Name, ast.BinOp, ast.UnaryOp)):
            yield "the mask or selection is missing: all entries count, of whatever class", lambda n: n.value
        elif isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            yield (
                "another entry is taken (first and second exchanged)",
                functools.partial(_with_index, value=1 - node.slice.value),
            )


def _of_names(node: Any, speech, tree) -> Iterator[Change]:
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    arguments = [a.arg for a in tree.body[0].args.args]
    if node.id in arguments:
        for other in arguments:
            if other != node.id:
                yield (
                    f"{speech.of(ast.Name(other))} is used in place of {speech.of(node)}",
                    functools.partial(_renamed, name=other),
                )
    if node.id in ("h", "w"):
        yield (
            "only one side of the grid counts; there are h w places",
            lambda n: ast.Name("w" if n.id == "h" else "h", ast.Load()),
        )


def _of_numbers(node: Any, speech, tree) -> Iterator[Change]:
    value = _number(node)
    if value is None or isinstance(node, ast.UnaryOp):
        return
    for other in dict.fromkeys((0, 1, 2, value + 1, value - 1, value * 2, value / 2)):
        if other != value:
            yield f"a number is {other:g} where {value:g} belongs", functools.partial(_constant, value=other)


# what stands in a node's place


def _constant(n, value):
    return ast.Constant(int(value) if isinstance(n.value, int) and value == int(value) else value)


def _with_index(n, value):
    return ast.Subscript(n.value, ast.Constant(value), ast.Load())


def _exchanged(n):
    return ast.BinOp(n.right, n.op, n.left)


def _with_operator(n, operator):
    return ast.BinOp(n.left, operator(), n.right)


def _with_right(n, value):
    return ast.BinOp(n.left, n.op, ast.Constant(value))


def _with_left(n, value):
    return ast.BinOp(ast.Constant(value), n.op, n.right)


def _with_right_squared(n, power):
    return ast.BinOp(n.left, n.op, _power(n.right, power))


def _scaled(n, factor):
    return ast.BinOp(n, ast.Mult(), ast.Constant(factor))


def _scaled_side(n, side, factor):
    parts = {"left": n.left, "right": n.right}
    parts[side] = _scaled(parts[side], factor)
    return ast.BinOp(parts["left"], n.op, parts["right"])


def _power(n, value):
    return ast.BinOp(n, ast.Pow(), ast.Constant(value))


def _method(n, name, **keywords):
    return ast.Call(
        ast.Attribute(n, name, ast.Load()),
        [],
        [ast.keyword(key, ast.Constant(value)) for key, value in keywords.items()],
    )


def _subject(call):
    """What a call works on: the object of a method, the first argument of a function."""
    if isinstance(call.func, ast.Attribute) and not _is_module(call.func.value):
        return call.func.value
    return call.args[0] if call.args and not isinstance(call.args[0], ast.Starred) else None


def _is_module(node):
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names <= {"torch", "F", "nn", "math", "np"} and not any(isinstance(n, ast.Call) for n in ast.walk(node))


def _with_subject(call, new):
    if isinstance(call.func, ast.Attribute) and not _is_module(call.func.value):
        call.func.value = new
    else:
        call.args[0] = new
    return call


def _negated_subject(n):
    return _with_subject(n, ast.UnaryOp(ast.USub(), _subject(n)))


def _before(n, name):
    return _with_subject(n, _method(_subject(n), name))


def _sibling(n, name):
    if name == "numel":
        return _method(n.args[0], "numel")
    is_method = isinstance(n.func, ast.Attribute) and not _is_module(n.func.value)
    if is_method:
        n.func.attr = name
        if name == "median":
            n.args = []
        return n
    home = "F" if hasattr(F, name) else "torch"
    keep = [k for k in n.keywords if name not in ("sigmoid", "softplus") or k.arg != "dim"]
    if name in ("mse_loss", "l1_loss", "smooth_l1_loss"):
        keep = [k for k in keep if k.arg == "reduction" and k.value.value != "batchmean"]
    return ast.Call(ast.Attribute(ast.Name(home, ast.Load()), name, ast.Load()), n.args, keep)


def _with_keyword(n, key, value):
    literal = ast.parse(repr(value), mode="eval").body
    n.keywords = [k for k in n.keywords if k.arg != key] + [ast.keyword(key, literal)]
    if value is False and key == "log_target":
        n.keywords = [k for k in n.keywords if k.arg != key]
    return n


def _without_dim(n):
    n.keywords = [k for k in n.keywords if k.arg not in ("dim", "keepdim")]
    return n


def _with_argument(n, value):
    n.args[-1] = ast.Constant(value)
    return n


def _with_order(n, order):
    key = "ord" if _called(n) == "vector_norm" else "p"
    return _with_keyword(n, key, order)


def _argument_set(n, at, value):
    n.args[at] = ast.Constant(value)
    return n


def _arguments_exchanged(n, first):
    n.args[first], n.args[first + 1] = n.args[first + 1], n.args[first]
    return n


def _argument_doubled(n, source, target):
    n.args[target] = copy.deepcopy(n.args[source])
    return n


def _dim_of(n):
    return next((k.value for k in n.keywords if k.arg == "dim"), ast.Constant(-1 if _called(n) == "unit" else 1))


def _normalised(n, p):
    order = ast.Constant(p) if p == 1 else ast.Call(ast.Name("float", ast.Load()), [ast.Constant("inf")], [])
    keywords = [ast.keyword("p", order), ast.keyword("dim", _dim_of(n))]
    return ast.Call(ast.parse("__import__('torch').nn.functional.normalize", mode="eval").body, [_subject(n)], keywords)


def _softmaxed(n):
    return ast.Call(ast.Attribute(_subject(n), "softmax", ast.Load()), [], [ast.keyword("dim", _dim_of(n))])


def _over_square(n):
    subject = _subject(n)
    length = ast.Call(
        ast.Attribute(_method(copy.deepcopy(subject), "square"), "sum", ast.Load()),
        [],
        [ast.keyword("dim", _dim_of(n)), ast.keyword("keepdim", ast.Constant(True))],
    )
    return ast.BinOp(subject, ast.Div(), length)


def _biased(n):
    return _with_keyword(n, "correction", 0)


def _clamp_turned(n):
    for keyword in n.keywords:
        keyword.arg = {"min": "max", "max": "min"}.get(keyword.arg, keyword.arg)
    return n


def _range_from_one(n):
    n.args = [ast.Constant(1), n.args[0]]
    return n


def _range_shorter(n):
    n.args = [ast.BinOp(n.args[0], ast.Sub(), ast.Constant(1))]
    return n


def _two_reductions(n, first, dim):
    inner = (
        n.func.value
        if dim is not None
        else ast.Call(ast.Attribute(n.func.value, "flatten", ast.Load()), [ast.Constant(1)], [])
    )
    return _method(_method(inner, first, dim=1), "mean" if first == "sum" else "sum")


def _reduced_first(n):
    """x.square().mean() -> x.mean().square()"""
    inner = n.func.value
    if not (
        isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Attribute)
        and inner.func.attr in ("square", "pow", "abs")
    ):
        raise ValueError
    reduced = ast.Call(ast.Attribute(inner.func.value, n.func.attr, ast.Load()), n.args, n.keywords)
    return ast.Call(ast.Attribute(reduced, inner.func.attr, ast.Load()), inner.args, inner.keywords)


def _compared(n, operator):
    return ast.Compare(n.left, [operator()], n.comparators)


def _decided(n, value):
    n.test = ast.Constant(value)
    return n


def _without_axis(n, at):
    parts = [part for i, part in enumerate(n.slice.elts) if i != at]
    return ast.Subscript(n.value, ast.Tuple(parts, ast.Load()), ast.Load())


def _renamed(n, name):
    return ast.Name(name, ast.Load())


def around(reference: Callable, known: list[str], cases: list) -> Iterator[Mutant]:
    """Mutants that leave the reference as it is and change what goes in or comes out."""
    for name, change in AFTERWARDS.items():
        yield Mutant(f"{name} is applied to the result", _after(reference, change))
    first = cases[0]
    tensors = [i for i, x in enumerate(first) if torch.is_tensor(x) and x.is_floating_point()]
    numbers = [i for i, x in enumerate(first) if isinstance(x, (int, float)) and not isinstance(x, bool)]
    for i in range(len(first)):
        for j in range(i):
            if type(first[i]) is type(first[j]):
                words = f"{known[j]} and {known[i]} have changed places"
                yield Mutant(words, _of_inputs(reference, {i: lambda a, j=j: a[j], j: lambda a, i=i: a[i]}))
    for i in numbers:
        for words, change in NUMBERS.items():
            yield Mutant(words.format(known[i]), _of_inputs(reference, {i: lambda a, i=i, c=change: c(a[i])}))
        for j in numbers:
            if i != j:
                words = f"{known[j]} is used in place of {known[i]}"
                yield Mutant(words, _of_inputs(reference, {i: lambda a, j=j: a[j]}))
    for words, change in BEFOREHAND.items():
        for chosen in ([tensors] if len(tensors) > 1 else []) + [[i] for i in tensors]:
            names = " and ".join(known[i] for i in chosen)
            inputs = {i: lambda a, i=i, c=change: c(a[i]) for i in chosen}
            yield Mutant(f"{words} {names} first", _of_inputs(reference, inputs))


def _after(reference, change):
    def mutant(*arguments):
        out = reference(*arguments)
        if isinstance(out, list):
            return [change(torch.as_tensor(x)).item() for x in out]
        return change(torch.as_tensor(out))

    return mutant


def _of_inputs(reference, changes):
    def mutant(*arguments):
        return reference(*(changes[i](arguments) if i in changes else x for i, x in enumerate(arguments)))

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
    "the arc cosine (acos: an angle, not its cosine)": lambda x: x.acos(),
    "a transposition (the last two dimensions are exchanged, transposed)": lambda x: x.mT,
    "a mean over all": lambda x: x.mean(),
    "a sum over all": lambda x: x.sum(),
    "a mean over dim=0, the batch": lambda x: x.mean(dim=0),
    "a factor 100 (percent)": lambda x: 100 * x,
    "a sorting (not in the order of the input)": lambda x: x.sort().values,
    "a reversal of the order": lambda x: x.flip(0),
}
NUMBERS: dict[str, Callable] = {
    "{} plays no part (1 stands in its place)": lambda x: 1,
    "{} plays no part (0 stands in its place)": lambda x: 0,
    "{} appears squared": lambda x: x**2,
    "the root of {} stands where {0} belongs": lambda x: x**0.5,
    "1 / {} stands where {0} belongs: multiplied where it should be divided, or the fraction is turned": lambda x: (
        1 / x
    ),
    "1 - {} stands where {0} belongs": lambda x: 1 - x,
    "the sign of {} is turned (a minus)": lambda x: -x,
    "twice {} stands where {0} belongs: a factor 2": lambda x: 2 * x,
    "half of {} stands where {0} belongs: a factor 2": lambda x: x / 2,
}
NUMBERS = {words.replace("{0}", "{}").replace("{}", "{0}"): change for words, change in NUMBERS.items()}
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
