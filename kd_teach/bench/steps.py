"""What a method costs: seconds and memory of the steps of its lesson, alone and without an evaluation.

The methods take turns, a few steps each, round after round: a machine whose speed drifts favours none, and the median
over the rounds forgets a round that was disturbed. The seconds in a study's table are those of whole runs, some of them
beside other work; these are meant for a machine that does nothing else, and are kept in a table of their own.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from statistics import median

import pandas as pd
import torch

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import whole
from kd_teach._support.progress import bar
from kd_teach.bench.timing import peak_memory
from kd_teach.data import Data, batches_per_epoch, noise
from kd_teach.methods import list_methods
from kd_teach.methods.recipe import Run
from kd_teach.models import create_model
from kd_teach.training.budgets import BUDGETS, tuned_variant
from kd_teach.training.distiller import Alone, Distiller
from kd_teach.training.loop import train
from kd_teach.training.records import Record
from kd_teach.training.settings import Settings, epochs_of_phases

ALONE = "alone"
LESSON = BUDGETS["lesson"]
IMAGES, CLASSES = 10_000, 10  # as many as a lesson has: CRD's banks grow with them


def bench_steps(
    methods: Iterable[str] | None = None,
    *,
    rounds: int = 5,
    steps: int = 20,
    device: str = "cpu",
    precision: str = "auto",
) -> pd.DataFrame:
    """Time a few steps of each phase of each method in turn, resnet8 under resnet20, batches of 64 noise images.

    Args:
        methods: "alone" and names of methods; all if left out. Methods are in the variant that a lesson has.
        rounds: how often each has its turn; one more before them is not counted.
        steps: of each phase and turn.
        device: "cpu" or "cuda".
        precision: as for `Settings`.

    Returns:
        A row per method and phase: method, variant, phase, epochs (of a lesson), ms_per_step (median over the rounds),
        fastest and slowest (of the rounds, ms), seconds (of the phase's epochs in a lesson, steps alone) and peak_mb
        (10^6 bytes that a step takes on top of networks and images).

    Raises:
        ValueError: an unknown method, no rounds, or no steps.
    """
    known = (ALONE, *list_methods())
    names = list(methods or known)
    if wrong := [name for name in names if name not in known]:
        raise unknown("method", wrong[0], known)
    rounds, steps = whole("rounds", rounds, 1), whole("steps", steps, 1)
    data, asked = noise(IMAGES, CLASSES), Settings(epochs=LESSON.epochs)
    settings = Settings(epochs=1, initial_epochs=1, batch_size=asked.batch_size, device=device, precision=precision)
    some, one = (replace(data, train=data.train.select(slice(n * settings.batch_size))) for n in (steps, 1))
    runs = {name: lesson_run(name, data) for name in names}
    turns = [{name: every_phase(run, some, settings) for name, run in runs.items()} for _ in bar(range(rounds + 1))][1:]
    per_epoch, rows = batches_per_epoch(data, settings.batch_size), []
    for name, run in runs.items():
        peak, _ = peak_memory(partial(every_phase, run, one, settings), device)
        for number, epochs in enumerate(epochs_of_phases(run.phases(), asked)):
            seconds = [turn[name][number].seconds / steps for turn in turns]
            row = {"method": name, "variant": getattr(run, "variant", ""), "phase": turns[0][name][number].phase}
            row |= {"epochs": epochs, "ms_per_step": 1e3 * median(seconds)}
            row |= {"fastest": 1e3 * min(seconds), "slowest": 1e3 * max(seconds)}
            rows.append(row | {"seconds": median(seconds) * per_epoch * epochs, "peak_mb": peak / 1e6})
    return pd.DataFrame(rows).round({"ms_per_step": 3, "fastest": 3, "slowest": 3, "seconds": 2, "peak_mb": 1})


def lesson_run(name: str, data: Data) -> Run:
    """A student as a lesson trains it; all networks are untrained, which changes no step's time."""
    torch.manual_seed(0)
    student, teacher = (create_model(network, num_classes=CLASSES) for network in ("resnet8", "resnet20"))
    if name == ALONE:
        return Alone(student, data)
    return Distiller(name, student=student, teacher=teacher.eval(), data=data, variant=tuned_variant(name))


def every_phase(run: Run, data: Data, settings: Settings) -> list[Record]:
    """One epoch of each phase."""
    records = list(train(run, data, settings))
    if not all(record.complete for record in records):
        raise KeyboardInterrupt
    return records


def circumstances() -> str:
    """In words, what a table of these times holds for; with a warning where the machine has other work."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    busy = f" The machine has other work (load {load:.1f}): these are too long." if load > 0.5 else ""
    return f"{torch.get_num_threads()} thread(s), PyTorch {torch.__version__}.{busy}"
