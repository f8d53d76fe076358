"""What a method declares about itself: where its tensors come from, what it trains, and how it weighs the terms.

A `Recipe` holds no weights and runs nothing. `kd_teach.training.distiller` binds it to a student and a teacher,
`kd_teach.training.loop` runs the phases it lists, and neither knows any method's name.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from kd_teach.data import Batch
from kd_teach.models.features import Features

Terms = dict[str, Tensor]
Weight = float | Callable[[float], float]  # a number, or a function of the progress (0..1) through the phase


def nothing() -> None:
    """The `after_step` of a phase that keeps no memory."""


@dataclass(frozen=True)
class Phase:
    """One leg of training: which weights move, and what they minimise.

    Everything that is not in `trains` is frozen and in eval mode. `objective` gets the features of the student
    and of the teacher (None where `student_runs` or `teacher_runs` is off: why pay for a forward pass that
    nobody looks at) and the batch, and answers with named, unweighted, scalar terms; `weights` says how much of
    each is minimised. Features come as the networks made them, in half precision under autocast: `Distiller.task`
    and `Distiller.distil`, and the losses of `kd_teach.methods`, compute in float32.
    """

    name: str
    trains: Sequence[nn.Module]
    objective: Callable[..., Terms]  # of (s, t, batch)
    weights: Mapping[str, Weight]
    share: float = 1.0  # of the epochs asked for, relative to the other phases
    lr_scale: float = 1.0  # times the learning rate asked for
    student_runs: bool = True
    teacher_runs: bool = True
    teacher_mode: Literal["eval", "train"] = "eval"  # "train": batch statistics in the teacher's BN (OFD's authors)
    after_step: Callable[[], None] = nothing  # memory banks are renewed here, after the optimiser (CRD)

    def evaluate(
        self, student: Callable[[Tensor], Features], teacher: Callable[[Tensor], Features] | None, batch: Batch
    ) -> tuple[Features | None, Features | None, Terms]:
        """What each network shows of the batch, as far as the phase asks for it, and the terms.

        Under autocast the layers compute in its number format; the objective does not.
        """
        s = student(batch.images) if self.student_runs else None
        # Not inference_mode: autograd cannot save its tensors, and most losses multiply student with teacher.
        with torch.no_grad():
            t = teacher(batch.images) if self.teacher_runs and teacher is not None else None
        with torch.autocast(batch.images.device.type, enabled=False):
            return s, t, self.objective(s, t, batch)

    def weigh(self, terms: Terms, progress: float) -> Tensor:
        """The weighted sum of the terms, `progress` (0..1) of the way through the phase."""
        if missing := terms.keys() ^ self.weights.keys():
            raise ValueError(
                f"Phase {self.name!r} has terms {sorted(terms)} but weights {sorted(self.weights)}; "
                f"{sorted(missing)} must be in both."
            )
        return sum((self.weight(name, progress) * term for name, term in terms.items()), start=torch.zeros(()))

    def weight(self, name: str, progress: float) -> float:
        """How much of one term is minimised, `progress` (0..1) of the way through the phase."""
        weight = self.weights[name]
        return weight(progress) if callable(weight) else weight


class Run(Protocol):
    """What is trained, with a teacher or alone: all that the loop asks for."""

    @property
    def student(self) -> nn.Module: ...

    @property
    def teacher(self) -> nn.Module | None: ...

    @property
    def loss(self) -> nn.Module: ...

    def phases(self) -> list[Phase]:
        """The legs of training, in order."""
        ...


class Distilling(Protocol):
    """What a method's phases may ask of a run that has a teacher (`kd_teach.Distiller` is one)."""

    student: Any  # a network that answers with `Features`
    teacher: Any
    loss: Any  # what `Recipe.build` made
    variant: str
    weight: float  # of the method's loss
    task_weight: float  # of cross-entropy
    with_kd: float | None  # of a KD term beside them
    tap: Callable[..., Any]  # of one network's features

    @property
    def task_weights(self) -> dict[str, float]: ...

    @property
    def weights(self) -> dict[str, float]: ...

    def task(self, s: Features, t: Features | None, batch: Batch) -> Terms: ...

    def distil_only(self, s: Features, t: Features, batch: Batch) -> Terms: ...

    def task_and_distil(self, s: Features, t: Features, batch: Batch) -> Terms: ...


def one_phase(run: Distilling) -> list[Phase]:
    """Labels and method together from the first epoch to the last: what most of the fourteen do."""
    return [
        Phase(
            "distil",
            [run.student, run.loss],
            run.task_and_distil,
            run.weights,
            after_step=getattr(run.loss, "after_step", nothing),
        )
    ]


def initialise_then_task(run: Distilling, body: Sequence[nn.Module]) -> list[Phase]:
    """The student's `body` under the method's loss alone, then the whole student on the labels alone (AB, FSP).

    The common benchmark spends 30 of 270 epochs on the first phase; a short training needs a larger part.
    """
    return [
        Phase("initialise", [*body, run.loss], run.distil_only, {"distil": run.weight}, share=1 / 4),
        Phase("task", [run.student], run.task, run.task_weights, share=3 / 4, teacher_runs=run.with_kd is not None),
    ]


@dataclass(frozen=True)
class Variant:
    """One reading of a method: what its paper says, or what the code that everyone copies does."""

    weight: float  # of the method's loss
    source: str  # where the weights come from
    task_weight: float = 1.0  # of cross-entropy with the labels
    phases: Callable[[Distilling], list[Phase]] = one_phase
    blind_to: Set[str] | None = None  # of `changes.CHANGES`; None: nobody looked
    equation: Callable[..., Tensor] | None = None  # where it is another than the recipe's


@dataclass(frozen=True)
class Context:
    """What `Recipe.build` may look at besides the two taps."""

    student: nn.Module
    teacher: nn.Module  # OFD reads its margins from the teacher's batch norms
    labels: Tensor  # (N,) of the training set: CRD sizes its banks and picks its negatives by them
    num_classes: int


@dataclass(frozen=True)
class Recipe:
    """What a method declares about itself.

    `tap` picks from `Features` what the loss compares; it is applied to both networks, and once to a dry run, so
    that `build` sees real shapes. `build(student_tap, teacher_tap, context, variant=..., **options)` makes the loss;
    all that it learns or remembers lives inside it.

    `equation` is the loss as the paper writes it, one plain function: what a notebook prints, an exercise asks for and
    the bench races against. The module that `build` makes calls it through its attribute `equation`.
    """

    name: str
    title: str
    paper: str
    knowledge: Literal["response", "feature", "relation"]
    tap: Callable[..., Any]
    build: Callable[..., nn.Module]
    variants: Mapping[str, Variant]  # the first is the default
    equation: Callable[..., Tensor] | None = None  # a recipe of your own may do without
    tap_options: tuple[str, ...] = ()  # names of options that `tap` takes; the others go to `build`
    needs: tuple[str, ...] = ()  # fields of Batch that the loss also takes

    def equation_of(self, variant: str) -> Callable[..., Tensor] | None:
        """The plain function of one variant."""
        return self.variants[variant].equation or self.equation
