"""Run folders: all that is needed to believe a run, to repeat it and to go on with it.

weights.safetensors   the student, without the parts that only the loss needed
history.csv           one row per epoch
card.json             the exact configuration and the machine; at the end also what came out on the test set, and the
                      checksum of the weights
curves.png            the history as a picture
checkpoint.pt         only while the run is unfinished
.lock                 only while a process trains it
"""

import hashlib
import io
import json
import math
import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

import kd_teach.plots as plots
from kd_teach._support.files import damaged, locked, read_json, sha256, sweep, user_path, write_whole
from kd_teach._support.numbers import listed, number, shown, whole
from kd_teach.models import create_model, list_models
from kd_teach.training.checkpoint import misfit

FILES = ("weights.safetensors", "history.csv", "curves.png", "checkpoint.pt", "card.json")
CONFIGURED = {"config_hash": str, "model": str, "num_classes": int}  # what every card says
FINISHED = CONFIGURED | {"test_accuracy": int | float, "confusion": list, "weights_sha256": str, "classes": list}
FINISHED |= {"data": str}
RUN = FINISHED | {"history_sha256": str, "trained_on": str}  # what ships as a teacher has no history
MEND = "Delete the folder and run its command again, or install the package again if the file came with it."
NOT_THE_RUN = ("config_hash", "command", "environment", "process", "val_samples")  # of a card: not its configuration


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
    """The result of a finished run, from its folder.

    Raises:
        ValueError: it is not the folder of a finished run of one of `list_models()`.
        DamagedFileError: a file in it is not what the run wrote.
    """
    folder = finished_folder(folder)
    card = read_card(folder, RUN)
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


def read_card(folder: Path, wanted: Mapping = FINISHED) -> dict:
    """What card.json of a run folder holds; DamagedFileError if that is not a card (of a finished run)."""
    path = folder / "card.json"
    card = read_json(path, wanted, MEND)
    if "test_accuracy" in wanted:
        try:
            number("test_accuracy", card["test_accuracy"], 0, 1)
            whole("num_classes", card["num_classes"], len(card["classes"]), len(card["classes"]))
            check_confusion(card["confusion"], card["num_classes"], card["test_accuracy"])
        except ValueError as problem:
            raise damaged(path, problem, MEND) from None
    return card


def check_confusion(confusion: list, classes: int, accuracy: float) -> None:
    """Refuse an accuracy that is not the one of the confusion matrix beside it, and what is no such matrix."""
    counts = [whole("a count of confusion", count, 0) for row in confusion for count in listed("confusion", row)]
    whole("the number of counts in confusion", len(counts), classes**2, classes**2)
    if not math.isclose(sum(counts[:: classes + 1]) / max(1, sum(counts)), accuracy, abs_tol=1e-6):
        raise ValueError(f"test_accuracy is {accuracy}, which is not what its confusion matrix says")


def read_weights(folder: Path, card: dict, network: nn.Module) -> None:
    """Put weights.safetensors of a run folder into its network; DamagedFileError if it is not what the run wrote."""
    path = folder / "weights.safetensors"
    content = read_unchanged(path, card["weights_sha256"])
    try:
        weights = load(content)
    except SafetensorError as problem:
        raise damaged(path, problem, MEND) from None
    if problem := misfit(network, weights):
        raise damaged(path, problem, MEND)
    network.load_state_dict(weights)


def read_run(folder: Path, card: dict, student: nn.Module) -> Result:
    """The result of the finished run whose card this is; its weights are put into `student`."""
    history = pd.read_csv(io.BytesIO(read_unchanged(folder / "history.csv", card["history_sha256"])))
    read_weights(folder, card, student)
    return Result(student.eval(), history, card["test_accuracy"], card)


def read_unchanged(path: Path, checksum: str) -> bytes:
    """What a file of a finished run holds; DamagedFileError if its card has another checksum of it."""
    if not path.is_file():
        raise damaged(path, "it is missing", MEND)
    content = path.read_bytes()
    if (found := sha256(content)) != checksum:
        raise damaged(path, f"its SHA-256 is {found}, the card says {checksum}", MEND)
    return content


class Place:
    """Where a run is kept, if anywhere.

    Args:
        folder: the run folder; None keeps nothing.
        forgiving: damage, or no space, is a warning after which the run is trained anew, or is not kept; else it is an
            error.
    """

    def __init__(self, folder: Path | None, *, forgiving: bool = False) -> None:
        self.folder, self.forgiving = folder, forgiving

    @property
    def checkpoint(self) -> Path | None:
        """The file of an unfinished run's state."""
        return self.folder and self.folder / "checkpoint.pt"

    @contextmanager
    def claimed(self, card: dict, student: nn.Module, *, resume: bool) -> Iterator[Result | None]:
        """The run if it stands there finished, its weights put into `student`; None if the block is to train it.

        While the block runs the folder is this process's own: another waits until it is done, and reads what it made.

        Raises:
            FileExistsError: the folder holds another run, or this one and `resume` is False.
            DamagedFileError: a file of the run is not what the run wrote.
            NotWrittenError: the folder cannot be written.
        """
        with ExitStack() as stack:
            found = None
            if self.folder is not None:
                found = self._look(card, student, resume)
            if found is None and self.folder is not None:
                existed = self.folder.exists()
                try:
                    waited = stack.enter_context(locked(self.folder / ".lock", partial(holder, self.folder)))
                except OSError as problem:
                    self._forgive(problem, "The run is not kept.")
                    self.folder = None
                else:
                    stack.callback(self._tidy, existed, self._names())
                    found = self._take(card, student, resume or waited)
            yield found

    def keep(self, write: Callable[[Path], object]) -> None:
        """Call `write` with the folder, if there is one."""
        if self.folder is not None:
            try:
                write(self.folder)
            except OSError as problem:
                self._forgive(problem, "This state of the run is not kept.")

    @property
    def _place(self) -> Path:
        """The folder, where there is one."""
        assert self.folder is not None
        return self.folder

    def _look(self, card: dict, student: nn.Module, resume: bool) -> Result | None:
        """The run if it is finished, without a lock: the folder may be read-only. Refuses one that is another."""
        try:
            return self._found(card, student, resume, owned=False)
        except OSError:
            if not self.forgiving:
                raise
            return None  # seen again under the lock, and mended

    def _take(self, card: dict, student: nn.Module, resume: bool) -> Result | None:
        """The same for who holds the lock; begins the run if it is not there."""
        for name in FILES:
            sweep(self._place / name)
        try:
            if found := self._found(card, student, resume, owned=True):
                return found
        except OSError as problem:
            self._forgive(problem, "The run is trained anew.")
            for name in FILES:
                with suppress(OSError):  # a folder of that name: then the run is not kept
                    (self._place / name).unlink()
        self.keep(partial(write_card, card=card | {"process": os.getpid()}))
        return None

    def _found(self, card: dict, student: nn.Module, resume: bool, owned: bool) -> Result | None:
        if not (self._place / "card.json").exists():
            return None
        before = read_card(self._place, CONFIGURED)
        finished = "test_accuracy" in before
        if not finished and not (self._place / "checkpoint.pt").exists():
            return None  # killed before there was anything to go on with, or begun by who holds the lock
        if before["config_hash"] != card["config_hash"]:
            raise FileExistsError(
                f"{self._place} holds another run: it differs in {', '.join(differences(before, card))}. Repeat the "
                "first command, or choose another folder."
            )
        if not resume and (finished or owned):
            raise FileExistsError(
                f"{self._place} holds a run; go on with it (--resume), delete it, or choose another folder."
            )
        return read_run(self._place, read_card(self._place, RUN), student) if finished else None

    def _names(self) -> set[str]:
        return {name for name in FILES if (self._place / name).exists()}

    def _tidy(self, existed: bool, names: set[str]) -> None:
        """Leave nothing behind of a run that has neither an end nor a state to go on from."""
        with suppress(OSError):
            begun = (self._place / "checkpoint.pt").exists()
            if not begun and not finished(self._place):
                for name in self._names() - names:
                    (self._place / name).unlink()
            (self._place / ".lock").unlink()  # who waits sees that it is gone, and makes a new one
            if not begun and not existed:
                self._place.rmdir()

    def _forgive(self, problem: OSError, then: str) -> None:
        if not self.forgiving:
            raise problem
        warnings.warn(f"{problem} {then}", stacklevel=2)


def finished(folder: Path) -> bool:
    """Whether the card of a run folder says how the run ended."""
    try:
        return "test_accuracy" in read_card(folder, CONFIGURED)
    except OSError:
        return False


def holder(folder: Path) -> str:
    """Who trains the run in a folder, for who waits for it."""
    try:
        return f"process {read_card(folder, {'process': int})['process']}, which trains the run in {folder}"
    except OSError:
        return f"another process, which uses {folder}"


def differences(before: Mapping, now: Mapping) -> list[str]:
    """In what the configurations of two cards differ, settings one by one."""
    lines = []
    for name in now:
        then, here = before.get(name), json.loads(json.dumps(now[name], default=str))  # as a card holds it
        if name in (*NOT_THE_RUN, "state") or then == here:
            continue
        if isinstance(then, dict) and isinstance(here, dict):
            lines += [
                f"{key} ({shown(then.get(key))} there, {shown(here.get(key))} here)"
                for key in then | here
                if then.get(key) != here.get(key)
            ]
        else:
            lines.append(f"{name} ({shown(then)} there, {shown(here)} here)")
    return lines or ["what its networks, its loss or its recipe hold"]  # the state, which follows from the rest too


def history_file(history: pd.DataFrame) -> bytes:
    """What history.csv is to hold."""
    return history.to_csv(index=False).encode()


def weights_file(student: nn.Module) -> bytes:
    """What weights.safetensors is to hold."""
    return save({name: tensor.contiguous() for name, tensor in student.state_dict().items()})


def finish(folder: Path, weights: bytes, history: pd.DataFrame, card: dict) -> None:
    """Write weights and curves, and last the card with the outcome: with it the run counts as finished."""
    write_whole(folder / "weights.safetensors", weights)
    with plt.rc_context(plots.STYLE):
        figure = plots.training_report(history, name=card["model"])
        write_whole(folder / "curves.png", partial(figure.savefig, format="png"))
    plt.close(figure)
    write_card(folder, card)
    (folder / "checkpoint.pt").unlink(missing_ok=True)


def write_card(folder: Path, card: Mapping) -> None:
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
        digest.update(content_of(tensor))
    return digest.hexdigest()[:16]


def content_of(tensor: Tensor) -> memoryview:
    """The bytes of a tensor of any type, device and layout; RuntimeError if it has none."""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    plain = plain if plain.layout is torch.strided else plain.to_dense()
    return plain.contiguous().flatten().view(torch.uint8).numpy().data


def config_hash(config: dict) -> str:
    """A short hash of a run's whole configuration: the key under which runs are found again."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:16]
