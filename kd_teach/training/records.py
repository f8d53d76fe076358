"""What a training leaves behind epoch by epoch, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
from torch import Tensor


@dataclass(frozen=True)
class Record:
    """One epoch: unweighted means of the named terms, their weighted sum, and accuracy on the validation split."""

    phase: str
    epoch: int  # counted from 1 within the phase
    seconds: float
    lr: float  # at the epoch's last step
    terms: dict[str, float]
    loss: float
    val_accuracy: float  # share of images, NaN without a validation split
    complete: bool = True  # False: interrupted in the middle of this epoch

    def row(self) -> dict:
        """The record as one flat row of a history table."""
        return {
            "phase": self.phase,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "lr": self.lr,
            **self.terms,
            "loss": self.loss,
            "val_accuracy": self.val_accuracy,
        }


def history_table(records: Sequence[Record]) -> pd.DataFrame:
    """Records as a table: phase, epoch, seconds, lr, a column per term, loss, val_accuracy."""
    table = pd.DataFrame([record.row() for record in records])
    return table[[c for c in table if c not in ("loss", "val_accuracy")] + ["loss", "val_accuracy"]]


@dataclass
class State:
    """Where a training stands: with the weights, all that it needs to go on as if nothing had happened."""

    phase: int = 0  # of the next batch, counted from 0; so are epoch and step
    epoch: int = 0
    step: int = 0
    log: dict[str, Tensor] = field(default_factory=dict)  # of the unfinished epoch: (steps,) for each term
    records: list[Record] = field(default_factory=list)  # of the finished ones
    optimizer: dict | None = None  # what a checkpoint says of the two; None once they have it
    rng: Tensor | None = None
