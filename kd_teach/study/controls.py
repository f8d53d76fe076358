"""For how many epochs the student alone must train to be a fair rival: as many labels, or as much time."""

import pandas as pd
import torch

from kd_teach.data import noise
from kd_teach.models import create_model
from kd_teach.training.distiller import Distiller
from kd_teach.training.settings import Settings, epochs_of_phases


def label_epochs(method: str, epochs: int, *, variant: str | None = None) -> int:
    """Of so many epochs of a method, those in which the student sees labels: all, where it has one phase."""
    torch.manual_seed(0)
    student, teacher = (create_model(name, num_classes=10) for name in ("resnet8", "resnet20"))
    run = Distiller(method, student=student, teacher=teacher.eval(), data=noise(), variant=variant)
    phases = run.phases()
    shares = epochs_of_phases(phases, Settings(epochs=epochs))
    return sum(share for phase, share in zip(phases, shares, strict=True) if "task" in phase.weights)


def equal_time_epochs(seconds: pd.Series, epochs: int) -> dict[str, int]:
    """Method -> the whole number of epochs nearest to what the student alone trains in the time that the method takes.

    Args:
        seconds: method -> of its whole training, "alone" among them; of one machine (`kd-teach bench steps`).
        epochs: that all of them took.
    """
    return {method: round(epochs * s / seconds["alone"]) for method, s in seconds.items() if method != "alone"}
