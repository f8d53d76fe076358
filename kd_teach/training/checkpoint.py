"""The whole state of an interrupted training run, in one file."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from kd_teach._support.files import write_whole
from kd_teach.methods.recipe import Run
from kd_teach.training.records import Record, State
from kd_teach.training.settings import Settings


def save_checkpoint(path: Path, run: Run, settings: Settings, optimizer: torch.optim.Optimizer, state: State) -> None:
    """Write the weights and the state; a reader never sees half a file."""
    whole = {
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
    }
    write_whole(path, partial(torch.save, whole))


def load_checkpoint(path: Path, run: Run, settings: Settings) -> State:
    """Put the saved weights into `run` and return the state.

    Raises:
        ValueError: the file belongs to a run with other settings, or to other networks.
    """
    saved = torch.load(path, weights_only=True, map_location=next(run.student.parameters()).device)
    then, now = saved.pop("settings"), comparable(settings)
    if different := [
        f"{key}: {then.get(key)} then, {value} now" for key, value in now.items() if then.get(key) != value
    ]:
        raise ValueError(
            f"{path} was written by a run with other settings ({'; '.join(different)}). "
            "Repeat the first command's settings, or choose another folder."
        )
    try:
        run.student.load_state_dict(saved.pop("student"))
        run.loss.load_state_dict(saved.pop("loss"))
        teacher = saved.pop("teacher")
        if run.teacher is not None:
            run.teacher.load_state_dict(teacher)
    except RuntimeError as error:
        raise ValueError(f"{path} holds other networks than this run's; choose another folder. {error}") from None
    return State(**saved | {"rng": saved["rng"].cpu(), "records": [Record(**row) for row in saved["records"]]})


def comparable(settings: Settings) -> dict:
    """Settings that must be the same when a run goes on; where it is computed may change."""
    return {key: value for key, value in asdict(settings).items() if key not in ("device", "compile", "tf32")}
