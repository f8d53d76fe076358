"""`Features` from a network that is not ours: name the nodes of its graph; the network itself stays as it is.

    resnet18 = torchvision.models.resnet18(num_classes=10)
    student = tapped(resnet18, stages=["layer1", "layer2", "layer3", "layer4"])

Built on `torchvision.models.feature_extraction`, whose documentation explains node names and what can be
traced. The name of a module stands for the last node in it. What `stages` and `preacts` mean is up to the
nodes you choose: nothing promises `stages[i] == relu(preacts[i])` here. One limit of the tracer is silent: it
drops a statement whose result nobody takes, as in a bare `self.relu(x)` that works in place; write `x = `.
Where the tracer gives up, `by="hooks"` watches modules instead of nodes.
"""

import copy
import operator
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import torch
from torch import Size, Tensor, fx, nn

from kd_teach.models._graph import find_node, input_of_last_linear, norm_of, upstream, work_out_of_place
from kd_teach.models._hooked import Hooked
from kd_teach.models._views import Shown, blank
from kd_teach.models.features import unwrapped

if TYPE_CHECKING:
    from torchvision.models.feature_extraction import DualGraphModule


def tapped(
    model: nn.Module,
    *,
    stages: Sequence[str],
    stem: str | None = None,
    preacts: Sequence[str] | None = None,
    embedding: str | None = None,
    logits: str | None = None,
    layout: Literal["NCHW", "NHWC"] = "NCHW",
    tokens: Literal["grid"] | None = None,
    by: Literal["graph", "hooks"] = "graph",
) -> "Tapped | Hooked":
    """A network that answers with `Features`, made of the very layers of `model`.

    Weights and buffers are shared: training one trains the other. Only layers that work in place, such as
    `ReLU(inplace=True)`, are replaced by copies that do not, since they would overwrite maps that have been
    handed out; `model` keeps its own. Of a compiled or DataParallel network the one inside is taken.

    Black images of two sizes go through the network, in eval mode: dimensions that grow with them are rows and columns.

    Args:
        stages: node names of maps (N, C, H, W), from the first to the last.
        stem: a map (N, C, H, W). Default: the first stage.
        preacts: one node name per stage. Default: the stages themselves.
        embedding: a node (N, D). Default: what the last `nn.Linear` sees.
        logits: a node (N, K). Default: the last node, which is the network's output.
        layout: "NHWC" turns maps that come as (N, H, W, C), as those of a Swin do; others stay as they are.
        tokens: "grid" makes maps (N, D, h, w) of a transformer's tokens (N, L, D). Class token and registers, which
            must come first, are left out.
        by: "graph" takes nodes of the traced network; "hooks" the outputs of modules, named as in
            `model.named_modules()`, whatever the control flow between them.

    Raises:
        ValueError: a name is not in the graph (the message has the nearest ones), there is not one preact per
            stage, the network cannot be traced, the embedding has no default, or a map is laid out otherwise than
            `layout` and `tokens` say. Other wrong shapes show in the first forward pass.
    """
    model = unwrapped(model)
    # Imported here, for it takes longer to load than torch itself.
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    if isinstance(stages, str) or not stages:
        raise ValueError(f"stages must be a list of node names such as ['layer1', 'layer2'], not {stages!r}.")
    preacts = stages if preacts is None else preacts
    if len(preacts) != len(stages):
        raise ValueError(f"Each stage needs one preact; got {len(stages)} stages and {len(preacts)} preacts.")

    if by not in ("graph", "hooks"):
        raise ValueError(f"by is {by!r}; expected 'graph' or 'hooks'.")
    if by == "hooks":
        hooked = Hooked(model, stem or stages[0], stages, preacts, embedding, logits)
        hooked.set_views(layout, tokens, model)
        return hooked

    try:
        in_training, in_evaluation = get_graph_node_names(model, suppress_diff_warning=True)
    except Exception as problem:  # the tracer runs the network's own code on stand-ins for tensors: all can happen
        raise ValueError(
            f"{type(model).__name__} cannot be traced ({problem}). Its modules can be watched instead: "
            "tapped(model, stages=[names from model.named_modules()], by='hooks')."
        ) from problem
    known = [name for name in in_evaluation if name in set(in_training)]
    stages = [find_node(name, known) for name in stages]
    preacts = [find_node(name, known) for name in preacts]
    stem = find_node(stem, known) if stem else stages[0]
    logits = find_node(logits, known) if logits else known[-1]
    embedding = find_node(embedding, known) if embedding else None

    wanted = {stem, *stages, *preacts, logits} | ({embedding} if embedding else set())
    extractor = create_feature_extractor(model, sorted(wanted), suppress_diff_warning=True)
    for graph in (extractor.train_graph, extractor.eval_graph):
        output = graph.output_node()
        nodes = output.args[0]
        output.args = (
            (  # the fields of `Features`
                nodes[stem],
                tuple(nodes[name] for name in stages),
                tuple(nodes[name] for name in preacts),
                nodes[embedding] if embedding else input_of_last_linear(graph, extractor),
                nodes[logits],
            ),
        )
    work_out_of_place(extractor)
    network = Tapped(extractor)
    network.set_views(layout, tokens, model)
    return network


class Tapped(Shown):
    """What `tapped` makes: it gives `Features`, and answers the questions that a `Network` answers."""

    def __init__(self, extractor: "DualGraphModule"):
        super().__init__()
        self.extractor = extractor
        _, stages, preacts, _, _ = extractor.eval_graph.output_node().args[0]  # nodes, in the order of `Features`
        self._below_stage = [upstream(node) for node in stages]
        self._below_preacts = sorted({path for node in preacts for path in upstream(node)})
        self._norms = [norm_of(node, extractor) for node in preacts]

    def raw(self, images: Tensor) -> tuple:
        return self.extractor(images)

    @torch.no_grad()
    def watch(self, size: int) -> list[Size] | None:
        stem, stages, preacts, _, _ = self.extractor.eval_graph.output_node().args[0]
        maps = [*stages, *preacts, stem]
        run = _Watch(self.extractor, set(maps))
        with suppress(Exception):  # a head that wants another size is no reason not to know the maps before it
            run.run(blank(self.extractor, size))
        return [run.shapes[node] for node in maps] if run.shapes.keys() >= set(maps) else None

    def lower(self, stage: int) -> list[nn.Module]:
        """The layers that compute `Features.stages[stage]` (from 0), and no others."""
        if not 0 <= stage < len(self._below_stage):
            raise ValueError(f"There is no stage {stage}; you named 0 to {len(self._below_stage) - 1}.")
        return self._layers(self._below_stage[stage])

    def below_preacts(self) -> list[nn.Module]:
        """The layers that compute all of `Features.preacts`, and no others."""
        return self._layers(self._below_preacts)

    def preact_norms(self) -> tuple[nn.BatchNorm2d, ...]:
        """For each preact the BN whose output it is, or the only BN whose output is added to make it."""
        if None in self._norms:
            raise ValueError(
                f"preacts[{self._norms.index(None)}] is neither the output of a BatchNorm2d nor a sum with "
                "just one in it, so its statistics are unknown; name such a node: tapped(..., preacts=[...])."
            )
        return tuple(self.extractor.get_submodule(path) for path in self._norms)

    def _layers(self, paths: list[str]) -> list[nn.Module]:
        """What stands at these paths; a parameter that belongs to no layer comes in a list of its own."""
        found = [operator.attrgetter(path)(self.extractor) for path in paths]
        found = [nn.ParameterList([x]) if isinstance(x, nn.Parameter) else x for x in found]
        return [x for x in found if isinstance(x, nn.Module)]

    def __deepcopy__(self, memo: dict) -> "Tapped":
        """The extractor's own copy would always be in training mode."""
        twin = memo[id(self)] = Tapped(copy.deepcopy(self.extractor, memo))
        twin.views, twin.patch, twin.image_size = self.views, self.patch, self.image_size
        return twin.train(self.training)


class _Watch(fx.Interpreter):
    """Run a graph node by node and note the shapes that some of them give."""

    def __init__(self, extractor: "DualGraphModule", wanted: set[fx.Node]) -> None:
        super().__init__(extractor)
        self.wanted = wanted
        self.shapes: dict = {}
        self.extra_traceback = False  # an error here is an answer

    def run_node(self, node: fx.Node) -> object:
        value = super().run_node(node)
        if node in self.wanted and isinstance(value, Tensor):
            self.shapes[node] = value.shape
        return value
