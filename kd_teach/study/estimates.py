"""How many GPU hours a study at the benchmark's scale will take, said before it starts."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from kd_teach.models import create_model
from kd_teach.study.blocks import words_of
from kd_teach.study.cells import CONTROLS
from kd_teach.study.papers import Paper, dry_run
from kd_teach.training.precision import pick_device

IMAGES = 50_000  # of CIFAR-100's training set
ASSUMED_TFLOPS = 3.0  # what a GPU does of these small networks at batch 64: an assumption, far below any data sheet


def flops(name: str, classes: int = 100) -> int:
    """Floating-point operations of one 32 x 32 image's forward pass; a multiplication with its addition counts two."""
    network = create_model(name, classes).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, 32, 32))
    return counter.get_total_flops()


@dataclass(frozen=True)
class Estimate:
    """GPU hours before the start, and where they come from."""

    teacher: float
    students: dict[str, float]  # method -> hours of one run
    seeds: int
    source: str

    @property
    def total(self) -> float:
        return self.teacher + self.seeds * sum(self.students.values())

    def __str__(self) -> str:
        each = ", ".join(f"{method} {hours:.1f}" for method, hours in self.students.items())
        return (
            f"About {self.total:.0f} GPU hours: teacher {self.teacher:.1f}, students {each}; "
            f"{self.seeds} seed(s) of each student. {self.source}"
        )


def estimate(paper: Paper, *, steps: int = 20) -> Estimate:
    """How long the study will take: timed on the GPU that is there, else counted.

    On a GPU every student is trained for `steps` steps of each phase on noise; CRD's memory is then that of one batch,
    so its real run takes longer. Without one the operations of teacher and student are
    counted, backward as twice forward, and divided by an assumed rate; what a method adds of its own (CRD's memory,
    NST's kernels, a first phase) is not in it, so expect it to be wrong by a factor of two or more either way.
    """
    per_epoch = IMAGES // paper.settings().batch_size
    seeds = paper.grid["seeds"] if isinstance(paper.grid["seeds"], int) else len(paper.grid["seeds"])
    per_image = {name: flops(name) for name in (paper.teacher, paper.student)}
    hours_of = lambda operations, epochs: operations * IMAGES * epochs / (ASSUMED_TFLOPS * 1e12) / 3600
    if pick_device("auto").type == "cuda":
        trials = list(dry_run(paper, steps=steps))
        students = {t.method: t.seconds_per_step * per_epoch * t.epochs / 3600 for t in trials}
        alone = next(t.seconds_per_step for t in trials if t.method == "alone")
        ratio = per_image[paper.teacher] / per_image[paper.student]
        teacher = alone * ratio * per_epoch * paper.settings().epochs / 3600
        source = f"Timed here for {steps} steps each on {torch.cuda.get_device_name()}; the teacher by its operations."
        return Estimate(teacher, students, seeds, source)
    epochs = paper.settings().epochs
    forward, training = per_image[paper.teacher], 3 * per_image[paper.student]
    students = {
        method: hours_of(training + (0 if method in CONTROLS else forward), epochs)
        for method in words_of(paper.grid["methods"])
    }
    source = f"Counted operations at an assumed {ASSUMED_TFLOPS:g} TFLOP/s, as there is no GPU here to time."
    return Estimate(hours_of(3 * forward, epochs), students, seeds, source)
