"""Parts of a program, in words that its reader knows."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

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
    "unit_factor": "the scaling to length 1", "rbf_taylor": "the series", "log_odds": "the log odds",
    "angles": "the term of the angles", "distance_ratios": "the term of the distances",
}  # fmt: skip
SIZES = {
    "h": "the height",
    "w": "the width",
    "N": "N",
    "n": "n",
    "m": "m",
    "d": "the differences",
}
BETWEEN = {ast.Mult: "{} · {}", ast.Div: "{} / {}", ast.Add: "({} + {})", ast.Sub: "({} - {})"}
AXES = {0: "over the batch (dim=0)", -1: "over the last dimension"}


def over(dim: Any) -> str:
    """Along what something runs."""
    return AXES.get(dim, f"over dim={dim}") if isinstance(dim, int) else f"over the dimensions {dim}"


def called(call: Any) -> str:
    """The name of the function or method that is called; "" for what is no call."""
    return getattr(call.func, "attr", getattr(call.func, "id", "")) if isinstance(call, ast.Call) else ""


def subject(call: Any) -> Any:
    """What a call works on: the object of a method, the first argument of a function."""
    if isinstance(call.func, ast.Attribute) and not is_module(call.func.value):
        return call.func.value
    return call.args[0] if call.args and not isinstance(call.args[0], ast.Starred) else None


def is_module(node: ast.AST) -> bool:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names <= {"torch", "F", "nn", "math", "np"} and not any(isinstance(n, ast.Call) for n in ast.walk(node))


def number(node: ast.AST) -> float | None:
    """The number that a node stands for, None if it is none."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


class Speech:
    """Names parts of a function, by the arguments of the exercise that go into them.

    Args:
        tree: the function.
        known: names that the learner has seen, those of the exercise's arguments.
        given: for a function that the reference calls, what its arguments are.
    """

    def __init__(self, tree: ast.Module, known: Sequence[str], given: Mapping[str, str]) -> None:
        (head,) = tree.body
        assert isinstance(head, ast.FunctionDef)
        self.arguments = [a.arg for a in head.args.args]
        loops = [n.target for n in ast.walk(head) if isinstance(n, ast.comprehension)]
        self.running = {target.id for target in loops if isinstance(target, ast.Name)}
        self.known, self.given = known, given
        self.made = {
            target.id: assign.value
            for assign in ast.walk(head)
            if isinstance(assign, ast.Assign)
            for target in assign.targets
            if isinstance(target, ast.Name) and target.id not in self.arguments
            if target.id not in {n.id for n in ast.walk(assign.value) if isinstance(n, ast.Name)}
        }

    def of(self, node: ast.AST, brief: bool = False) -> str:
        """What to call a part of the program; `brief`, without what a function is taken of."""
        if isinstance(node, ast.Constant):
            return f"the number {node.value!r}"
        if isinstance(node, ast.UnaryOp):
            return self.of(node.operand, brief)
        if isinstance(node, ast.Call) and (word := WORDS.get(called(node))):
            inner = subject(node)
            alone = (
                brief or inner is None or called(node) in ("len", "eye") or (inner in node.args and len(node.args) > 1)
            )
            named = "a part" if alone else self.of(inner, True)
            return word if named == "a part" else f"{word} of {named}"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and number(node.right) == 2:
            return f"the square of {self.of(node.left, True)}"
        if isinstance(node, ast.Subscript) and getattr(node.value, "attr", "") == "shape":
            return f"a size of {self.of(node.value.value, True)}"
        if isinstance(node, ast.Name):
            if node.id in self.given or node.id in self.known:
                return self.given.get(node.id, node.id)
            if node.id.endswith(("_s", "_t")):
                return "the student's part" if node.id.endswith("_s") else "the teacher's part"
            if node.id in SIZES:
                return SIZES[node.id]
            if node.id in self.made:
                return self.of(self.made[node.id], brief)
        names = self.known_in(node)
        if isinstance(node, ast.BinOp) and not names and type(node.op) in BETWEEN:
            sides = [str(value) if (value := number(x)) else self.of(x, True) for x in (node.left, node.right)]
            if "a part" not in sides:
                return BETWEEN[type(node.op)].format(*sides)
        return f"the part with {' and '.join(names)}" if names else "a part"

    def known_in(self, node: ast.AST) -> list[str]:
        """The arguments of the exercise that go into a part."""
        names: list[str] = []
        for n in ast.walk(node):
            if isinstance(n, ast.Name):
                if n.id in self.given:
                    names += self.given[n.id].removeprefix("the part with ").split(" and ")
                elif n.id in self.known:
                    names.append(n.id)
                elif n.id in self.made:
                    names += self.known_in(self.made[n.id])
        return list(dict.fromkeys(names))
