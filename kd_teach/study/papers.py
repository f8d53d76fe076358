"""The known CIFAR-100 table at its own scale: teacher, fourteen students, and the gap to what was reported.

`kd-teach paper <pair>` prints how many GPU hours it will take, trains the teacher, then the students by the study
`cifar100_<pair>`, and compares. Every part that is there already is not trained again.

Schedule, momentum, weight decay and weights are the benchmark's. What differs from its code: the ragged last batch is
dropped (16 of 50,000 images, others in each epoch), random numbers are other ones, and what each method's file says
under "Differs": FT's first phase is scaled, AB moves a WRN's last batch norm, CRD's negatives are shared by a batch.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import pandas as pd
import torch

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import whole
from kd_teach._support.shipped import shipped
from kd_teach.data import Data, noise
from kd_teach.models import create_model
from kd_teach.study.blocks import MOST_SEEDS, settings_of, variant_of, words_of
from kd_teach.study.cells import CONTROLS
from kd_teach.training.distiller import Alone, Distiller
from kd_teach.training.experiment import train_alone
from kd_teach.training.loop import train
from kd_teach.training.run_folder import Result
from kd_teach.training.settings import Settings, epochs_of_phases

PREFIX = "cifar100_"


@dataclass(frozen=True)
class Paper:
    """What the TOML file of one pair says."""

    grid: dict

    @property
    def teacher_folder(self) -> Path:
        return Path(self.grid["pairs"][0][0])

    @property
    def teacher(self) -> str:
        """The network's name: that of its folder."""
        return self.teacher_folder.name

    @property
    def student(self) -> str:
        return self.grid["pairs"][0][1]

    @property
    def pair(self) -> str:
        return f"{self.teacher}-{self.student}"

    def settings(self, **changed) -> Settings:
        return Settings(**({"epochs": self.grid["budgets"][0]["epochs"]} | settings_of(self.grid) | changed))


def list_papers() -> list[str]:
    """The pairs of networks, teacher-student, that have a study at the benchmark's scale."""
    return sorted(path.stem.removeprefix(PREFIX) for path in shipped("studies").glob(f"{PREFIX}*.toml"))


def load_paper(pair: str, *, seeds: int = 1) -> Paper:
    """The configuration of one pair, with so many students of each method; an unknown pair gets the list."""
    whole("seeds", seeds, 1, MOST_SEEDS)
    if pair not in list_papers():
        raise unknown("pair", pair, list_papers())
    grid = tomllib.loads((shipped("studies") / f"{PREFIX}{pair}.toml").read_text(encoding="utf-8"))
    return Paper(grid | {"seeds": seeds})


def train_teacher(paper: Paper, data: Data, **changed) -> Result:
    """The teacher, trained on the labels by the students' schedule; loaded if it is there, resumed if half done."""
    settings = settings_of(paper.grid) | {"epochs": paper.settings().epochs} | changed
    return train_alone(paper.teacher, data=data, out=paper.teacher_folder, resume=True, **settings)


@dataclass(frozen=True)
class Trial:
    """One method tried for a few steps."""

    method: str
    variant: str
    epochs: int  # of the real run, all phases together
    loss: float  # after the last step
    seconds_per_step: float  # mean over the epochs of the real run


def dry_run(paper: Paper, *, steps: int = 1, networks: tuple[str, str] | None = None, **changed) -> Iterator[Trial]:
    """Train every student of the study for a few steps of each phase on noise: does it run, and how fast?

    Args:
        paper: from `load_paper`.
        steps: per phase; with more than one the first is not timed.
        networks: (teacher, student) instead of the pair's own, such as smaller ones of the family.
        changed: fields of `Settings`, such as device.
    """
    teacher_name, student_name = networks or (paper.teacher, paper.student)
    short = paper.settings(epochs=steps, initial_epochs=steps, **changed)
    data = noise(short.batch_size, classes=100)  # one step an epoch
    for method in words_of(paper.grid["methods"]):
        torch.manual_seed(0)
        student, teacher = (create_model(name, data.num_classes) for name in (student_name, teacher_name))
        variant = "" if method in CONTROLS else variant_of({"variants": {}} | paper.grid, method)
        run = (
            Alone(student, data)
            if method in CONTROLS
            else Distiller(method, student=student, teacher=teacher.eval(), data=data, variant=variant)
        )
        records = []
        for record in train(run, data, short):
            records.append(record)
        phases = run.phases()
        epochs = dict(zip((phase.name for phase in phases), epochs_of_phases(phases, paper.settings()), strict=True))
        timed = [record for record in records if record.epoch > 1 or steps == 1]
        # Phase by phase: a first one is shorter than the second, and may cost more per step.
        seconds = sum(epochs[name] * mean(r.seconds for r in timed if r.phase == name) for name in epochs)
        yield Trial(method, variant, sum(epochs.values()), records[-1].loss, seconds / sum(epochs.values()))


def published() -> pd.DataFrame:
    """What RepDistiller's README reports, in percent: a row per method, "teacher" and "alone"; a column per pair.

    The pairs are those of `list_papers()` and ten more. NaN where it has no number.
    """
    table = pd.read_csv(shipped("results") / "repdistiller_cifar100.csv", comment="#", index_col="method")
    return table.rename(index={"student alone": "alone"})


def against_published(table: pd.DataFrame, paper: Paper, *, teacher_accuracy: float | None = None) -> pd.DataFrame:
    """A finished table beside the reported one, in percent and points.

    Args:
        table: as `analysis.read_study` gives it.
        paper: the pair.
        teacher_accuracy: of the teacher trained here, a share.

    Returns:
        A row per method, in reading order: seeds, ours, sd (over seeds), reported (NaN where the table has no such
        row), gap (ours less reported), our_gain and reported_gain (over the student alone).
    """
    rows = table[table["student"] == paper.student]
    runs = rows.groupby("method", sort=False)["test_accuracy"]
    result = pd.DataFrame({"seeds": runs.size(), "ours": 100 * runs.mean(), "sd": 100 * runs.std()})
    if teacher_accuracy is not None:
        result.loc["teacher"] = [1, 100 * teacher_accuracy, float("nan")]
    known = published()[paper.pair]
    order = ["teacher", *words_of(paper.grid["methods"])]
    result = result.reindex([name for name in order if name in result.index])
    result["reported"] = known.reindex(result.index)
    result["gap"] = result["ours"] - result["reported"]
    if "alone" in result.index:
        result["our_gain"] = result["ours"] - result.loc["alone", "ours"]
        result["reported_gain"] = result["reported"] - known["alone"]
    return result.astype({"seeds": int})
