"""What a notebook trains on: one helper that turns a budget into data, teacher and epochs.

    KD_TEACH_BUDGET=smoke     a handful of images of shapes10: does every cell run? (the tests' choice)
    KD_TEACH_BUDGET=lesson    10,000 images, 6 epochs: minutes per student on a laptop (the default)
    KD_TEACH_BUDGET=full      the whole data set and the papers' 240 epochs: for a GPU
    KD_TEACH_DATASET          "cifar10" or "shapes10"; left out, CIFAR-10 where it lies on this machine or where
                              KD_TEACH_DATA says that it does, else shapes10

Runs are kept in the cache folder under a hash of their whole configuration and of the code that makes them, so that a
baseline trained in one notebook is there at once in the next, and an edited loss is trained anew. `kd-teach runs` lists
them.
"""

import os
from dataclasses import dataclass

from torch import nn

from kd_teach._support.errors import unknown
from kd_teach._support.files import cache_dir
from kd_teach.course.results import finding
from kd_teach.data import Data, load_data
from kd_teach.data.cifar import find_cifar
from kd_teach.study.findings import Finding
from kd_teach.training.budgets import BUDGETS, lesson_weight
from kd_teach.training.experiment import distill, train_alone
from kd_teach.training.run_folder import Result
from kd_teach.training.teachers import load_teacher


@dataclass(frozen=True)
class Lesson:
    """Data, teacher and budget of a notebook, and two calls that train within them."""

    budget: str
    data: Data
    teacher: nn.Module  # frozen, in eval mode
    teacher_name: str
    student_name: str
    epochs: int

    def train_alone(self, *, seed: int = 0) -> Result:
        """The student on labels only; read from the cache if this very run was made before."""
        return train_alone(self.student_name, data=self.data, epochs=self.epochs, seed=seed, cache=cache_dir() / "runs")

    def distill(self, method: str = "kd", *, seed: int = 0, **options) -> Result:
        """The student under the teacher; read from the cache if this very run was made before.

        `options` are those of `Distiller`: variant, weight, task_weight, with_kd, an equation of your own, and the
        method's. Without a weight, it is the one tuned for short trainings of that variant on these data
        (`kd_teach.training.budgets`), or the published one where that variant was not tuned. The full budget keeps the
        published weights, which were made for it.
        """
        if self.budget != "full" and isinstance(method, str) and "weight" not in options:
            tuned = lesson_weight(method, self.data.name, options.get("variant"))
            options |= {} if tuned is None else {"weight": tuned}
        return distill(
            method,
            student=self.student_name,
            teacher=self.teacher_name,
            data=self.data,
            options=options,
            epochs=self.epochs,
            seed=seed,
            cache=cache_dir() / "runs",
        )

    def finding(self, method: str, baseline: str = "alone") -> Finding:
        """What the shipped study says of a method on this lesson's data and budget; print it."""
        return finding(method, baseline, data=self.data.name, budget=self.budget)

    def __str__(self) -> str:
        return (
            f"Budget {self.budget!r}: {self.student_name} under {self.teacher_name}, "
            f"{len(self.data.train):,} training images of {self.data.name}, {self.epochs} epochs."
        )


def lesson(
    budget: str | None = None, dataset: str | None = None, *, student: str = "resnet8", teacher: str = "resnet20"
) -> Lesson:
    """What a notebook trains on; printed in its first cell.

    Args:
        budget: "smoke", "lesson" or "full"; None reads KD_TEACH_BUDGET.
        dataset: "cifar10" or "shapes10"; None reads KD_TEACH_DATASET, or else takes CIFAR-10 if it is there.
        student: a name from `list_models()`.
        teacher: the network of a shipped teacher for that data set.
    """
    budget = budget or os.environ.get("KD_TEACH_BUDGET", "lesson")
    if budget not in BUDGETS:
        raise unknown("budget", budget, BUDGETS)
    size = BUDGETS[budget]
    dataset = dataset or os.environ.get("KD_TEACH_DATASET")
    if not dataset:
        asked = os.environ.get("KD_TEACH_DATA") or find_cifar("cifar10")  # where it was asked for, it must be found
        dataset = "cifar10" if asked and budget != "smoke" else "shapes10"
    data = load_data(dataset, samples=size.samples, val=size.val)
    teacher_name = f"{data.name}/{teacher}"
    return Lesson(budget, data, load_teacher(teacher_name), teacher_name, student, size.epochs)
