"""Questions about the graph of a traced network (`torch.fx`): what `tapped` needs to know and to change."""

import copy
import difflib
import operator
from typing import TYPE_CHECKING

import torch
from torch import fx, nn

if TYPE_CHECKING:  # at run time it takes longer to load than torch itself
    from torchvision.models.feature_extraction import DualGraphModule


def find_node(name: str, known: list[str]) -> str:
    """The full name of a node; the name of a module means the last node in it."""
    inside = [full for full in known if full == name or full.startswith(f"{name}.")]
    if inside:
        return inside[-1]
    paths = [full.split(".") for full in known]
    names = {".".join(path[:depth]) for path in paths for depth in range(1, len(path) + 1)}
    nearest = difflib.get_close_matches(str(name), sorted(names), n=5, cutoff=0.3)
    raise ValueError(
        f"The network has no node {name!r}. Nearest: {', '.join(nearest) or 'none'}. "
        "torchvision.models.feature_extraction.get_graph_node_names(model) lists them all."
    )


def input_of_last_linear(graph: fx.Graph, root: nn.Module) -> fx.Node:
    """What the classifier sees, if the network ends in a linear layer."""
    linear = [node for node in graph.nodes if _is(node, nn.Linear, root)]
    if not linear:
        raise ValueError("There is no nn.Linear in front of the logits; name a node with embedding='...'.")
    return linear[-1].all_input_nodes[0]


def upstream(node: fx.Node) -> list[str]:
    """Paths of the layers and parameters that a node is computed from, in the order of their first use."""
    seen, queue = set(), [node]
    while queue:
        current = queue.pop()
        if current not in seen:
            seen.add(current)
            queue.extend(current.all_input_nodes)
    used = [str(n.target) for n in node.graph.nodes if n in seen and n.op in ("call_module", "get_attr")]
    return list(dict.fromkeys(used))


def norm_of(node: fx.Node, root: nn.Module) -> str | None:
    """Path of the BN that makes a node, alone or as a term of a sum; None if there is not exactly one."""
    terms = node.all_input_nodes if node.target in (operator.add, torch.add) else [node]
    norms = [str(term.target) for term in terms if _is(term, nn.BatchNorm2d, root)]
    return norms[0] if len(norms) == 1 else None


# `x += y` is not here: the tracer sees `x = x + y`.
_OUT_OF_PLACE = {torch.relu_: torch.relu, "relu_": "relu", "add_": "add", "mul_": "mul"}


def work_out_of_place(extractor: "DualGraphModule") -> None:
    """Let no node overwrite its input. Later readers of the input read the node now: they saw the change."""
    in_place = {path for path, layer in extractor.named_modules() if getattr(layer, "inplace", False)}
    for graph in (extractor.train_graph, extractor.eval_graph):
        for node in graph.nodes:
            flagged = node.kwargs.get("inplace", False)
            if not (flagged or node.target in in_place or node.target in _OUT_OF_PLACE):
                continue
            overwritten = node.all_input_nodes[0]
            for reader in list(overwritten.users):
                if node < reader and reader.op != "output":
                    reader.replace_input_with(overwritten, node)
            node.target = _OUT_OF_PLACE.get(node.target, node.target)
            if flagged:
                node.update_kwarg("inplace", False)
    for path in in_place:
        layer = copy.copy(extractor.get_submodule(path))
        layer.inplace = False
        extractor.set_submodule(path, layer)
    extractor.recompile()


def _is(node: fx.Node, kind: type[nn.Module], root: nn.Module) -> bool:
    return node.op == "call_module" and isinstance(root.get_submodule(str(node.target)), kind)
