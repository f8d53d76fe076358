"""The first thing to run: a student that learns under a teacher beats its twin that learns alone.

Everything is on board: shapes10 is drawn here, its teacher ships with the package. Student and twin start from the
same weights and see the same batches; only the loss differs. The budget is so small that the twin hardly learns
anything from the labels, while hints (FitNet, trained jointly) show the student at once what to look for. Soft
targets alone (KD) do not help this early, and the twin learns only with more images and epochs.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import kd_teach.plots as plots
from kd_teach._support.files import user_path
from kd_teach.data import load_data
from kd_teach.measures.logits import accuracy
from kd_teach.training.evaluation import predict
from kd_teach.training.experiment import distill, train_alone
from kd_teach.training.run_folder import Result
from kd_teach.training.teachers import load_teacher

TEACHER, STUDENT = "shapes10/resnet20", "resnet8"


def demo(
    out: str | Path | None = None, *, seeds: tuple[int, ...] = (0,), samples: int = 2000, epochs: int = 5
) -> pd.DataFrame:
    """Train both students per seed on shapes10 and compare them with the teacher on the test images.

    Args:
        out: a PNG to save the comparison in; None saves nothing.
        seeds: one pair of students each.
        samples, epochs: the budget of every student; the default fits into 90 s on two old CPU cores.

    Returns:
        One row each for teacher, student alone and student distilled: accuracy (mean over the seeds, in percent),
        parameters, seconds of training per student.
    """
    if out:
        out = user_path(out)
        out.parent.mkdir(parents=True, exist_ok=True)  # now, not after a minute of training
    teacher = load_teacher(TEACHER)
    alone, distilled = [], []
    for seed in seeds:
        data = load_data("shapes10", samples=samples, val=0, seed=seed)
        budget = {"data": data, "epochs": epochs, "seed": seed, "batch_size": 32}
        hints = {"teacher": teacher, "options": {"variant": "repdistiller"}}
        alone.append(completed(train_alone(STUDENT, **budget)))
        distilled.append(completed(distill("fitnet", student=STUDENT, **hints, **budget)))
    teacher_accuracy = accuracy(predict(teacher, data.test, data), data.test.labels)
    accuracies = {
        "teacher": [teacher_accuracy],
        "student alone": [result.test_accuracy for result in alone],
        "student distilled": [result.test_accuracy for result in distilled],
    }
    if out:
        with plt.rc_context(plots.STYLE):
            figure = plots.accuracy_bars(accuracies).figure
            figure.savefig(out)
        plt.close(figure)
    networks = [teacher, alone[0].student, distilled[0].student]
    return pd.DataFrame(
        {
            "accuracy %": [100 * sum(values) / len(values) for values in accuracies.values()],
            "parameters": [sum(p.numel() for p in network.parameters()) for network in networks],
            "seconds": [None, *(sum(r.card["seconds"] for r in runs) / len(runs) for runs in (alone, distilled))],
        },
        index=[f"teacher ({TEACHER})", f"{STUDENT} alone", f"{STUDENT} distilled (hints)"],
    )


def completed(result: Result) -> Result:
    """The result of a run that was not cut short: half a comparison is none, so Ctrl-C ends the demo."""
    if not result.complete:
        raise KeyboardInterrupt
    return result
