"""Carrying out a cell: training, measuring, and the row of the table that comes of it."""

import functools
import json
import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from kd_teach._support.errors import NotWrittenError
from kd_teach._support.files import read_json, write_whole
from kd_teach.data import Data, load_data
from kd_teach.measures.calibration import temperature_scaling
from kd_teach.measures.logits import agreement, expected_calibration_error
from kd_teach.study.cells import CONFIGURATION, Cell
from kd_teach.study.peak_memory import PeakMemory
from kd_teach.training.evaluation import predict
from kd_teach.training.experiment import distill, train_alone
from kd_teach.training.fingerprint import fingerprint
from kd_teach.training.run_folder import Result, weights_fingerprint
from kd_teach.training.settings import Settings
from kd_teach.training.teachers import load_teacher

MEASURED: tuple[str, ...] = ("test_accuracy", "val_accuracy", "agreement", "ece", "temperature", "ece_scaled")
MEASURED += ("seconds_per_epoch", "peak_mb", "config_hash")
COLUMNS = CONFIGURATION + MEASURED  # and "code", which a table keeps at its end
TEACHERS_SAY: dict[tuple, Tensor] = {}  # logits (N, K) of the last teacher on the test images, for many cells


class Row(NamedTuple):
    """What a cell gives back."""

    columns: dict  # `COLUMNS` and code; None where there is nothing to say
    trained: bool  # False: the run was found finished


def carry_out(cell: Cell, runs: Path) -> Row:
    """Train the run of a cell, or go on with it, or find it finished in `runs`; then measure it.

    The run lives in `runs/<config_hash>` as every run in a cache does; the measurements stand beside its card in
    cell.json and are made once.

    Raises:
        KeyboardInterrupt: Ctrl-C came; the run's state is kept.
        Whatever `distill` raises.
    """
    data = cell_data(cell.data, cell.samples, cell.val, cell.select)
    settings = Settings(epochs=cell.epochs, seed=cell.seed, **cell.settings)
    memory = PeakMemory(settings.device)
    how: dict[str, Any] = {"data": data, "epochs": cell.epochs, "seed": cell.seed, **cell.settings}
    how |= {"cache": runs, "on_epoch": memory.note}
    if cell.is_control:
        result = train_alone(cell.student, label_smoothing=cell.label_smoothing, **how)
    else:
        options = cell.distil_options()
        result = distill(cell.method, student=cell.student, teacher=cell.teacher, options=options, **how)
    if not result.complete:
        raise KeyboardInterrupt
    card = result.card
    measured = measure(result, cell, data, settings, memory, runs / card["config_hash"] / "cell.json")
    columns = cell.columns() | {"samples": len(data.train)} | measured
    columns |= {name: card[name] for name in ("test_accuracy", "val_accuracy", "config_hash")}
    columns |= {"code": card["code"][:8]}
    return Row({name: none_for_nan(columns[name]) for name in (*COLUMNS, "code")}, memory.trained)


def measure(result: Result, cell: Cell, data: Data, settings: Settings, memory: PeakMemory, file: Path) -> dict:
    """agreement, ece, ece_scaled (shares of 1), temperature, seconds_per_epoch, peak_mb: read from `file`, or made.

    Agreement is kept per teacher, as a control's run is compared with more than one; all of it for the code that
    measured it.
    """
    code = fingerprint(predict, agreement, temperature_scaling).digest
    teacher = load_teacher(cell.teacher)
    weights = weights_fingerprint(teacher)
    kept = read_measured(file)
    if kept.get("code") != code:
        kept = kept | {"code": code, "agreement": {}}
    if weights not in kept["agreement"]:
        logits = predict(result.student, data.test, data, settings)
        asked = (weights, data.fingerprint(), settings.device, settings.precision, code)
        if asked not in TEACHERS_SAY:
            TEACHERS_SAY.clear()
            TEACHERS_SAY[asked] = predict(teacher, data.test, data, settings)
        if not kept["agreement"]:
            kept |= calibration(result, logits, data, settings)
            kept["seconds_per_epoch"] = round(result.history["seconds"].mean(), 3)
            kept["peak_mb"] = kept.get("peak_mb") if memory.peak_mb is None else round(memory.peak_mb, 1)
        kept["agreement"][weights] = agreement(logits, TEACHERS_SAY[asked])
        try:
            write_whole(file, json.dumps(kept, indent=1) + "\n")
        except NotWrittenError as problem:
            warnings.warn(f"{problem} The cell is measured anew the next time.", stacklevel=2)
    return kept | {"agreement": kept["agreement"][weights]}


def calibration(result: Result, logits: Tensor, data: Data, settings: Settings) -> dict:
    """ece of the test logits, and what temperature scaling on the validation images makes of it; None without any."""
    if not len(data.val):
        ece = expected_calibration_error(logits, data.test.labels)
        return {"ece": round(ece, 6), "temperature": None, "ece_scaled": None}
    val_logits = predict(result.student, data.val, data, settings)
    found = temperature_scaling(val_logits, data.val.labels, logits, data.test.labels)
    return {name: round(value, 6) for name, value in found._asdict().items()}


def read_measured(file: Path) -> dict:
    """What cell.json holds; without any agreement if it is not there, or damaged: it is soon made again."""
    try:
        kept = read_json(file, {"agreement": dict, "ece": float, "seconds_per_epoch": float}, "It is made again.")
        return kept | {"peak_mb": kept.get("peak_mb")}
    except FileNotFoundError:
        pass
    except OSError as problem:
        warnings.warn(str(problem), stacklevel=2)
    return {"agreement": {}}


@functools.lru_cache(maxsize=2)
def cell_data(name: str, samples: int | None, val: int | None, select: bool) -> Data:
    """The images of a cell, read once in a study; with `select`, validation images stand in for the test images."""
    data = load_data(name, samples=samples, val=val)
    return replace(data, test=data.val) if select else data


def none_for_nan(value):
    return None if isinstance(value, float) and math.isnan(value) else value
