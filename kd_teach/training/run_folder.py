"""Run folders: all that is needed to believe a run, to repeat it and to go on with it.

weights.safetensors   the student, without the parts that only the loss needed
history.csv           one row per epoch
card.json             the exact configuration and the machine; at the end also what came out on the test set
curves.png            the history as a picture
checkpoint.pt         only while the run is unfinished
"""

import hashlib
import json
import math
import platform
from functools import partial
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

import kd_teach.plots as plots
from kd_teach._support.errors import DamagedFileError
from kd_teach._support.files import user_path, write_whole
from kd_teach.models import create_model, list_models


class Result(NamedTuple):
    """What a run gives back."""

    student: nn.Module  # trained, in eval mode
    history: pd.DataFrame  # one row per epoch
    test_accuracy: float  # share of the test images named rightly; NaN for an interrupted run
    card: dict  # configuration, environment, outcome: what card.json holds

    @property
    def complete(self) -> bool:
        """False for a run that Ctrl-C ended early."""
        return not math.isnan(self.test_accuracy)


def load_run(folder: str | Path) -> Result:
    """The result of a finished run, from its folder."""
    folder = finished_folder(folder)
    card = read_card(folder)
    return read_run(folder, card, rebuilt(card))


def finished_folder(folder: str | Path) -> Path:
    """The folder of a finished run; ValueError for any other."""
    folder = user_path(folder)
    if not ((folder / "card.json").is_file() and (folder / "weights.safetensors").is_file()):
        raise ValueError(
            f"{folder} is not the folder of a finished run: expected weights.safetensors and card.json in it. "
            "Let the run finish first (--resume)."
        )
    return folder


def rebuilt(card: dict) -> nn.Module:
    """The network of a run, with fresh weights; ValueError if it was none of `list_models()`."""
    if card["model"] not in list_models():
        raise ValueError(
            f"The run's network is a {card['model']} of your own, which its folder does not hold: build it, and load "
            "weights.safetensors into it (safetensors.torch.load_file)."
        )
    return create_model(card["model"], num_classes=card["num_classes"])


def read_card(folder: Path) -> dict:
    """What card.json of a run folder holds."""
    return json.loads((folder / "card.json").read_text(encoding="utf-8"))


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """What weights.safetensors of a run folder holds; DamagedFileError if it cannot be read."""
    try:
        return load_file(folder / "weights.safetensors")
    except SafetensorError as problem:
        raise DamagedFileError(
            f"{folder / 'weights.safetensors'} is damaged ({problem}). Delete the folder and run its command again, or "
            "install the package again if the file came with it."
        ) from None


def read_run(folder: Path, card: dict, student: nn.Module) -> Result:
    """The result of the finished run whose card this is; its weights are put into `student`."""
    student.load_state_dict(read_weights(folder))
    return Result(student.eval(), pd.read_csv(folder / "history.csv"), card["test_accuracy"], card)


def claim(folder: Path, card: dict, resume: bool) -> dict | None:
    """Make the folder this run's; the card of the run if it stands there finished, None if it is to be trained."""
    if (folder / "card.json").exists():
        before = read_card(folder)
        if not resume:
            raise FileExistsError(
                f"{folder} holds a run; go on with it (--resume), delete it, or choose another folder."
            )
        if before["config_hash"] != card["config_hash"]:
            changed = [
                k for k in card if k not in ("config_hash", "command", "environment") and before.get(k) != card[k]
            ]
            raise FileExistsError(
                f"{folder} holds another run: it differs in {', '.join(changed)}. Repeat the first command, or choose "
                "another folder."
            )
        if "test_accuracy" in before:
            return before
    write_card(folder, card)
    return None


def write_history(folder: Path, history: pd.DataFrame) -> None:
    """Write history.csv, of a finished run or of one that may go on."""
    write_whole(folder / "history.csv", history.to_csv(index=False))


def finish(folder: Path, student: nn.Module, history: pd.DataFrame, card: dict) -> None:
    """Write weights and curves, and last the card with the outcome: with it the run counts as finished."""
    weights = {name: tensor.contiguous() for name, tensor in student.state_dict().items()}
    write_whole(folder / "weights.safetensors", save(weights))
    with plt.rc_context(plots.STYLE):
        figure = plots.training_report(history, name=card["model"])
        write_whole(folder / "curves.png", partial(figure.savefig, format="png"))
    plt.close(figure)
    write_card(folder, card)
    (folder / "checkpoint.pt").unlink(missing_ok=True)


def write_card(folder: Path, card: dict) -> None:
    """Write card.json."""
    write_whole(folder / "card.json", json.dumps(card, indent=1) + "\n")


def environment() -> dict:
    """The machine: what besides the configuration decides on seconds and on the last digits."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def weights_fingerprint(model: nn.Module) -> str:
    """A short hash of all weights and buffers: tells whether two networks are the same."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def config_hash(config: dict) -> str:
    """A short hash of a run's whole configuration: the key under which runs are found again."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:16]
