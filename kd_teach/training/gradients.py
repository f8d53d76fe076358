"""How hard each term of a loss pulls, and where: gradients read from networks for the pictures.

Nothing here changes what it looks at: gradients are taken on a copy, in the modes of training, and the random numbers
drawn meanwhile are given back. So it may be called between two epochs of a run.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach.data import Batch, Data
from kd_teach.measures.cka import layers
from kd_teach.methods import list_methods
from kd_teach.methods.recipe import Phase, Terms
from kd_teach.models.features import Features
from kd_teach.training.distiller import Alone, Distiller
from kd_teach.training.loop import set_moving


def gradient_norms(
    run: Distiller | Alone, batch: Batch, *, phase: str | None = None, progress: float = 0.0
) -> pd.DataFrame:
    """How large each term's gradient is on one batch, and what its weight makes of it.

    Args:
        run: a student, alone or with a method and a teacher.
        batch: images as the networks want them, on their device: of `training_batches` or `plain_batches`.
        phase: a name among `run.phases()`; None takes the first.
        progress: 0..1 through the phase, for weights that change on the way.

    Returns:
        A row per term: `value` of the term, `norm` of its gradient, `weight`, `weighted` = weight * norm. The norm is
        Euclidean, over the student's weights that the phase trains; over all that it trains where the student rests.

    Raises:
        ValueError: an unknown phase.
    """
    with _one_step(run, batch, phase) as (copied, leg, _, terms):
        trained = [p for module in leg.trains for p in module.parameters()]
        of_student = [p for p in copied.student.parameters() if any(p is q for q in trained)]
        rows = {}
        for name, term in terms.items():
            norm = _flat(_gradients(term, of_student or trained)).norm().item()
            weight = leg.weight(name, progress)
            rows[name] = {"value": term.item(), "norm": norm, "weight": weight, "weighted": weight * norm}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("term")


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
        batch: as for `gradient_norms`.

    Raises:
        ValueError: a method whose phases hand out no features (AT's "gradient").
    """
    phase = next(phase.name for phase in run.phases() if "distil" in phase.weights)
    with _one_step(run, batch, phase) as (_, leg, s, terms):
        if s is None:
            raise ValueError(f"Phase {phase!r} runs the networks itself and shows no features; choose another variant.")
        earlier = [_earlier(stage, preact) for stage, preact in zip(s.stages, s.preacts, strict=True)]
        at = layers(s._replace(stages=tuple(earlier)))
        task = _gradients(F.cross_entropy(s.logits, batch.labels), list(at.values()))
        distil = _gradients(terms["distil"], list(at.values()))
        rows = {
            name: {"task": a.norm().item(), "distil": b.norm().item(), "cosine": _cosine(a, b)}
            for name, a, b in zip(at, task, distil, strict=True)
        }
    return Pull(leg.weight("distil", 0.0), pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer"))


def compare_gradients(student: nn.Module, teacher: nn.Module, data: Data, batch: Batch) -> dict[str, Pull]:
    """`layer_gradients` of every method, in its paper's variant, that this pair of networks allows."""
    pulls = {}
    for method in list_methods():
        try:
            pulls[method] = layer_gradients(Distiller(method, student=student, teacher=teacher, data=data), batch)
        except ValueError:  # a method that refuses this pair: `kd_teach.training.legality` says why
            continue
    return pulls


@contextmanager
def _one_step(
    run: Distiller | Alone, batch: Batch, phase: str | None
) -> Iterator[tuple[Distiller | Alone, Phase, Features | None, Terms]]:
    """A copy of the run, its phase, the student's features and the terms, as one step of training makes them."""
    with torch.random.fork_rng(devices=_devices(batch)):
        copied = copy.deepcopy(run)
        phases = {leg.name: leg for leg in copied.phases()}
        if phase is not None and phase not in phases:
            raise unknown("phase", phase, phases)
        leg = next(iter(phases.values())) if phase is None else phases[phase]
        set_moving(leg, copied)
        s, _, terms = leg.evaluate(copied.student, copied.teacher, batch)
        yield copied, leg, s, terms


def _devices(batch: Batch) -> list[torch.device]:
    return [batch.images.device] if batch.images.device.type == "cuda" else []


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


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([x.flatten() for x in tensors])


def _cosine(a: Tensor, b: Tensor) -> float:
    length = a.norm() * b.norm()
    return ((a * b).sum() / length).item() if length > 0 else float("nan")
