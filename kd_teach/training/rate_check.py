"""Will this student be spoilt? Short trainings of two copies tell of the learning rate, batch norms of themselves.

And one batch tells whether a method's loss would drown the labels.
"""

import copy
import math
import warnings
from dataclasses import replace
from itertools import chain, islice

import torch
import torch.nn.functional as F
from torch import nn

from kd_teach.data import Data, batches_per_epoch, list_data, plain_batches, training_batches
from kd_teach.training.distiller import Alone, Distiller
from kd_teach.training.gradients import gradient_norms
from kd_teach.training.loop import Leg, set_moving, take_step, to_device
from kd_teach.training.precision import autocast, pick_device, pick_precision
from kd_teach.training.run_folder import weights_fingerprint
from kd_teach.training.settings import Settings, make_optimizer

STEPS = 20
BATCH = 32  # at most: two times STEPS such batches are 2 % of the images that a lesson trains on
HELD = 128
CLEARLY = 1.15  # times the loss at a tenth of the rate: up to 1.12 where no harm was done, from 1.21 where it was

USUAL = 0.1  # the momentum of PyTorch's batch norms: with it a lesson's statistics are all its own
LAG = 0.05  # of the running statistics that are still those of the start: more than that takes an accuracy away

LOUD = 20  # times the labels' gradient: KD's 11 to 14 did torchvision's networks no harm, SP's 25 held one at chance
AUDIBLE = 5  # the same, at the weight that the warning names

LOOKED_AT: set[tuple] = set()  # in this process: methods and controls that begin with one student are warned once


def well_tried(student: object, data: Data, settings: Settings) -> bool:
    """One of our networks, fresh, on one of our data sets at no more than the default rate: every lesson is that."""
    return isinstance(student, str) and data.name in list_data() and settings.lr <= Settings.lr


def warn_if_rate_is_high(student: nn.Module, data: Data, settings: Settings) -> None:
    """A warning, if a tenth of the learning rate leaves a clearly smaller loss behind. Only copies are trained.

    They go through the whole schedule in `STEPS` steps, on the labels alone. What counts is the loss of images that
    were not trained on, as far as it is below that of guessing: some fresh networks explode at first and learn well
    later. Not looked at: a training of no more steps, a network that cannot be copied, and the same once more.
    """
    steps = settings.epochs * batches_per_epoch(data, settings.batch_size)
    which = weights_fingerprint(student), data.fingerprint(), settings
    if steps <= STEPS or which in LOOKED_AT:
        return
    LOOKED_AT.add(which)
    with warnings.catch_warnings(action="ignore"), torch.random.fork_rng():  # the run itself warns and draws as ever
        try:
            asked = held_loss(student, data, settings)
            tenth = held_loss(student, data, replace(settings, lr=settings.lr / 10))
        except (RuntimeError, TypeError):
            return
    if not math.isfinite(asked) or min(asked, math.log(data.num_classes)) > CLEARLY * tenth:
        warnings.warn(
            f"lr={settings.lr:g} looks too high for this student: {STEPS} trial steps end at a loss of {asked:.3g} on "
            f"other images, at a tenth of the rate at {tenth:.3g}. Trained networks want less, and so do many on few "
            f"images: try lr={settings.lr / 10:g}.",
            stacklevel=4,
        )


def warn_if_statistics_lag(student: nn.Module, data: Data, settings: Settings) -> None:
    """A warning, if fresh batch norms are so slow that at the end of the training they do not know the images yet."""
    steps = settings.epochs * batches_per_epoch(data, settings.batch_size)
    slow = [
        layer.momentum
        for layer in student.modules()
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
        and layer.running_mean is not None
        and not layer.running_mean.any()  # fresh: those of a trained network know its images
        and layer.momentum is not None  # None: a plain mean over all steps
        and layer.momentum < USUAL
    ]
    if slow and (left := (1 - min(slow)) ** steps) > LAG:
        warnings.warn(
            f"{len(slow)} batch norms of this student have a momentum of {min(slow):g}: after {steps} steps "
            f"{left:.0%} of their running statistics will be what they began with, and a network that is evaluated by "
            f"those can end at chance. Give them PyTorch's {USUAL:g}: for m in network.modules(): if isinstance(m, "
            f"nn.BatchNorm2d): m.momentum = {USUAL:g}",
            stacklevel=4,
        )


def warn_if_labels_drown(run: Distiller, data: Data, settings: Settings) -> None:
    """A warning, if on one batch the method's loss pulls at the student far harder than the labels beside it.

    Looked at is the first phase that has both. A copy is asked, on the CPU; one that cannot be copied is passed over,
    as is what fails on this batch: the training will say so with more words.
    """
    both = [phase.name for phase in run.phases() if {"task", "distil"} <= set(phase.weights)]
    if not both:
        return
    batch = next(iter(training_batches(data, settings.batch_size, seed=settings.seed, epoch=0)))
    with warnings.catch_warnings(action="ignore"):
        try:
            norms = gradient_norms(run, batch, phase=both[0])["weighted"]
        except (RuntimeError, TypeError, ValueError, ArithmeticError):
            return
    if norms["task"] > 0 and (louder := norms["distil"] / norms["task"]) > LOUD:
        warnings.warn(
            f"At weight={run.weight:g} the gradient of {run.recipe.name} is {louder:,.0f} times as large as the "
            f"labels' on the first batch: such a student may learn nothing else. "
            f"weight={run.weight * AUDIBLE / louder:.2g} would leave {AUDIBLE} times.",
            stacklevel=4,
        )


def held_loss(student: nn.Module, data: Data, settings: Settings) -> float:
    """Cross-entropy of a copy after `STEPS` steps, on validation images; on training images where these are few."""
    device = pick_device(settings.device)
    settings = replace(settings, batch_size=min(settings.batch_size, BATCH), compile=False)
    run = Alone(copy.deepcopy(student), data)
    to_device(run, settings)
    (phase,) = run.phases()
    set_moving(phase, run)
    per_epoch = batches_per_epoch(data, settings.batch_size)
    leg = Leg(
        run, data, settings, phase, settings.epochs, per_epoch, run.student, None, make_optimizer(phase, settings)
    )
    epochs = (
        training_batches(
            data, settings.batch_size, seed=settings.seed, epoch=e, augment=settings.augment, device=device
        )
        for e in range(STEPS)
    )
    for step, batch in enumerate(islice(chain.from_iterable(epochs), STEPS)):
        take_step(leg, batch, step / STEPS)
    split = data.val if len(data.val) >= BATCH else data.train
    held = next(plain_batches(split.sample(min(HELD, len(split))), data, device=device))
    # Batch norms in train mode: their running statistics lag behind in so few steps.
    with torch.no_grad(), autocast(device, pick_precision(settings.precision, settings.device)):
        logits = run.student(held.images).logits
    return F.cross_entropy(logits.float(), held.labels).item()
