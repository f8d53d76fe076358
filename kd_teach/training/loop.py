"""The only training loop. It knows phases and terms, and no method's name.

`train` is a generator of one `Record` per epoch: a notebook draws between epochs in a `for`, a script takes
`list(train(...))`. All that is random in an epoch follows from (seed, phase, epoch), so that a run interrupted
anywhere goes on from its checkpoint to the very same weights.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from kd_teach._support.errors import NotFiniteError
from kd_teach._support.progress import bar
from kd_teach.data import Batch, Data, batches_per_epoch, training_batches
from kd_teach.methods.recipe import Phase
from kd_teach.models.folding import folded
from kd_teach.training.checkpoint import load_checkpoint, save_checkpoint
from kd_teach.training.evaluation import split_accuracy
from kd_teach.training.interrupt import Interruptible
from kd_teach.training.malloc import keep_freed_memory
from kd_teach.training.precision import autocast, pick_device, pick_precision
from kd_teach.training.settings import Settings, epochs_of_phases, make_optimizer, rate_share

CHECK_EVERY = 25  # steps between looks at the losses: each look waits for the device
CAUSES = (
    "Usual causes: a learning rate too high for this loss (try a tenth), a weight made for another reduction (sum "
    "against mean), a division or square root at zero inside the loss, or images that were not normalised."
)


@dataclass(frozen=True)
class Record:
    """One epoch: unweighted means of the named terms, their weighted sum, and accuracy on the validation split."""

    phase: str
    epoch: int  # counted from 1 within the phase
    seconds: float
    lr: float  # at the epoch's last step
    terms: dict[str, float]
    loss: float
    val_accuracy: float  # share of images, NaN without a validation split
    complete: bool = True  # False: interrupted in the middle of this epoch

    def row(self) -> dict:
        """The record as one flat row of a history table."""
        return {
            "phase": self.phase,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "lr": self.lr,
            **self.terms,
            "loss": self.loss,
            "val_accuracy": self.val_accuracy,
        }


def history_table(records: Sequence[Record]) -> pd.DataFrame:
    """Records as a table: phase, epoch, seconds, lr, a column per term, loss, val_accuracy."""
    table = pd.DataFrame([record.row() for record in records])
    return table[[c for c in table if c not in ("loss", "val_accuracy")] + ["loss", "val_accuracy"]]


def train(run, data: Data, settings: Settings, *, checkpoint: Path | None = None) -> Iterator[Record]:
    """Train what `run` (a `Distiller` or `Alone`) declares; yield a `Record` after every epoch.

    Args:
        run: has `student`, `teacher` (or None), `loss` and `phases()`.
        data: its `train` split is learnt from, its `val` split is looked at after every epoch, `test` never.
        settings: epochs (shared out among the phases), batch size, learning rate, seed, device, precision.
        checkpoint: a file to save the state in after every epoch and on Ctrl-C. If it exists, training goes on
            from there (records that it holds are yielded again) to the same weights as without the interruption.

    Ctrl-C ends after the current batch: the checkpoint is written, a record with `complete=False` is yielded,
    and the generator ends. A second Ctrl-C ends at once.

    Raises:
        FloatingPointError: a term is no longer finite; the message names term, step and usual causes.
        ValueError: fewer epochs than phases, or a checkpoint of another run.
    """
    device = pick_device(settings.device)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if settings.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = settings.tf32  # PyTorch has it on
    if device.type == "cpu":
        keep_freed_memory()
    for module in modules_of(run):
        module.to(device, memory_format=torch.channels_last)
    forward = torch.compile if settings.compile else (lambda module: module)
    student = forward(run.student)
    phases = run.phases()
    shares = epochs_of_phases(phases, settings)
    steps = batches_per_epoch(data, settings.batch_size)

    state = load_checkpoint(checkpoint, run, settings) if checkpoint and checkpoint.exists() else None
    records = [Record(**row) for row in state["records"]] if state else []
    yield from records
    for number, (phase, epochs) in enumerate(zip(phases, shares, strict=True)):
        if state and number < state["phase"]:
            continue
        optimizer = make_optimizer(phase, settings)
        teacher = run.teacher if phase.teacher_mode == "train" else folded(run.teacher)
        networks = student, teacher and forward(teacher)
        first_epoch, step, log = 0, 0, {}
        if state:
            first_epoch, step, log = state["epoch"], state["step"], state["log"]
            optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["rng"])
            state = None
        for epoch in range(first_epoch, epochs):
            set_moving(phase, run)  # every epoch: the reader may have switched modes between two of them
            batches = training_batches(
                data,
                settings.batch_size,
                seed=settings.seed,
                epoch=1000 * number + epoch,
                augment=settings.augment,
                start=step,
                device=device,
            )
            with (
                Interruptible() as ctrl_c,
                bar(
                    batches, total=steps, initial=step, desc=f"{phase.name} {epoch + 1}/{epochs}", leave=False
                ) as shown,
            ):
                started = time.perf_counter()
                for batch in shown:
                    progress = (epoch + step / steps) / epochs
                    try:
                        terms = take_step(phase, networks, optimizer, batch, progress, epochs, settings)
                    except NotFiniteError as error:
                        check_finite(log, step, phase, epoch)  # an earlier step's term may have broken first
                        raise NotFiniteError(
                            f"A loss of phase {phase.name!r} ({', '.join(phase.weights)}) met NaN at step {step + 1} "
                            f"of epoch {epoch + 1}. {error} {CAUSES}"
                        ) from None
                    for name, value in terms.items():
                        log.setdefault(name, torch.full((steps,), math.nan, device=device))[step] = value
                    step += 1
                    if step % CHECK_EVERY == 0 or step == steps:
                        check_finite(log, step, phase, epoch)
                    if ctrl_c.asked:
                        break
                seconds = time.perf_counter() - started
                complete = step == steps
                means = {name: values[:step].mean().item() for name, values in log.items()}
                record = Record(
                    phase=phase.name,
                    epoch=epoch + 1,
                    seconds=seconds,
                    lr=optimizer.param_groups[0]["lr"],
                    loss=means.pop("loss"),
                    terms=means,
                    val_accuracy=split_accuracy(run.student, data.val, data, settings) if complete else math.nan,
                    complete=complete,
                )
            if complete:
                records.append(record)
                step, log = 0, {}
            if checkpoint:
                position = (number, epoch + int(complete), step)
                save_checkpoint(checkpoint, run, settings, optimizer, position, log, records)
            yield record
            if ctrl_c.asked:
                return
    for module in (run.student, run.loss):
        module.eval().requires_grad_(True)


def take_step(
    phase: Phase, networks, optimizer, batch: Batch, progress: float, epochs: int, settings: Settings
) -> dict[str, Tensor]:
    """One forward pass of both networks, one backward pass, one step of the optimiser; the terms and their sum."""
    for group in optimizer.param_groups:
        group["lr"] = settings.lr * phase.lr_scale * rate_share(progress, epochs, settings)
    student, teacher = networks
    with autocast(batch.images.device, pick_precision(settings.precision, settings.device)):
        s = student(batch.images) if phase.student_runs else None
        # Not inference_mode: autograd cannot save its tensors, and most losses multiply student with teacher.
        with torch.no_grad():
            t = teacher(batch.images) if phase.teacher_runs else None
    terms = phase.objective(s, t, batch)
    loss = phase.weigh(terms, progress)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    phase.after_step()
    return {name: value.detach() for name, value in [*terms.items(), ("loss", loss)]}


def modules_of(run) -> list[nn.Module]:
    """Student, teacher if there is one, and the loss."""
    return [module for module in (run.student, run.teacher, run.loss) if module is not None]


def set_moving(phase: Phase, run) -> None:
    """Freeze everything, then thaw what the phase trains; what is frozen is in eval mode."""
    for module in modules_of(run):
        module.eval().requires_grad_(False)
    if run.teacher is not None:
        run.teacher.train(phase.teacher_mode == "train")
    for module in phase.trains:
        module.train().requires_grad_(True)


def check_finite(log: dict[str, Tensor], step: int, phase: Phase, epoch: int) -> None:
    """Stop with an error that helps when one of the losses so far is NaN or infinite."""
    finite = {name: values[:step].isfinite() for name, values in log.items()}
    broken = {name: int(good.int().argmin()) for name, good in finite.items() if not good.all()}
    if broken:
        name = min(broken, key=broken.get)  # the first to break; later ones may only be its victims
        step = broken[name]
        raise FloatingPointError(
            f"The term {name!r} became {log[name][step].item()} at step {step + 1} of epoch {epoch + 1}, phase "
            f"{phase.name!r}. {CAUSES}"
        )
