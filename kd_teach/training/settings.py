"""How long, how fast, and by which steps: settings, the schedule and the optimiser."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from kd_teach._support.numbers import listed, number, seed_of, shown, whole, word
from kd_teach.data import Augment
from kd_teach.methods.recipe import Phase
from kd_teach.training.precision import PRECISIONS, known_device

MANY = 10**6  # epochs or images of a batch that nobody asks for on purpose


@dataclass(frozen=True)
class Settings:
    """How to train: SGD with Nesterov momentum, a short warm-up and a straight line down to zero in every phase.

    The schedule ends at zero because a short budget pays for every step: with a constant rate the last epochs
    of a lesson would still be noise. Weights with one dimension (batch norm, biases, VID's variances)
    are spared the weight decay. The last four fields are for benchmarks that were run otherwise.
    """

    epochs: int = 12
    batch_size: int = 64
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: float = 0.1  # share of each phase's steps
    seed: int = 0
    augment: Augment = field(default_factory=Augment)
    device: str = "auto"  # "auto", "cpu", "cuda", "mps"
    precision: str = "auto"  # "auto", "float32", "bfloat16"
    compile: bool = False  # torch.compile both networks: worth its start-up time on a GPU and in long runs
    tf32: bool = True  # on CUDA only
    steps: tuple[int, ...] = ()  # with them no warm-up, no line: the rate is constant, and 0.1 times after each epoch
    initial_epochs: int = 0  # with them every phase but the last has so many, and the last has `epochs` for itself
    nesterov: bool = True
    decay_all: bool = False  # weight decay on weights with one dimension too

    def __post_init__(self) -> None:
        checked = {
            "epochs": whole("epochs", self.epochs, 1, MANY),
            "batch_size": whole("batch_size", self.batch_size, 1, MANY),
            "initial_epochs": whole("initial_epochs", self.initial_epochs, 0, MANY),
            "seed": seed_of(self.seed),
            "lr": number("lr", self.lr, 0, above=True),
            "momentum": number("momentum", self.momentum, 0, 1, below=True),
            "weight_decay": number("weight_decay", self.weight_decay, 0),
            "warmup": number("warmup", self.warmup, 0, 1, below=True),
            "device": str(known_device(self.device)),
            "precision": word("precision", self.precision, ("auto", *PRECISIONS)),
            "steps": tuple(number("an entry of steps", step, 0, above=True) for step in listed("steps", self.steps)),
        }
        for name in ("compile", "tf32", "nesterov", "decay_all"):
            checked[name] = word(name, getattr(self, name), (True, False))
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if list(self.steps) != sorted({*self.steps}):
            raise ValueError(f"steps are {self.steps}; expected numbers of epochs in rising order.")
        if self.nesterov and not self.momentum:
            raise ValueError("momentum is 0, with which there is no Nesterov step; set nesterov to False too.")
        if not isinstance(self.augment, Augment):
            raise ValueError(f"augment is {shown(self.augment)}; expected an Augment(pad=..., flip=...).")


def epochs_of_phases(phases: Sequence[Phase], settings: Settings) -> list[int]:
    """How many epochs each phase has."""
    if settings.initial_epochs:
        return [settings.initial_epochs] * (len(phases) - 1) + [settings.epochs]
    return share_epochs(phases, settings.epochs)


def share_epochs(phases: Sequence[Phase], epochs: int) -> list[int]:
    """Share out the epochs in proportion to the phases' shares: whole numbers, at least one each."""
    if epochs < len(phases):
        names = ", ".join(phase.name for phase in phases)
        raise ValueError(f"{epochs} epochs cannot be shared out among {len(phases)} phases ({names}); ask for more.")
    total = sum(phase.share for phase in phases)
    exact = [epochs * phase.share / total for phase in phases]
    shared = [max(1, math.floor(e)) for e in exact]
    while sum(shared) != epochs:
        change = 1 if sum(shared) < epochs else -1
        gaps = [change * (e - n) if n + change >= 1 else -math.inf for e, n in zip(exact, shared, strict=True)]
        shared[gaps.index(max(gaps))] += change
    return shared


def schedule(progress: float, warmup: float) -> float:
    """Learning rate as a share of its peak: up in a straight line during the warm-up, then down to zero."""
    return (progress + 0.01 * warmup) / warmup if progress < warmup else (1 - progress) / (1 - warmup)


def rate_share(progress: float, epochs: int, settings: Settings) -> float:
    """Learning rate as a share of its peak, `progress` (0..1) of the way through a phase of so many epochs."""
    if settings.steps:
        return 0.1 ** sum(progress * epochs >= step - 1e-9 for step in settings.steps)
    return schedule(progress, settings.warmup)


def make_optimizer(phase: Phase, settings: Settings) -> torch.optim.SGD:
    """SGD over all that the phase trains; weight decay on weights with one dimension only with `decay_all`."""
    weights = list({id(p): p for module in phase.trains for p in module.parameters()}.values())
    if not weights:
        raise ValueError(f"Phase {phase.name!r} trains nothing: its modules {list(phase.trains)} have no parameters.")
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": settings.weight_decay * settings.decay_all},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
    )
