"""One call from names to a trained student: `distill` with a teacher, `train_alone` without."""

import datetime
import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import cache as only_once
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from kd_teach._support.files import sha256, user_path, write_whole
from kd_teach._support.numbers import whole
from kd_teach._support.progress import say
from kd_teach.data import Data, batches_per_epoch, load_data
from kd_teach.measures.logits import accuracy, confusion
from kd_teach.methods.recipe import Recipe, Run
from kd_teach.models import create_model
from kd_teach.training.distiller import Alone, Distiller
from kd_teach.training.evaluation import predict
from kd_teach.training.fingerprint import code_of
from kd_teach.training.interrupt import Interruptible
from kd_teach.training.loop import train
from kd_teach.training.pairs import check_apart, for_one_run, note_trained, warn_if_trained
from kd_teach.training.precision import pick_device, pick_precision
from kd_teach.training.rate_check import (
    warn_if_labels_drown,
    warn_if_rate_is_high,
    warn_if_statistics_lag,
    well_tried,
)
from kd_teach.training.records import Record, history_table
from kd_teach.training.run_folder import (
    Place,
    Result,
    config_hash,
    environment,
    finish,
    history_file,
    weights_file,
    weights_fingerprint,
)
from kd_teach.training.settings import Settings, epochs_of_phases
from kd_teach.training.teachers import load_teacher, teacher_card

Make = Callable[[], nn.Module]


def distill(
    method: str | Recipe,
    *,
    student: str | nn.Module | Make = "resnet8",
    teacher: str | Path | nn.Module | Make,
    data: str | Path | Data,
    samples: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    cache: str | Path | None = None,
    options: dict | None = None,
    on_epoch: Callable[[Record], None] | None = None,
    **settings,
) -> Result:
    """Train a student under a teacher by one of the methods.

    Args:
        method: a name from `list_methods()`, or a `Recipe` of your own.
        student: a name from `list_models()`, or a function that makes a network of your own, called under the seed:
            `student=lambda: MyNetwork()`. A network is copied: what is trained is the copy in the result.
        teacher: a name from `list_teachers()`, the folder of a finished run, a network (copied) or a function.
        data: a name from `list_data()`, a folder of class folders, or what `load_data` returned.
        samples: how many training images to use, stratified; None takes all. Only with `data` by name.
        out: the run folder; None keeps nothing.
        resume: go on from a checkpoint in `out`, or, where the same run stands there finished, load it.
        cache: instead of `out`, a folder of many runs: this one lies there under a hash of its configuration and code
            (`kd_teach.training.fingerprint`). A finished one is loaded, which is said; an interrupted one goes on.
        options: what `Distiller` takes: variant, weight, task_weight, with_kd and the method's own options.
        on_epoch: called with the `Record` of every epoch, to print or draw it.
        settings: fields of `Settings`: epochs, seed, batch_size, lr, device, precision, ...

    Returns:
        A `Result`. The same seed and thread count give the same result; with `train_alone` under the same seed, student
        initialisation, batches and augmentation are the same too, so that the two can be compared as a pair.
    """
    how = Settings(**settings)
    data = _data(data, samples, how.seed)
    asked, (student_name, given, student) = student, _student(student, data, how.seed)
    teacher_name, teacher = _teacher(teacher, data, given)
    torch.manual_seed(how.seed)  # for what the loss itself learns
    run = Distiller(method, student=student, teacher=teacher, data=data, **(options or {}))
    what = {
        "method": run.recipe.name,
        "variant": run.variant,
        "options": {"weight": run.weight, "task_weight": run.task_weight} | named_functions(options or {}),
        "teacher": teacher_name,
        "teacher_weights": weights_fingerprint(run.teacher),
        "model": student_name,
    }
    return _carry_out(run, what, data, how, out, resume, cache, on_epoch, well_tried(asked, data, how))


def train_alone(
    student: str | nn.Module | Make = "resnet8",
    *,
    data: str | Path | Data,
    samples: int | None = None,
    label_smoothing: float = 0.0,
    out: str | Path | None = None,
    resume: bool = False,
    cache: str | Path | None = None,
    on_epoch: Callable[[Record], None] | None = None,
    **settings,
) -> Result:
    """Train a network on the labels only: the control of every comparison, and how teachers are made.

    `label_smoothing` is the share of every target that is spread evenly over all classes: the control that asks
    whether soft targets help when no teacher made them. Other arguments and the result are as for `distill`.
    """
    how = Settings(**settings)
    data = _data(data, samples, how.seed)
    asked, (student_name, _, student) = student, _student(student, data, how.seed)
    run = Alone(student, data, label_smoothing=label_smoothing)
    what = {"method": None, "label_smoothing": label_smoothing, "model": student_name}
    return _carry_out(run, what, data, how, out, resume, cache, on_epoch, well_tried(asked, data, how))


def _carry_out(
    run: Run, what: dict, data: Data, settings: Settings, out, resume: bool, cache, on_epoch, tried: bool
) -> Result:
    """Configure, refuse what cannot run, claim the folder, train, finish."""
    code, state = code_of(run, _train, _finish)
    if cache and state.unreadable:
        say_once(
            f"Nothing is kept in the cache of runs: {state.unreadable}, so that nobody could tell whether it is still "
            "the same. Write it in a file or in a cell of a notebook."
        )
        cache = None
    card = _configure(run, what, {"code": code.digest, "state": state.digest}, data, settings)
    _check(run, data, settings)
    folder = user_path(cache) / card["config_hash"] if cache else user_path(out) if out else None
    place = Place(folder, forgiving=bool(cache))
    with place.claimed(card, run.student, resume=resume or bool(cache)) as found:
        if found:
            note_trained(found.student, card["initial_weights"])
            name = f"{card['method'] or 'alone'}, {card['model']}, seed {settings.seed}"
            say(f"{name}: read from {'the cache' if cache else folder}, trained on {found.card['trained_on']}.")
            return found
        if not tried and not (place.checkpoint and place.checkpoint.exists()):
            warn_if_statistics_lag(run.student, data, settings)
            warn_if_rate_is_high(run.student, data, settings)
            if isinstance(run, Distiller):
                warn_if_labels_drown(run, data, settings)
        history, complete = _train(run, data, settings, place, on_epoch)
        note_trained(run.student, card["initial_weights"])
        if complete:
            return _finish(run.student, history, card, data, settings, place)
        if place.folder:
            again = "The same once more" if cache else "The same with resume=True or --resume"
            print(f"Stopped; the state is in {place.checkpoint}. {again} goes on from there.")
    return Result(run.student.eval(), history, math.nan, card)


@only_once
def say_once(text: str) -> None:
    """A warning that is not repeated in this process."""
    warnings.warn(text, stacklevel=4)


def _check(run: Run, data: Data, settings: Settings) -> None:
    """Refuse, before anything is written, what the first step would refuse."""
    epochs_of_phases(run.phases(), settings)
    batches_per_epoch(data, settings.batch_size)
    whole("augment.pad (--crop-pad)", settings.augment.pad, 0, min(data.train.images.shape[2:]))


def _configure(run: Run, what: dict, code: dict, data: Data, settings: Settings) -> dict:
    """The card of a run that has not begun: all that decides on its outcome, a hash of that, and the machine."""
    here = {
        "device": pick_device(settings.device).type,
        "precision": pick_precision(settings.precision, settings.device),
    }
    config = what | {
        "versions": {"kd_teach": version("kd-teach"), "torch": torch.__version__},
        "num_classes": data.num_classes,
        "classes": list(data.classes),
        "initial_weights": weights_fingerprint(run.student),
        "data": data.name,
        "samples": len(data.train),
        "data_fingerprint": data.fingerprint(),
        "images": {"size": list(data.image_size), "resized": data.resized},
        "normalisation": {"mean": list(data.mean), "std": list(data.std)},
        "settings": asdict(settings) | here,
        "cpu": processor_settings() if here["device"] == "cpu" else None,
        **code,
    }
    return config | {
        "config_hash": config_hash(config),
        "val_samples": len(data.val),
        "command": " ".join(["kd-teach", *sys.argv[1:]]) if Path(sys.argv[0]).name == "kd-teach" else None,
        "environment": environment(),
    }


def processor_settings() -> dict:
    """What is set for the whole process, and changes the last digits on a processor."""
    return {
        "threads": torch.get_num_threads(),  # sums are split among them
        "matmul_precision": torch.get_float32_matmul_precision(),
        "mkldnn": torch.backends.mkldnn.enabled,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _train(run: Run, data: Data, settings: Settings, place: Place, on_epoch) -> tuple[pd.DataFrame, bool]:
    """The history, and whether all epochs were trained to their end; with a folder, both are kept as they come."""
    torch.manual_seed(settings.seed)
    records = []
    with Interruptible() as between_epochs:  # within an epoch, train itself listens for Ctrl-C
        for record in train(run, data, settings, checkpoint=place.checkpoint, forgiving=place.forgiving):
            records.append(record)
            if on_epoch:
                on_epoch(record)
            if between_epochs.asked or not record.complete:
                break
    history = history_table(records)
    place.keep(lambda folder: write_whole(folder / "history.csv", history_file(history)))
    # Counted, for a Ctrl-C in the last batch of an epoch ends the loop after a complete record.
    return history, sum(record.complete for record in records) == sum(epochs_of_phases(run.phases(), settings))


def _finish(
    student: nn.Module, history: pd.DataFrame, card: dict, data: Data, settings: Settings, place: Place
) -> Result:
    """The outcome on the test images, and where there is a folder, all files of a finished run."""
    weights = weights_file(student)
    logits = predict(student, data.test, data, settings)
    card = card | {
        "test_accuracy": accuracy(logits, data.test.labels),
        "val_accuracy": history["val_accuracy"].iloc[-1],
        "confusion": confusion(logits, data.test.labels, data.num_classes).tolist(),
        "parameters": sum(p.numel() for p in student.parameters()),
        "seconds": round(history["seconds"].sum(), 1),
        "trained_on": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "weights_sha256": sha256(weights),
        "history_sha256": sha256(history_file(history)),
    }
    place.keep(partial(finish, weights=weights, history=history, card=card))
    return Result(student, history, card["test_accuracy"], card)


def named_functions(options: dict) -> dict:
    """The options as a card can hold them: a function by its name, for the hash of the code knows what it does."""
    return {name: getattr(value, "__name__", value) for name, value in options.items() if value is not None}


def _data(data, samples: int | None, seed: int) -> Data:
    if isinstance(data, Data):
        if samples is not None:
            raise ValueError("samples goes with data by name; for loaded data, pass it to load_data(..., samples=...).")
        return data
    return load_data(data, samples=samples, seed=seed)


def _teacher(teacher, data: Data, student: nn.Module) -> tuple[str, nn.Module]:
    """Its name and network; one that is named must have learnt the classes that the student is to learn.

    A network is copied, for some methods move its statistics; but first it is seen to be another than the student.
    """
    if callable(teacher):
        given, teacher = for_one_run(teacher, "teacher", 0)
        check_apart(student, given)
        return name_of(teacher), teacher
    card = teacher_card(teacher)
    learnt = card["classes"]
    if learnt != list(data.classes):
        raise ValueError(
            f"The teacher {teacher} learnt {', '.join(learnt)}; {data.name} has {', '.join(data.classes)}. Choose the "
            "teacher's data (--data), a teacher of these classes, or pass teacher=load_teacher(...) to insist."
        )
    theirs, ours = card.get("normalisation"), {"mean": list(data.mean), "std": list(data.std)}
    if theirs and any(abs(a - b) > 0.02 for key in ours for a, b in zip(theirs[key], ours[key], strict=True)):
        say_once(
            f"The teacher {teacher} learnt from images normalised by {theirs}; {data.name} is by {ours}, with "
            "which it knows less. Give the data its statistics: dataclasses.replace(data, mean=..., std=...)."
        )
    return str(teacher), load_teacher(teacher)


def _student(student, data: Data, seed: int) -> tuple[str, nn.Module, nn.Module]:
    """Its name, the network as it was given or made, and the one to train."""
    if callable(student):
        given, own = for_one_run(student, "student", seed)
        warn_if_trained(given)
        return name_of(own), given, own
    torch.manual_seed(seed)
    made = create_model(student, num_classes=data.num_classes)
    return student, made, made


def name_of(network: nn.Module) -> str:
    return getattr(network, "name", type(network).__name__)
