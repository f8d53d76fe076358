"""How long, how fast, and by which steps: settings, the schedule and the optimiser."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from kd_teach.data import Augment
from kd_teach.recipe import Phase


@dataclass(frozen=True)
class Settings:
    """How to train: SGD with Nesterov momentum, a short warm-up and a straight line down to zero in every phase.

    The schedule ends at zero because a short budget pays for every step: with a constant rate the last epochs
    of a 12-epoch lesson would still be noise. Weights with one dimension (batch norm, biases, VID's variances)
    are spared the weight decay.
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

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a positive number.")


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


def make_optimizer(phase: Phase, settings: Settings) -> torch.optim.SGD:
    """SGD over all that the phase trains; no weight decay on weights with one dimension."""
    weights = list({id(p): p for module in phase.trains for p in module.parameters()}.values())
    if not weights:
        raise ValueError(f"Phase {phase.name!r} trains nothing: its modules {list(phase.trains)} have no parameters.")
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]], lr=settings.lr, momentum=settings.momentum, nesterov=True
    )
