"""The whole state of an interrupted training run, in one file: what torch.save writes, and its SHA-256 behind it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from kd_teach._support.files import damaged, sha256, write_whole
from kd_teach._support.numbers import whole
from kd_teach.methods.recipe import Run
from kd_teach.training.records import Record, State
from kd_teach.training.settings import Settings

CHECKSUM = 64  # characters
MEND = "Delete it, and the run begins again."


def save_checkpoint(path: Path, run: Run, settings: Settings, optimizer: torch.optim.Optimizer, state: State) -> None:
    """Write the weights and the state; a reader never sees half a file. NotWrittenError if there is no space."""
    buffer = io.BytesIO()  # torch's own writer breaks in C++ when a disk is full
    torch.save(
        {
            "settings": comparable(settings),
            "student": run.student.state_dict(),
            "loss": run.loss.state_dict(),
            "teacher": run.teacher.state_dict() if run.teacher is not None else {},  # its BN may run in train mode
            "optimizer": optimizer.state_dict(),
            "rng": torch.get_rng_state(),
            "phase": state.phase,
            "epoch": state.epoch,
            "step": state.step,
            "log": state.log,
            "records": [asdict(record) for record in state.records],
        },
        buffer,
    )
    with buffer.getbuffer() as content:  # let go here: where a profiler still holds the view, nothing could be added
        checksum = sha256(content)
    buffer.write(checksum.encode())
    write_whole(path, buffer.getbuffer())


def load_checkpoint(path: Path, run: Run, settings: Settings, epochs: Sequence[int], steps: int) -> State:
    """Put the saved weights into `run` and return the state; `run` is as before if anything is wrong.

    Args:
        epochs: of each phase; with `steps`, those of an epoch, it bounds where the state may stand.

    Raises:
        DamagedFileError: the file is not what `save_checkpoint` wrote, or stands where no run can stand.
        ValueError: the file belongs to a run with other settings, or to other networks.
    """
    content = path.read_bytes()
    if sha256(content[:-CHECKSUM]).encode() != content[-CHECKSUM:]:
        raise damaged(path, "its SHA-256 is not the one it ends with", MEND)
    try:
        saved = torch.load(
            io.BytesIO(content[:-CHECKSUM]), weights_only=True, map_location=next(run.student.parameters()).device
        )
        then, now = dict(saved.pop("settings")), comparable(settings)
        networks = [(run.student, saved.pop("student")), (run.loss, saved.pop("loss"))]
        teacher = saved.pop("teacher")
        state = State(**saved | {"rng": saved["rng"].cpu(), "records": [Record(**row) for row in saved["records"]]})
        whole("phase", state.phase, 0, len(epochs) - 1)
        whole("epoch", state.epoch, 0, epochs[state.phase])
        whole("step", state.step, 0, steps)
        whole("number of epochs", len(state.records), *[sum(epochs[: state.phase]) + state.epoch] * 2)
    except Exception as problem:  # of the unpickler, which may be any, and of what it gave
        raise damaged(path, problem, MEND) from None
    if different := [
        f"{key}: {then.get(key)} then, {value} now" for key, value in now.items() if then.get(key) != value
    ]:
        raise ValueError(
            f"{path} was written by a run with other settings ({'; '.join(different)}). "
            "Repeat the first command's settings, or choose another folder."
        )
    if run.teacher is not None:
        networks.append((run.teacher, teacher))
    for network, weights in networks:
        if problem := misfit(network, weights):
            raise ValueError(f"{path} holds other networks than this run's ({problem}); choose another folder.")
    for network, weights in networks:
        network.load_state_dict(weights)
    return state


def misfit(network: nn.Module, weights: Mapping[str, Tensor]) -> str:
    """Why a state dict cannot be put into a network; empty if it can."""
    own = network.state_dict()
    if odd := sorted(own.keys() ^ weights.keys()):
        return f"names differ, as {odd[0]}"
    wrong = [name for name in own if own[name].shape != weights[name].shape]
    return f"{wrong[0]} is {tuple(weights[wrong[0]].shape)}, not {tuple(own[wrong[0]].shape)}" if wrong else ""


def comparable(settings: Settings) -> dict:
    """Settings that must be the same when a run goes on; where it is computed may change."""
    return {key: value for key, value in asdict(settings).items() if key not in ("device", "compile", "tf32")}
