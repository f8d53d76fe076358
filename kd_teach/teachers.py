"""Trained teachers: those that ship with the package, and your own runs."""

import json
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from kd_teach.errors import unknown
from kd_teach.models import create_model

PACKAGE = Path(__file__).parent


def teachers_folder() -> Path:
    """Where the shipped teachers lie: inside an installed package, or `data/teachers` of a checkout."""
    installed = PACKAGE / "_teachers"
    return installed if installed.is_dir() else PACKAGE.parent / "data" / "teachers"


def list_teachers() -> list[str]:
    """Names of the shipped teachers, each `data/network`."""
    folder = teachers_folder()
    return sorted(str(card.parent.relative_to(folder).as_posix()) for card in folder.glob("*/*/card.json"))


def teacher_card(name: str | Path) -> dict:
    """What is known of a teacher: network, data, command, epochs, seed, test accuracy, confusion matrix.

    Args:
        name: a name from `list_teachers()`, or the folder of a finished run.
    """
    return json.loads((_folder(name) / "card.json").read_text(encoding="utf-8"))


def load_teacher(name: str | Path) -> nn.Module:
    """A trained network, frozen and in eval mode.

    Args:
        name: a name from `list_teachers()` such as "cifar10/resnet20", or the folder of a finished run.

    Raises:
        ValueError: neither a shipped teacher nor a folder with weights and a card.
    """
    folder, card = _folder(name), teacher_card(name)
    model = create_model(card["model"], num_classes=card["num_classes"])
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    return model.eval().requires_grad_(False)


def _folder(name: str | Path) -> Path:
    for folder in (teachers_folder() / name, Path(name)):
        if (folder / "card.json").is_file() and (folder / "weights.safetensors").is_file():
            return folder
    if Path(name).is_dir():
        raise ValueError(
            f"{name} is a folder without a finished run in it: expected weights.safetensors and card.json. "
            "Let the run finish first (--resume)."
        )
    raise unknown("teacher", str(name), list_teachers())
