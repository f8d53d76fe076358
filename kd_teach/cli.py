"""The command line: `kd-teach demo | distill | train | methods | describe | legality | models | teachers | bench`."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Learn knowledge distillation by doing it.")

# What distill and train have in common.
DataName = Annotated[
    str, typer.Option("--data", help="shapes10, cifar10, cifar100, or a folder with train/ and test/.")
]
Samples = Annotated[int | None, typer.Option(help="Training images to use, stratified; all if left out.")]
Val = Annotated[int | None, typer.Option(help="Validation images cut from the training set.")]
Epochs = Annotated[int, typer.Option(help="Passes over the training images, shared out among the phases.")]
BatchSize = Annotated[int, typer.Option(help="Images per step.")]
LearningRate = Annotated[float, typer.Option("--lr", help="Peak learning rate.")]
CropPad = Annotated[
    int, typer.Option(help="Black pixels around an image before a random crop; less for short trainings.")
]
Seed = Annotated[int, typer.Option(help="Decides on initial weights, subset, batches and augmentation.")]
Out = Annotated[Path, typer.Option(help="The run folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
Compile = Annotated[bool, typer.Option("--compile", help="torch.compile the networks: for GPUs and long runs.")]
Download = Annotated[bool, typer.Option("--download", help="Fetch CIFAR if it is not there.")]


class Bench(StrEnum):
    """What `kd-teach bench` times."""

    losses = "losses"
    epoch = "epoch"
    both = "both"


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Where the figure is saved.")] = Path("demo.png")) -> None:
    """Distil a student on the embedded data and compare it with its twin: no download, about a minute."""
    from kd_teach.demo import demo

    started = time.perf_counter()
    table = demo(out)
    print(table.to_string(float_format="{:.1f}".format, na_rep="ships"))
    print(f"Done in {time.perf_counter() - started:.0f} s; figure saved in {out}. Next: kd-teach --help, or make lab.")


@app.command()
def bench(
    what: Annotated[Bench, typer.Argument(help="The losses, an epoch of KD, or both.")] = Bench.both,
    method: Annotated[list[str] | None, typer.Option(help="Only the losses of this method; may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(help="To spend on timing each form of each loss.")] = 1.0,
    device: Annotated[str, typer.Option(help="Of the losses: cpu or cuda. The epoch is on the CPU.")] = "cpu",
    precision: Precision = "auto",
) -> None:
    """Time each loss and one KD epoch against their textbook forms, side by side."""
    from kd_teach.bench import bench_epoch, bench_losses, show

    if what in (Bench.both, Bench.losses):
        print(show(bench_losses(method, seconds=seconds, device=device)))
    if what in (Bench.both, Bench.epoch):
        result = bench_epoch(precision=precision)
        print(f"textbook loop (DataLoader, PIL, float32, NCHW): {result['textbook']:7.0f} images/s")
        print(f"kd_teach ({result['precision']}, channels_last, in memory): {result['kd_teach']:7.0f} images/s")
        print(f"ratio {result['ratio']:.2f}")


@app.command()
def train(
    out: Out,
    model: Annotated[str, typer.Option(help="See kd-teach models.")] = "resnet8",
    data: DataName = "shapes10",
    samples: Samples = None,
    val: Val = None,
    epochs: Epochs = 12,
    batch_size: BatchSize = 64,
    lr: LearningRate = 0.1,
    crop_pad: CropPad = 4,
    seed: Seed = 0,
    resume: Resume = False,
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = False,
    download: Download = False,
) -> None:
    """Train a network without a teacher."""
    from kd_teach import load_data, train_alone
    from kd_teach.data import Augment

    loaded = load_data(data, samples=samples, val=val, seed=seed, download=download)
    result = train_alone(
        model,
        data=loaded,
        out=out,
        resume=resume,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        augment=Augment(pad=crop_pad),
        on_epoch=print_epoch,
        seed=seed,
        device=device,
        precision=precision,
        compile=compile,
    )
    report(result, out)


@app.command()
def distill(
    teacher: Annotated[str, typer.Option(help="See kd-teach teachers; or the folder of a finished run.")],
    out: Out,
    method: Annotated[str, typer.Option(help="See kd-teach methods.")] = "kd",
    variant: Annotated[str | None, typer.Option(help="A reading of the method; the paper's if left out.")] = None,
    weight: Annotated[float | None, typer.Option(help="Of the method's loss; the variant's if left out.")] = None,
    with_kd: Annotated[float | None, typer.Option(help="Weight of a KD term beside the method.")] = None,
    student: Annotated[str, typer.Option(help="See kd-teach models.")] = "resnet8",
    data: DataName = "shapes10",
    samples: Samples = None,
    val: Val = None,
    epochs: Epochs = 12,
    batch_size: BatchSize = 64,
    lr: LearningRate = 0.1,
    crop_pad: CropPad = 4,
    seed: Seed = 0,
    resume: Resume = False,
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = False,
    download: Download = False,
) -> None:
    """Train a student under a teacher."""
    from kd_teach import distill, load_data
    from kd_teach.data import Augment

    loaded = load_data(data, samples=samples, val=val, seed=seed, download=download)
    asked = {"variant": variant, "weight": weight, "with_kd": with_kd}
    result = distill(
        method,
        student=student,
        teacher=teacher,
        data=loaded,
        out=out,
        resume=resume,
        options={name: value for name, value in asked.items() if value is not None},
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        augment=Augment(pad=crop_pad),
        on_epoch=print_epoch,
        seed=seed,
        device=device,
        precision=precision,
        compile=compile,
    )
    report(result, out)


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
    variant: Annotated[str | None, typer.Option(help="A reading of the method; the paper's if left out.")] = None,
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

    for (method, variant), row in legality(student, teacher).iterrows():
        print(f"{method:8} {variant:13} {'yes' if row['legal'] else 'no: ' + row['why_not']}")


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


def print_epoch(record) -> None:
    """One line per epoch."""
    terms = "  ".join(f"{name} {value:.4f}" for name, value in record.terms.items())
    print(f"{record.phase} {record.epoch}: {terms}  val {record.val_accuracy:.2%}  {record.seconds:.0f} s", flush=True)


def report(result, out: Path) -> None:
    """The last lines of a run."""
    if result.complete:
        print(
            f"Test accuracy {result.test_accuracy:.2%} after {result.card['seconds']:.0f} s of training. All in {out}."
        )


def main() -> None:
    """Run the command line; a mistake of the caller's ends in one line, not in a traceback."""
    try:
        app()
    except (ValueError, TypeError, FileNotFoundError, FileExistsError, FloatingPointError) as error:
        raise SystemExit(f"kd-teach: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit("kd-teach: stopped.") from None


if __name__ == "__main__":
    main()
