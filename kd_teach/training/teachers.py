"""Trained teachers: those that ship with the package, and your own runs."""

from pathlib import Path

from torch import nn

from kd_teach._support.errors import unknown
from kd_teach._support.files import user_path
from kd_teach._support.shipped import shipped
from kd_teach.training.run_folder import finished_folder, read_card, read_weights, rebuilt


def list_teachers() -> list[str]:
    """Names of the shipped teachers, each `data/network`."""
    folder = shipped("teachers")
    return sorted(str(card.parent.relative_to(folder).as_posix()) for card in folder.glob("*/*/card.json"))


def teacher_card(name: str | Path) -> dict:
    """What is known of a teacher: network, data, command, epochs, seed, test accuracy, confusion matrix.

    Args:
        name: a name from `list_teachers()`, or the folder of a finished run.
    """
    return read_card(_folder(name))


def load_teacher(name: str | Path) -> nn.Module:
    """A trained network, frozen and in eval mode.

    Args:
        name: a name from `list_teachers()` such as "cifar10/resnet20", or the folder of a finished run.

    Raises:
        ValueError: neither a shipped teacher nor the folder of a finished run of one of `list_models()`.
        DamagedFileError: its card or its weights are not what the run wrote.
    """
    folder, card = _folder(name), teacher_card(name)
    model = rebuilt(card)
    read_weights(folder, card, model)
    return model.eval().requires_grad_(False)


def _folder(name: str | Path) -> Path:
    if str(name) in list_teachers():
        return shipped("teachers") / name
    if user_path(name).is_dir():
        return finished_folder(name)
    raise unknown("teacher", str(name), list_teachers())
