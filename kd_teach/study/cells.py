"""A cell: the configuration of one run of a study."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from kd_teach.methods import get_recipe
from kd_teach.training.run_folder import config_hash

CONTROLS = ("alone", "label_smoothing")  # trained without the teacher, and compared with it afterwards
CONFIGURATION = (
    "block",
    "method",
    "variant",
    "weight",
    "task_weight",
    "with_kd",
    "teacher",
    "student",
    "data",
    "samples",
    "epochs",
    "seed",
)


@dataclass(frozen=True)
class Cell:
    """The configuration of one run.

    Args:
        method: a name from `list_methods()`, or "alone" or "label_smoothing", the controls.
        teacher: a shipped teacher or the folder of a finished run. The controls do not learn from it; their agreement
            with it is measured.
        student, data, samples, val, epochs, seed: as for `distill`. The seed does not choose the images: all cells of
            equal data, samples and val see the same ones.
        variant, weight, task_weight: None takes the recipe's.
        with_kd: weight of a KD term beside the method's loss; None leaves it out.
        label_smoothing: of the control.
        options: further options of the method.
        settings: further fields of `Settings`, such as batch_size or lr.
        select: the validation images stand in for the test images, which are not looked at: for choosing a weight.
        multiple: of the published weight that `weight` is; only noted.
        block: the part of the study that the cell belongs to; only noted.
    """

    method: str
    teacher: str
    student: str
    data: str
    epochs: int
    samples: int | None = None
    val: int | None = None
    seed: int = 0
    variant: str | None = None
    weight: float | None = None
    task_weight: float | None = None
    with_kd: float | None = None
    label_smoothing: float = 0.0
    options: Mapping = field(default_factory=dict)
    settings: Mapping = field(default_factory=dict)
    select: bool = False
    multiple: float | None = None
    block: str = ""

    @property
    def is_control(self) -> bool:
        return self.method in CONTROLS

    def filled(self) -> "Cell":
        """The same cell with the recipe's variant and weights written out, so that equal cells are equal."""
        if self.is_control:
            return replace(self, variant=None, weight=None, task_weight=None, with_kd=None, options={})
        variants = get_recipe(self.method).variants
        name = self.variant or next(iter(variants))
        published = variants[name]
        return replace(
            self,
            variant=name,
            weight=float(published.weight if self.weight is None else self.weight),
            task_weight=float(published.task_weight if self.task_weight is None else self.task_weight),
            with_kd=None if self.with_kd is None else float(self.with_kd),
        )

    def __str__(self) -> str:
        """Which cell it is, for people."""
        cell = self.filled()
        details = [] if cell.weight is None else [f"weight {cell.weight:g}"]
        details += [] if cell.variant is None else [cell.variant]
        details += [] if cell.with_kd is None else [f"with KD {cell.with_kd:g}"]
        what = f"{cell.method} ({', '.join(details)})" if details else cell.method
        return f"{cell.block}: {what}, {cell.teacher} -> {cell.student}, {cell.epochs} epochs, seed {cell.seed}"

    def hash(self) -> str:
        """A short hash of all that decides the run: equal for cells that share one. Not the card's `config_hash`."""
        ignored = {"block", "multiple"} | ({"teacher"} if self.is_control else set())
        return config_hash({key: value for key, value in asdict(self.filled()).items() if key not in ignored})

    def distil_options(self) -> dict:
        """What `Distiller` is to be given: worded as a notebook words it, so that both share one run in the cache."""
        cell = self.filled()
        options: dict = {"weight": cell.weight, "task_weight": cell.task_weight}
        if cell.variant != next(iter(get_recipe(cell.method).variants)):
            options["variant"] = cell.variant
        if cell.with_kd is not None:
            options["with_kd"] = cell.with_kd
        return options | dict(cell.options)

    def columns(self) -> dict:
        """The part of the cell's row that is known before it is run: `CONFIGURATION`."""
        cell = self.filled()
        return {name: getattr(cell, name) for name in CONFIGURATION}
