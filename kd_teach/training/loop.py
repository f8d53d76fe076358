"""The only training loop. It knows phases and terms, and no method's name.

`train` is a generator of one `Record` per epoch: a notebook draws between epochs in a `for`, a script takes
`list(train(...))`. All that is random in an epoch follows from (seed, phase, epoch), so that a run interrupted
anywhere goes on from its checkpoint to the very same weights.
"""

import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from kd_teach._support.errors import NotFiniteError
from kd_teach._support.progress import bar
from kd_teach.data import Batch, Data, batches_per_epoch, training_batches
from kd_teach.methods.recipe import Phase, Run
from kd_teach.models.features import Features
from kd_teach.models.folding import folded
from kd_teach.training.checkpoint import load_checkpoint, save_checkpoint
from kd_teach.training.evaluation import split_accuracy
from kd_teach.training.interrupt import Interruptible
from kd_teach.training.malloc import keep_freed_memory
from kd_teach.training.precision import autocast, pick_device, pick_precision
from kd_teach.training.records import Record, State
from kd_teach.training.settings import Settings, epochs_of_phases, make_optimizer, rate_share

CHECK_EVERY = 25  # steps between looks at the losses: each look waits for the device
CAUSES = (
    "Usual causes: a learning rate too high for this loss (try a tenth), a weight made for another reduction (sum "
    "against mean), a division or square root at zero inside the loss, or images that were not normalised."
)


def train(
    run: Run, data: Data, settings: Settings, *, checkpoint: Path | None = None, forgiving: bool = False
) -> Iterator[Record]:
    """Train what `run` (a `Distiller` or `Alone`) declares; yield a `Record` after every epoch.

    Args:
        run: has `student`, `teacher` (or None), `loss` and `phases()`.
        data: its `train` split is learnt from, its `val` split is looked at after every epoch, `test` never.
        settings: epochs (shared out among the phases), batch size, learning rate, seed, device, precision.
        checkpoint: a file to save the state in after every epoch and on Ctrl-C. If it exists, training goes on
            from there (records that it holds are yielded again) to the same weights as without the interruption.
        forgiving: a checkpoint that is damaged or cannot be written is a warning, and training goes on without it.

    Ctrl-C ends after the current batch: the checkpoint is written, a record with `complete=False` is yielded,
    and the generator ends. A second Ctrl-C ends at once.

    Raises:
        FloatingPointError: a term is no longer finite; the message names term, step and usual causes.
        ValueError: fewer epochs than phases, or a checkpoint of another run.
        DamagedFileError, NotWrittenError: of the checkpoint.
    """
    to_device(run, settings)
    student = torch.compile(run.student) if settings.compile else run.student
    phases = run.phases()
    shares = epochs_of_phases(phases, settings)
    steps = batches_per_epoch(data, settings.batch_size)
    state = State()
    if checkpoint and checkpoint.exists():
        with warned(forgiving, "Training begins anew."):
            state = load_checkpoint(checkpoint, run, settings, shares, steps)
    yield from state.records
    for phase, epochs in list(zip(phases, shares, strict=True))[state.phase :]:
        teacher: Callable[[Tensor], Features] | None = (
            run.teacher if phase.teacher_mode == "train" else folded(run.teacher)
        )
        if settings.compile and teacher is not None:
            teacher = torch.compile(teacher)
        leg = Leg(run, data, settings, phase, epochs, steps, student, teacher, make_optimizer(phase, settings))
        if not (yield from train_phase(leg, state, checkpoint, forgiving)):
            return
    for module in (run.student, run.loss):
        module.eval().requires_grad_(True)


@contextmanager
def warned(forgiving: bool, then: str) -> Iterator[None]:
    """Turn an error of the block's file into a warning, if it may be forgiven."""
    try:
        yield
    except (OSError, ValueError) as problem:
        if not forgiving:
            raise
        warnings.warn(f"{problem} {then}", stacklevel=3)


def to_device(run: Run, settings: Settings) -> None:
    """Bring all modules where they are trained, in the memory format that is fastest there."""
    device = pick_device(settings.device)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if settings.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = settings.tf32  # PyTorch has it on
    if device.type == "cpu":
        keep_freed_memory()
    for module in modules_of(run):
        module.to(device).to(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Leg:
    """A phase under way: what does not change from its first step to its last."""

    run: Run
    data: Data
    settings: Settings
    phase: Phase
    epochs: int
    steps: int  # per epoch
    student: Callable[[Tensor], Features]  # those of the run as they are called: compiled, the teacher folded
    teacher: Callable[[Tensor], Features] | None
    optimizer: torch.optim.Optimizer


def train_phase(leg: Leg, state: State, checkpoint: Path | None, forgiving: bool) -> Generator[Record, None, bool]:
    """The epochs of a phase that are left; whether it came to its end (Ctrl-C did not)."""
    if state.optimizer is not None and state.rng is not None:  # in the first phase after a checkpoint
        leg.optimizer.load_state_dict(state.optimizer)
        torch.set_rng_state(state.rng)
        state.optimizer = state.rng = None
    while state.epoch < leg.epochs:
        with Interruptible() as ctrl_c:
            record = train_epoch(leg, state, ctrl_c)
        if checkpoint:
            with warned(forgiving, "Training goes on without it."):
                save_checkpoint(checkpoint, leg.run, leg.settings, leg.optimizer, state)
        yield record
        if ctrl_c.asked:
            return False
    state.phase, state.epoch = state.phase + 1, 0
    return True


def train_epoch(leg: Leg, state: State, ctrl_c: Interruptible) -> Record:
    """The steps of an epoch that are left, and its record; Ctrl-C cuts it short after a step."""
    set_moving(leg.phase, leg.run)  # every epoch: the reader may have switched modes between two of them
    batches = training_batches(
        leg.data,
        leg.settings.batch_size,
        seed=leg.settings.seed,
        epoch=1000 * state.phase + state.epoch,
        augment=leg.settings.augment,
        start=state.step,
        device=pick_device(leg.settings.device),
    )
    title = f"{leg.phase.name} {state.epoch + 1}/{leg.epochs}"
    with bar(batches, total=leg.steps, initial=state.step, desc=title, leave=False) as shown:
        started = time.perf_counter()
        for batch in shown:
            train_step(leg, state, batch)
            if ctrl_c.asked:
                break
        seconds = time.perf_counter() - started
    return close_epoch(leg, state, seconds)


def close_epoch(leg: Leg, state: State, seconds: float) -> Record:
    """The record of the epoch; if it is complete, the state moves on to the next one."""
    complete = state.step == leg.steps
    means = {name: values[: state.step].mean().item() for name, values in state.log.items()}
    record = Record(
        phase=leg.phase.name,
        epoch=state.epoch + 1,
        seconds=seconds,
        lr=leg.optimizer.param_groups[0]["lr"],
        loss=means.pop("loss"),
        terms=means,
        val_accuracy=split_accuracy(leg.run.student, leg.data.val, leg.data, leg.settings) if complete else math.nan,
        complete=complete,
    )
    if complete:
        state.records.append(record)
        state.epoch, state.step, state.log = state.epoch + 1, 0, {}
    return record


def train_step(leg: Leg, state: State, batch: Batch) -> None:
    """One step, its losses noted in the log; now and then a look whether all of them are still finite."""
    progress = (state.epoch + state.step / leg.steps) / leg.epochs
    try:
        terms = take_step(leg, batch, progress)
    except NotFiniteError as error:
        check_finite(state, leg.phase)  # an earlier step's term may have broken first
        raise NotFiniteError(
            f"A loss of phase {leg.phase.name!r} ({', '.join(leg.phase.weights)}) met NaN at step {state.step + 1} "
            f"of epoch {state.epoch + 1}. {error} {CAUSES}"
        ) from None
    for name, value in terms.items():
        state.log.setdefault(name, torch.full((leg.steps,), math.nan, device=value.device))[state.step] = value
    state.step += 1
    if state.step % CHECK_EVERY == 0 or state.step == leg.steps:
        check_finite(state, leg.phase)


def take_step(leg: Leg, batch: Batch, progress: float) -> dict[str, Tensor]:
    """One forward pass of both networks, one backward pass, one step of the optimiser; the terms and their sum."""
    phase, settings = leg.phase, leg.settings
    for group in leg.optimizer.param_groups:
        group["lr"] = settings.lr * phase.lr_scale * rate_share(progress, leg.epochs, settings)
    with autocast(batch.images.device, pick_precision(settings.precision, settings.device)):
        _, _, terms = phase.evaluate(leg.student, leg.teacher, batch)
    loss = phase.weigh(terms, progress)
    leg.optimizer.zero_grad()
    loss.backward()
    leg.optimizer.step()
    phase.after_step()
    return {name: value.detach() for name, value in [*terms.items(), ("loss", loss)]}


def modules_of(run: Run) -> list[nn.Module]:
    """Student, teacher if there is one, and the loss."""
    return [module for module in (run.student, run.teacher, run.loss) if module is not None]


def set_moving(phase: Phase, run: Run) -> None:
    """Freeze everything, then thaw what the phase trains; what is frozen is in eval mode."""
    for module in modules_of(run):
        module.eval().requires_grad_(False)
    if run.teacher is not None:
        run.teacher.train(phase.teacher_mode == "train")
    for module in phase.trains:
        module.train().requires_grad_(True)


def check_finite(state: State, phase: Phase) -> None:
    """Stop with an error that helps when one of the losses of this epoch so far is NaN or infinite."""
    finite = {name: values[: state.step].isfinite() for name, values in state.log.items()}
    broken = {name: int(good.int().argmin()) for name, good in finite.items() if not good.all()}
    if broken:
        name = min(broken, key=lambda name: broken[name])  # the first to break; later ones may only be its victims
        step = broken[name]
        raise FloatingPointError(
            f"The term {name!r} became {state.log[name][step].item()} at step {step + 1} of epoch {state.epoch + 1}, "
            f"phase {phase.name!r}. {CAUSES}"
        )
