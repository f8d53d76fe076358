"""How hard a method's loss pulls, and where: gradients read from networks for the pictures.

Nothing here changes what it looks at: gradients are taken on a copy, in the modes of training, and the random numbers
drawn meanwhile are given back. So it may be called between two epochs of a run.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach.data import Batch, Data
from kd_teach.measures.cka import layers
from kd_teach.methods import list_methods
from kd_teach.training.distiller import Distiller
from kd_teach.training.loop import set_moving


class Pull(NamedTuple):
    """Where in the student a method pulls, and whether labels pull the same way."""

    weight: float  # of the method's loss in its phase
    layers: pd.DataFrame  # index: layers; columns: task, distil (norms, unweighted), cosine (NaN where a norm is 0)


def layer_gradients(run: Distiller, batch: Batch) -> Pull:
    """Gradients of cross-entropy and of the method's own loss on the student's features, layer by layer.

    Of a stage the earlier of its two maps is taken, before or after the ReLU, so that every loss on the stage counts.
    The phase is the first that minimises the method's loss. Gradients with respect to (N, ...) features, all of a
    batch together; a layer above the one that a method looks at gets none.

    Args:
        run: a student, a teacher and a method.
        batch: images as the networks want them, on their device: of `training_batches` or `plain_batches`.

    Raises:
        ValueError: a method whose phases hand out no features (AT's "gradient").
    """
    with torch.random.fork_rng(devices=[batch.images.device] if batch.images.device.type == "cuda" else []):
        copied = copy.deepcopy(run)
        phase = next(phase for phase in copied.phases() if "distil" in phase.weights)
        set_moving(phase, copied)
        s, _, terms = phase.evaluate(copied.student, copied.teacher, batch)
        if s is None:
            raise ValueError(
                f"Phase {phase.name!r} runs the networks itself and shows no features; choose another variant."
            )
        earlier = [_earlier(stage, preact) for stage, preact in zip(s.stages, s.preacts, strict=True)]
        at = layers(s._replace(stages=tuple(earlier)))
        task = _gradients(F.cross_entropy(s.logits, batch.labels), list(at.values()))
        distil = _gradients(terms["distil"], list(at.values()))
    rows = {
        name: {"task": a.norm().item(), "distil": b.norm().item(), "cosine": _cosine(a, b)}
        for name, a, b in zip(at, task, distil, strict=True)
    }
    return Pull(phase.weight("distil", 0.0), pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer"))


def compare_gradients(student: nn.Module, teacher: nn.Module, data: Data, batch: Batch) -> dict[str, Pull]:
    """`layer_gradients` of every method, in its paper's variant, that this pair of networks allows."""
    pulls = {}
    for method in list_methods():
        try:
            pulls[method] = layer_gradients(Distiller(method, student=student, teacher=teacher, data=data), batch)
        except ValueError:  # a method that refuses this pair: `kd_teach.training.legality` says why
            continue
    return pulls


def _gradients(term: Tensor, at: Sequence[Tensor]) -> list[Tensor]:
    """Of a scalar with respect to several tensors; zeros where it does not depend on one."""
    if not term.requires_grad:
        return [torch.zeros_like(x) for x in at]
    return list(torch.autograd.grad(term, at, retain_graph=True, allow_unused=True, materialize_grads=True))


def _earlier(stage: Tensor, preact: Tensor) -> Tensor:
    """Of the maps on both sides of a ReLU, the one that the other is computed from: it depends on the family."""
    if stage is preact:
        return stage
    from_preact = torch.autograd.grad(stage.sum(), preact, retain_graph=True, allow_unused=True)[0]
    return stage if from_preact is None else preact


def _cosine(a: Tensor, b: Tensor) -> float:
    length = a.norm() * b.norm()
    return ((a * b).sum() / length).item() if length > 0 else float("nan")
