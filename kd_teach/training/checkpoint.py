"""The whole state of an interrupted training run, in one file."""

import os
from dataclasses import asdict
from pathlib import Path

import torch


def save_checkpoint(path: Path, run, settings, optimizer, position, log, records) -> None:
    """Write the state so that a reader never sees half a file.

    Args:
        position: (phase, epoch, step) of the next batch, each counted from 0.
        log: losses of the unfinished epoch so far, one tensor (steps,) per term; empty between epochs.
        records: one `Record` per finished epoch.
    """
    phase, epoch, step = position
    state = {
        "settings": comparable(settings),
        "student": run.student.state_dict(),
        "loss": run.loss.state_dict(),
        "teacher": run.teacher.state_dict() if run.teacher is not None else {},  # its BN may run in train mode
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "phase": phase,
        "epoch": epoch,
        "step": step,
        "log": log,
        "records": [asdict(record) for record in records],
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path, run, settings) -> dict:
    """Put the saved weights into `run` and return the rest of the state.

    Raises:
        ValueError: the file belongs to a run with other settings, or to other networks.
    """
    state = torch.load(path, weights_only=True, map_location=next(run.student.parameters()).device)
    now = comparable(settings)
    different = [
        f"{key}: {state['settings'].get(key)} then, {now.get(key)} now"
        for key in dict.fromkeys([*now, *state["settings"]])
        if state["settings"].get(key) != now.get(key)
    ]
    if different:
        raise ValueError(
            f"{path} was written by a run with other settings ({'; '.join(different)}). "
            "Repeat the first command's settings, or choose another folder."
        )
    try:
        run.student.load_state_dict(state["student"])
        run.loss.load_state_dict(state["loss"])
        if run.teacher is not None:
            run.teacher.load_state_dict(state["teacher"])
    except RuntimeError as error:
        raise ValueError(f"{path} holds other networks than this run's; choose another folder. {error}") from None
    state["rng"] = state["rng"].cpu()
    return state


def comparable(settings) -> dict:
    """Settings that must be the same when a run goes on; where it is computed may change."""
    return {key: value for key, value in settings.described().items() if key not in ("device", "compile", "tf32")}
