"""The command line, `kd-teach`: distil, compare, describe, teach a class; `kd-teach --help` lists the commands."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # at run time they would load PyTorch
    from kd_teach import Record, Result

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Learn knowledge distillation by doing it.")

# Options of more than one command.
Samples = Annotated[int | None, typer.Option(help="Training images to use, stratified; all if left out.")]
Val = Annotated[int | None, typer.Option(help="Validation images cut from the training set.")]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
Download = Annotated[bool, typer.Option("--download", help="Fetch CIFAR if it is not there.")]
Variant = Annotated[str | None, typer.Option(help="A reading of the method; the paper's if left out.")]
Workers = Annotated[int, typer.Option(help="Processes here, one thread each; 1 uses all threads.")]
Address = Annotated[str | None, typer.Option(help="Of a Dask scheduler whose workers are to do it: tcp://…")]
Resources = Annotated[list[str] | None, typer.Option(help="Of a Dask worker that a run takes: GPU=0.25.")]


@dataclass(frozen=True)
class Training:
    """What train and distill have in common: on what, how, and where the run is kept."""

    out: Annotated[Path, typer.Option(help="The run folder.")]
    data: Annotated[str, typer.Option(help="shapes10, cifar10, cifar100, or a folder with train/ and test/.")] = (
        "shapes10"
    )
    size: Annotated[
        int | None, typer.Option(help="Of a folder's images: shorter side to so many pixels, then the centre.")
    ] = None
    normalise: Annotated[str, typer.Option(help="By the statistics of the data, or of imagenet.")] = "data"
    samples: Samples = None
    val: Val = None
    epochs: Annotated[int, typer.Option(help="Passes over the training images, shared out among the phases.")] = 12
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 64
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 0.1
    crop_pad: Annotated[
        int, typer.Option(help="Black pixels around an image before a random crop; less for short trainings.")
    ] = 4
    seed: Annotated[int, typer.Option(help="Decides on initial weights, subset, batches and augmentation.")] = 0
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")] = False
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto"
    precision: Precision = "auto"
    compile: Annotated[bool, typer.Option("--compile", help="torch.compile the networks: for GPUs and long runs.")] = (
        False
    )
    download: Download = False

    def run(self, train: "Callable[..., Result]") -> None:
        """Load the data, call `train_alone` or `distill` with it and the settings, say what came out."""
        from kd_teach import load_data
        from kd_teach.data import Augment

        result = train(
            data=load_data(self.data, **{name: getattr(self, name) for name in LOADING}),
            out=self.out,
            resume=self.resume,
            on_epoch=print_epoch,
            augment=Augment(pad=self.crop_pad),
            **{name: getattr(self, name) for name in SETTINGS},
        )
        if result.complete:
            seconds = f"{result.card['seconds']:.0f} s of training"
            print(f"Test accuracy {result.test_accuracy:.2%} after {seconds}. All in {self.out}.")


STOPPED = 130  # what Typer ends with after Ctrl-C, as a shell does
LOADING = ("samples", "val", "seed", "size", "normalise", "download")  # as they are, to `load_data`
SETTINGS = ("epochs", "batch_size", "lr", "seed", "device", "precision", "compile")  # as they are, to `Settings`


def with_training(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first argument is a `Training`, as one that has the fields of `Training` as options."""
    own = list(signature(command).parameters.values())[1:]
    shared = signature(Training).parameters.values()

    @wraps(command)
    def with_options(**options) -> None:
        training = Training(**{parameter.name: options.pop(parameter.name) for parameter in shared})
        command(training, **options)

    keyword = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)]
    in_order = sorted(keyword, key=lambda parameter: parameter.default is not Parameter.empty)  # required ones first
    with_options.__signature__ = Signature(in_order)  # type: ignore[attr-defined]  # this is what typer reads
    return with_options


class Bench(StrEnum):
    """What `kd-teach bench` times."""

    losses = "losses"
    epoch = "epoch"
    both = "both"
    steps = "steps"


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Where the figure is saved.")] = Path("demo.png")) -> None:
    """Distil students on the embedded data and compare them with their twin: no download, about a minute."""
    from kd_teach.course.demo import demo

    started = time.perf_counter()
    table = demo(out)
    print(table.to_string(float_format="{:.1f}".format, na_rep="–"))
    print("Students of one seed have the same first weights and the same batches; only the loss differs. Two seeds:")
    print("accuracy is their mean, the least gain that over the student alone in the seed where it is smaller.")
    print(f"Done in {time.perf_counter() - started:.0f} s; figure saved in {out}. Next: kd-teach --help, or make lab.")


@app.command()
def bench(
    what: Annotated[Bench, typer.Argument(help="losses, epoch (of KD), both; or each method's steps.")] = Bench.both,
    method: Annotated[list[str] | None, typer.Option(help="Only the losses of this method; may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(help="To spend on timing each form of each loss.")] = 1.0,
    maps: Annotated[str, typer.Option(help="That the losses see: lesson, or large as in the benchmarks.")] = "lesson",
    published: Annotated[bool, typer.Option(help="Race the published forms too; large maps take them minutes.")] = True,
    device: Annotated[str, typer.Option(help="cpu or cuda; the epoch is on the CPU.")] = "cpu",
    precision: Precision = "auto",
    rounds: Annotated[int, typer.Option(help="Of steps: how often each method has its turn.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Of steps: a CSV for the table.")] = None,
) -> None:
    """Time each loss against its plain equation and published forms, and one KD epoch against the textbook loop.

    Or, with steps, what each method's lesson costs, alone: seconds and memory. Let the machine do nothing else.
    """
    from kd_teach._support.files import user_path, write_whole
    from kd_teach.bench import bench_epoch, bench_losses, bench_steps, show
    from kd_teach.bench.steps import circumstances
    from kd_teach.training.precision import pick_precision

    pick_precision(precision)  # a wrong one is refused before the losses are timed
    if what in (Bench.both, Bench.losses):
        print(show(bench_losses(method, seconds=seconds, sizes=maps, device=device, published=published)))
    if what in (Bench.both, Bench.epoch):
        result = bench_epoch(precision=precision)
        print(f"textbook loop (DataLoader, PIL, float32, NCHW): {result['textbook']:7.0f} images/s")
        print(f"kd_teach ({result['precision']}, channels_last, in memory): {result['kd_teach']:7.0f} images/s")
        print(f"ratio {result['ratio']:.2f}")
    if what == Bench.steps:
        print(circumstances())
        table = bench_steps(method, rounds=rounds, device=device, precision=precision)
        print(table.to_string(index=False))
        if out:
            write_whole(user_path(out), table.to_csv(index=False, lineterminator="\n"))


@app.command()
@with_training
def train(
    training: Training,
    model: Annotated[str, typer.Option(help="See kd-teach models.")] = "resnet8",
) -> None:
    """Train a network without a teacher."""
    from kd_teach import train_alone

    training.run(partial(train_alone, model))


@app.command()
@with_training
def distill(
    training: Training,
    teacher: Annotated[str, typer.Option(help="See kd-teach teachers; or the folder of a finished run.")],
    method: Annotated[str, typer.Option(help="See kd-teach methods.")] = "kd",
    variant: Variant = None,
    weight: Annotated[float | None, typer.Option(help="Of the method's loss; the variant's if left out.")] = None,
    with_kd: Annotated[float | None, typer.Option(help="Weight of a KD term beside the method.")] = None,
    student: Annotated[str, typer.Option(help="See kd-teach models.")] = "resnet8",
) -> None:
    """Train a student under a teacher."""
    from kd_teach import distill

    asked = {"variant": variant, "weight": weight, "with_kd": with_kd}
    options = {name: value for name, value in asked.items() if value is not None}
    training.run(partial(distill, method, student=student, teacher=teacher, options=options))


@app.command()
def study(
    grid: Annotated[str | None, typer.Argument(help="A TOML file, or a shipped study; left out: the flags.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="May be repeated; also alone, label_smoothing, all.")] = None,
    pair: Annotated[list[str] | None, typer.Option(help="TEACHER:STUDENT; may be repeated.")] = None,
    data: Annotated[str | None, typer.Option(help="As for distill; shapes10 if left out.")] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help="smoke, lesson or full; may be repeated; lesson if left out.")
    ] = None,
    samples: Samples = None,
    val: Val = None,
    epochs: Annotated[int | None, typer.Option(help="The budget's if left out.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many: 0, 1, ...; 1 if left out.")] = None,
    weight: Annotated[str | None, typer.Option(help="published or lesson; published if left out.")] = None,
    variant: Annotated[str | None, typer.Option(help="For the methods that have it.")] = None,
    with_kd: Annotated[float | None, typer.Option(help="Weight of a KD term beside every method.")] = None,
    out: Annotated[Path | None, typer.Option(help="The table, a CSV; the grid's own if left out.")] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Folder of all run folders; the notebooks' cache if left out.")
    ] = None,
    workers: Workers = 1,
    threads: Annotated[int | None, typer.Option(help="PyTorch's threads in each process.")] = None,
    address: Address = None,
    resources: Resources = None,
    retries: Annotated[int, typer.Option(help="How often a run is tried again after its worker died.")] = 2,
    renew: Annotated[
        bool, typer.Option("--renew", help="Also what stands in the table, made by whatever code.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="List the runs, and start none.")] = False,
) -> None:
    """Run methods x pairs x seeds x budgets; what is there already is not run again. Fails if any run did.

    What is run stands in a grid file or in the flags from --method to --with-kd, never in both.
    """
    from kd_teach._support.files import user_path
    from kd_teach.study import flag_study, load_study, run_study
    from kd_teach.study.cluster import read_resources
    from kd_teach.study.tuning import tune

    flags: dict[str, object] = {"method": method, "pair": pair, "data": data, "seeds": seeds, "weight": weight}
    flags |= {
        "variant": variant,
        "with_kd": with_kd,
        "budget": budget,
        "samples": samples,
        "val": val,
        "epochs": epochs,
    }
    asked = load_study(grid, flags) if grid else flag_study(flags)
    if show:
        for cell in asked.cells:
            print(cell)
        print(f"{len(asked.cells)} runs.")
        return
    run = partial(
        run_study,
        out=out,
        runs=runs,
        workers=workers,
        threads=threads,
        address=address,
        resources=read_resources(resources or []),
        retries=retries,
        renew=renew,
    )
    done = tune(asked, run, user_path(out or asked.out or "")) if asked.select else run(asked)
    print(done)
    if done.failures:
        raise typer.Exit(1)


@app.command()
def paper(
    pair: Annotated[str, typer.Argument(help="teacher-student, as in resnet56-resnet20; a wrong one lists all.")],
    estimate_only: Annotated[bool, typer.Option("--estimate", help="Print the GPU hours, and start nothing.")] = False,
    try_only: Annotated[bool, typer.Option("--dry-run", help="One step of every student on noise, no more.")] = False,
    seeds: Annotated[int, typer.Option(help="Students of each method; the teacher is one.")] = 1,
    workers: Workers = 1,
    address: Address = None,
    resources: Resources = None,
    download: Download = False,
) -> None:
    """The known CIFAR-100 table at full scale: GPU hours, teacher, students, and the gap to what was reported."""
    from kd_teach import load_data
    from kd_teach.study import make_study, run_study
    from kd_teach.study.analysis import read_study
    from kd_teach.study.cluster import read_resources
    from kd_teach.study.estimates import estimate
    from kd_teach.study.papers import against_published, dry_run, load_paper, train_teacher
    from kd_teach.study.runner import check_processes

    asked = load_paper(pair, seeds=seeds)
    check_processes(workers)
    if try_only:
        for trial in dry_run(asked):
            print(f"{trial.method:8} {trial.variant:13} loss {trial.loss:.4f}  {trial.seconds_per_step:.2f} s per step")
        return
    print(estimate(asked), flush=True)
    if estimate_only:
        return
    teacher = train_teacher(asked, load_data("cifar100", val=0, download=download), on_epoch=print_epoch)
    if not teacher.complete:
        raise KeyboardInterrupt
    done = run_study(
        make_study(asked.grid),
        runs=asked.teacher_folder.parents[1] / "runs",
        workers=workers,
        address=address,
        resources=read_resources(resources or []),
    )
    print(done)
    gaps = against_published(read_study(done.table), asked, teacher_accuracy=teacher.test_accuracy)
    print(gaps.to_string(float_format="{:+.2f}".format, na_rep="–"))
    if done.failures:
        raise typer.Exit(1)


@app.command()
def classroom(
    out: Annotated[Path, typer.Argument(help="A folder that is not there yet, or is empty.")],
    notebook: Annotated[
        list[str] | None, typer.Option(help="kd, at, ..., as in 01_kd; may be repeated; all if left out.")
    ] = None,
    points: Annotated[int, typer.Option(help="For each star of an exercise.")] = 2,
) -> None:
    """For teachers: notebooks for pupils and instructors, assignments for nbgrader, and how to use them."""
    from kd_teach.course.classroom import write_classroom

    written = write_classroom(out, topics=notebook, points=points)
    print(f"{len(written)} files in {out}; begin with {out / 'README.md'}.")


@app.command()
def pack(
    out: Annotated[Path, typer.Argument(help="The folder; an unfinished one is finished.")],
    no_torch: Annotated[bool, typer.Option("--no-torch", help="Leave PyTorch out: it is large.")] = False,
    data: Annotated[Path | None, typer.Option(help="A data set to take along, as data/cifar10.")] = None,
    verify_only: Annotated[bool, typer.Option("--verify", help="Only check a folder against its manifest.")] = False,
) -> None:
    """For a room without Wi-Fi: wheels, notebooks and data in one folder, with the commands to install them."""
    from kd_teach.course.classroom.offline import pack, verify

    if not verify_only:
        pack(out, torch=not no_torch, data=data)
    if problems := verify(out):
        print(*problems, f"Run kd-teach pack {out} again to mend it.", sep="\n")
        raise typer.Exit(1)
    print(f"{out} is complete; {out / 'INSTALL.md'} says how to install from it.")


@app.command()
def methods() -> None:
    """List the methods with their papers and variants."""
    from kd_teach import get_recipe, list_methods

    for name in list_methods():
        recipe = get_recipe(name)
        print(f"{name:8} {recipe.knowledge:9} {recipe.title}; {recipe.paper} [{', '.join(recipe.variants)}]")


@app.command()
def describe(
    method: Annotated[str, typer.Argument(help="See kd-teach methods.")],
    student: Annotated[str, typer.Option(help="See kd-teach models.")] = "resnet8",
    teacher: Annotated[str, typer.Option(help="See kd-teach models.")] = "resnet20",
    variant: Variant = None,
) -> None:
    """Show a method's property card: what it compares, learns, costs and cannot see."""
    from kd_teach import describe

    print(describe(method, student=student, teacher=teacher, variant=variant))


@app.command()
def legality(
    student: Annotated[str, typer.Argument(help="See kd-teach models.")],
    teacher: Annotated[str, typer.Argument(help="See kd-teach models.")],
) -> None:
    """List which methods a pair of networks allows, and why not."""
    from kd_teach import legality

    for row in legality(student, teacher).reset_index().itertuples():
        print(f"{row.method:8} {row.variant:13} {'yes' if row.legal else f'no: {row.why_not}'}")


@app.command()
def runs(
    folder: Annotated[Path | None, typer.Option(help="Of run folders; the notebooks' cache if left out.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Delete them, unfinished ones too.")] = False,
) -> None:
    """List the runs in the cache, with their sizes; or clear it."""
    from kd_teach._support.files import cache_dir
    from kd_teach.training.kept import clear_runs, kept_runs

    folder = folder or cache_dir() / "runs"
    kept = kept_runs(folder)
    for run in kept:
        print(run)
    megabytes = f"{sum(run.bytes for run in kept) / 1e6:.1f} MB"
    if clear:
        print(f"{clear_runs(kept)} of {len(kept)} runs deleted from {folder}; they held {megabytes}.")
    else:
        print(f"{len(kept)} runs in {folder}, {megabytes}.")


@app.command()
def models() -> None:
    """List the networks with their parameter counts at ten classes."""
    from kd_teach import create_model, list_models

    for name in list_models():
        print(f"{name:14} {sum(p.numel() for p in create_model(name, num_classes=10).parameters()):>11,}")


@app.command()
def teachers() -> None:
    """List the teachers that ship with the package."""
    from kd_teach import list_teachers, teacher_card

    for name in list_teachers():
        card = teacher_card(name)
        print(f"{name:18} {card['test_accuracy']:.2%} on the test set; {card['command']}")


def print_epoch(record: "Record") -> None:
    """One line per epoch."""
    terms = "  ".join(f"{name} {value:.4f}" for name, value in record.terms.items())
    print(f"{record.phase} {record.epoch}: {terms}  val {record.val_accuracy:.2%}  {record.seconds:.0f} s", flush=True)


def main() -> None:
    """Run the command line; a mistake of the caller's ends in one line, not in a traceback."""
    try:
        app()
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        raise SystemExit(f"kd-teach: {error}") from None
    except SystemExit as end:
        if end.code == STOPPED:
            print("kd-teach: stopped.", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
