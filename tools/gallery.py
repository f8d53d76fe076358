"""Draw every kind of picture once, on real features, into docs/gallery: python tools/gallery.py

The networks are the shipped shapes10 teacher, a resnet8 trained alone and its twin trained with FitNet's hints, on
the same images from the same start; these runs are kept in the cache folder and trained only once. FSP's
first phase and FT's paraphraser run for a few short epochs. The pictures of a study show the shipped results.
"""

import argparse
import io
import json
import time
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn

from kd_teach import (
    Distiller,
    Settings,
    create_model,
    distill,
    load_data,
    load_teacher,
    plots,
    train,
    train_alone,
)
from kd_teach._support.files import cache_dir
from kd_teach._support.shipped import shipped
from kd_teach.bench.timing import peak_memory, take_turns
from kd_teach.course import results
from kd_teach.course.toy2d import disc_and_ring, train_student, train_teacher
from kd_teach.data import Batch, normalise, plain_batches
from kd_teach.measures import layer_similarity
from kd_teach.measures.logits import mean_soft_targets
from kd_teach.methods import (
    FTLoss,
    angles,
    attention_map,
    bn_margin,
    correlation_matrix,
    distance_ratios,
    fsp_matrix,
    neighbour_probabilities,
    partial_distance,
    sign_agreement,
    similarity_matrix,
)
from kd_teach.methods.ab import hinge as ab_hinge
from kd_teach.methods.cc import rbf, rbf_taylor
from kd_teach.models.features import Features, look
from kd_teach.study.analysis import compare
from kd_teach.study.ranking import costs as study_costs
from kd_teach.study.ranking import ranks
from kd_teach.study.settings_compared import gains_across
from kd_teach.training.gradients import layer_gradients

OUT = Path(__file__).parents[1] / "docs" / "gallery"
IMAGES = 200  # of the test set, looked at by all networks
HALF = slice(IMAGES // 2), slice(IMAGES // 2, None)  # regressors are fitted on the first, judged on the second
ONE = 4  # the image of pictures that show a single one
PAIRS = ["stem → stage 1", "stage 1 → stage 2", "stage 2 → stage 3"]
PICTURES: dict[str, tuple[Callable, Callable]] = {}  # name -> what draws it here, the function of kd_teach.plots


def shows(plot: Callable) -> Callable:
    """Put a function of the scene among the pictures, as an example of `plot`."""

    def register(draw: Callable) -> Callable:
        PICTURES[draw.__name__] = draw, plot
        return draw

    return register


class Scene:
    """Three networks and what they show of the same test images; other trainings wait until a picture needs them."""

    def __init__(self, samples: int, epochs: int) -> None:
        self.samples = samples
        self.data = load_data("shapes10", samples=samples, val=0)
        self.teacher = load_teacher("shapes10/resnet20")
        self.budget = {"epochs": epochs, "batch_size": 32, "cache": cache_dir() / "runs"}
        self.alone = train_alone("resnet8", data=self.data, **self.budget)
        hints = {"variant": "repdistiller"}
        self.distilled = distill("fitnet", teacher=self.teacher, data=self.data, options=hints, **self.budget)
        self.networks = {
            "teacher": self.teacher,
            "student alone": self.alone.student,
            "student distilled": self.distilled.student,
        }
        split = self.data.test.select(slice(IMAGES))
        self.images, self.labels, self.masks = split.images, split.labels, split.masks
        self.normalised = normalise(split.images, self.data)
        self.features = {name: self.look(network) for name, network in self.networks.items()}
        self.classes = self.data.classes

    def look(self, network: nn.Module) -> Features:
        return look(network, self.normalised)

    @property
    def t(self) -> Features:
        return self.features["teacher"]

    def every(self, change: Callable) -> dict:
        """`change` of each network's features, by the network's name."""
        return {name: change(features) for name, features in self.features.items()}

    def students(self, change: Callable) -> dict:
        """The same, of the two students."""
        return {name: value for name, value in self.every(change).items() if name != "teacher"}

    @cached_property
    def histories(self) -> dict[str, pd.DataFrame]:
        """Of a student alone and of one with FitNet's two phases, both with validation images."""
        budget = {"data": load_data("shapes10", samples=self.samples, val=500), **self.budget}
        two_phases = distill("fitnet", teacher=self.teacher, options={"variant": "paper"}, **budget)
        return {
            "student alone": train_alone("resnet8", **budget).history,
            "student distilled": two_phases.history,
        }

    @cached_property
    def fsp(self) -> list[Features]:
        """What a fresh student shows before and after each epoch of FSP's first phase, on 1,000 images."""
        torch.manual_seed(0)
        data = load_data("shapes10", samples=1000, val=0)
        run = Distiller("fsp", student=create_model("resnet8"), teacher=self.teacher, data=data)
        seen = [self.look(run.student)]
        for record in train(run, data, Settings(epochs=16, batch_size=32)):
            if record.phase != "initialise":
                break
            seen.append(self.look(run.student))
        return seen

    @cached_property
    def paraphraser(self) -> tuple[FTLoss, Tensor]:
        """FT's, after 100 steps on half of the images, and what it made of the others before these."""
        torch.manual_seed(0)
        fit, held_out = (self.t.stages[2][half] for half in HALF)
        loss = FTLoss(fit.shape[1:], fit.shape[1:], rate=0.5)
        with torch.no_grad():
            before = loss.decode(loss.encode(held_out))
        optimiser = torch.optim.Adam([*loss.encode.parameters(), *loss.decode.parameters()], lr=3e-3)
        for _ in range(100):
            few = fit[torch.randint(len(fit), (16,))]
            optimiser.zero_grad()
            (loss.reconstruct(few) / few[0].numel()).backward()  # a mean of squares
            optimiser.step()
        return loss, before

    @cached_property
    def study(self) -> pd.DataFrame:
        return results.study_table()


def carried_over(student: Tensor, teacher: Tensor) -> Tensor:
    """The teacher's map, as the best 1x1 regressor on the student's guesses it for images it was not fitted on.

    Neuron i of one network has nothing to do with neuron i of another, unless a method's loss has joined them.
    """
    fit, held_out = HALF
    with torch.no_grad():
        return plots.fit_regressor(student[fit], teacher[fit])(student[held_out])


@shows(plots.soft_target_report)
def soft_targets(scene: Scene):
    return plots.soft_target_report(scene.images[ONE], scene.t.logits[ONE], scene.classes, label=int(scene.labels[ONE]))


@shows(plots.soft_targets_by_network)
def soft_targets_by_network(scene: Scene):
    answers = scene.every(lambda f: f.logits[ONE])
    return plots.soft_targets_by_network(answers, scene.classes, label=int(scene.labels[ONE]))


@shows(plots.class_similarity_report)
def class_similarity(scene: Scene):
    means = scene.every(lambda f: mean_soft_targets(f.logits, scene.labels, temperature=4.0))
    return plots.class_similarity_report(means, scene.classes)


@shows(plots.reliability_diagram)
def calibration(scene: Scene):
    return plots.reliability_diagram(scene.every(lambda f: f.logits), scene.labels)


@shows(plots.gradient_by_temperature)
def gradient_by_temperature(scene: Scene):
    z_s = scene.features["student alone"].logits
    return plots.gradient_by_temperature(z_s, scene.t.logits, scene.labels)


@shows(plots.attention_grid)
def attention(scene: Scene):
    maps = scene.every(lambda f: attention_map(f.stages[2][:3]))
    return plots.attention_grid(scene.images[:3], maps, masks=scene.masks[:3])


@shows(plots.attention_bars)
def attention_by_stage(scene: Scene):
    shares = scene.every(
        lambda f: [plots.attention_in_mask(attention_map(stage), scene.masks).mean().item() for stage in f.stages]
    )
    return plots.attention_bars(shares, area=scene.masks.double().mean().item())


@shows(plots.channel_report)
def channels(scene: Scene):
    return plots.channel_report(scene.images[ONE], scene.every(lambda f: f.stages[1][ONE]), mask=scene.masks[ONE])


@shows(plots.sigma_report)
def sigmas(scene: Scene):
    """The variances that VID would reach for the best 1x1 regressor: the residuals' mean squares."""
    hint = scene.t.stages[1][HALF[1]]
    guessed = carried_over(scene.features["student distilled"].stages[1], scene.t.stages[1])
    variances = (guessed - hint).square().mean(dim=(0, 2, 3))
    return plots.sigma_report(variances, hint[0], image=scene.images[HALF[1]][0], spreads=hint.std(dim=(0, 2, 3)))


@shows(plots.loss_plane_report)
def loss_plane(scene: Scene):
    """OFD on the second of three stages, behind the best 1x1 regressor as connector: which pairs cost nothing."""
    channel, margin = 0, bn_margin(scene.teacher.preact_norms()[1])[0]
    axis = torch.linspace(-4, 4, 161)
    cost = partial_distance(axis[:, None], torch.maximum(axis, margin)[None, :])
    target = scene.t.preacts[1][HALF[1]][:, channel].flatten()
    guesses = scene.students(lambda f: carried_over(f.preacts[1], scene.t.preacts[1])[:, channel].flatten())
    dots = {name: (target, guessed) for name, guessed in guesses.items()}
    return plots.loss_plane_report(cost, axis, axis, dots, margin=float(margin))


@shows(plots.channel_histogram)
def channel_histogram(scene: Scene):
    """What one of the teacher's batch norms promises, and what it gives: in a ResNet the shortcut is added."""
    norm = scene.teacher.preact_norms()[1]
    weight, bias, margin = (float(x[0]) for x in (norm.weight.detach(), norm.bias.detach(), bn_margin(norm)))
    return plots.channel_histogram(scene.t.preacts[1][:, 0].flatten(), weight=weight, bias=bias, margin=margin)


@shows(plots.activation_boundaries)
def boundaries(scene: Scene):
    """A toy of two inputs and eight neurons, trained with AB alone."""
    points, labels = disc_and_ring()
    teacher = train_teacher(points, labels)
    student = train_student(teacher, points)[300]
    return plots.activation_boundaries({"teacher": teacher, "distilled student": student}, points, labels)


@shows(plots.r_squared_bars)
def hints(scene: Scene):
    hint = scene.t.stages[1][HALF[1]]
    guesses = scene.students(lambda f: carried_over(f.stages[1], scene.t.stages[1]))
    return plots.r_squared_bars({name: plots.r_squared(guessed, hint) for name, guessed in guesses.items()})


@shows(plots.flow_matrix)
def flows(scene: Scene):
    """The teacher's last step."""
    return plots.flow_matrix(steps_of(scene.t)[-1].mean(dim=0))


@shows(plots.hinge_report)
def hinge(scene: Scene):
    s = torch.linspace(-3, 3, 241)
    return plots.hinge_report(s, *(ab_hinge(s, sign * torch.ones_like(s), 1.0) for sign in (1, -1)), margin=1.0)


@shows(plots.sign_agreement_bars)
def agreement(scene: Scene):
    """Behind the best 1x1 regressor of each stage, which stands for AB's connector."""
    held_out = [p[HALF[1]] for p in scene.t.preacts]
    guesses = scene.students(lambda f: [carried_over(s, t) for s, t in zip(f.preacts, scene.t.preacts, strict=True)])
    return plots.sign_agreement_bars({name: sign_agreement(maps, held_out) for name, maps in guesses.items()})


@shows(plots.reconstructions)
def factors(scene: Scene):
    """FT's paraphraser, which keeps half of the channels; the best linear squeeze to as many is below."""
    loss, before = scene.paraphraser
    original = scene.t.stages[2][HALF[1]]
    with torch.no_grad():
        after = loss.decode(loss.encode(original))
    linear = plots.project_channels(scene.t.stages[2], 0.5)[0][HALF[1]]
    busiest = original[0].square().sum(dim=(1, 2)).topk(8).indices
    rows = {"untrained": before, "100 steps": after, "linear": linear}
    rebuilt = {name: maps[0, busiest] for name, maps in rows.items()}
    return plots.reconstructions(original[0, busiest], rebuilt, [f"channel {c}" for c in busiest])


@shows(plots.factor_maps)
def factor_maps(scene: Scene):
    """The teacher's factors by FT's paraphraser, and the best that a 1x1 regressor guesses of them."""
    with torch.no_grad():
        factors_t = scene.paraphraser[0].encode(scene.t.stages[2])
    guesses = scene.students(lambda f: carried_over(f.stages[2], factors_t)[0])
    return plots.factor_maps({"teacher": factors_t[HALF[1]][0], **guesses})


@shows(plots.kernels_report)
def selectivity(scene: Scene):
    f_t, f_s = scene.t.stages[1][ONE], scene.features["student distilled"].stages[1][ONE]
    f_t, f_s = f_t[plots.channel_order(f_t)], f_s[plots.channel_order(f_s)]
    kernels = ("linear", "polynomial", "gaussian")
    matrices = {name: plots.kernel_matrix(f_t, f_s, name) for name in kernels}
    return plots.kernels_report(matrices, len(f_t), names=("teacher", "student distilled"))


@shows(plots.similar_regions_report)
def similar_regions(scene: Scene):
    rows = scene.every(lambda f: plots.gram_row(f.stages[1][ONE], (8, 8)))
    return plots.similar_regions_report(rows, scene.images[ONE], (8, 8))


def steps_of(f: Features) -> list[Tensor]:
    """FSP's matrices (N, m, n) of each pair of maps that follow each other."""
    return [fsp_matrix(a, b) for a, b in pairwise((f.stem, *f.stages))]


@shows(plots.flow_history)
def flow_history(scene: Scene):
    """The last pair's matrix while FSP's first phase trains a fresh student on 1,000 images."""
    *seen, aim = (steps_of(f)[-1].mean(dim=0) for f in (*scene.fsp, scene.t))
    return plots.flow_history(seen, aim)


@shows(plots.flow_distances)
def flow_distances(scene: Scene):
    """The same phase, all pairs: the norm of the difference of the mean matrices."""
    means = [[g.mean(dim=0) for g in steps_of(f)] for f in (*scene.fsp, scene.t)]
    aims = means.pop()
    off = [[(g - aim).norm() for g, aim in zip(of_epoch, aims, strict=True)] for of_epoch in means]
    return plots.flow_distances(dict(zip(PAIRS, torch.tensor(off).T, strict=True)))


@shows(plots.similarity_report)
def similarities(scene: Scene):
    maps = scene.every(lambda f: similarity_matrix(f.stages[2]))
    return plots.similarity_report(maps, scene.labels, scene.classes)


@shows(plots.similarity_report)
def kernels(scene: Scene):
    """The teacher's embeddings under three kernels."""
    chosen = {"bilinear": "bilinear", "rbf": "exact RBF", "rbf_taylor": "Taylor, order 2"}
    maps = {name: correlation_matrix(scene.t.embedding, kernel=kernel) for kernel, name in chosen.items()}
    return plots.similarity_report(maps, scene.labels, scene.classes, shared=False)


@shows(plots.kernel_curves)
def kernel_curves(scene: Scene):
    grid = torch.linspace(-1, 1, 101)
    curves = {
        "bilinear": grid,
        "RBF, γ = 0.4": rbf(grid, 0.4, 0),
        "Taylor, γ = 0.4, P = 2": rbf_taylor(grid, 0.4, 2),
        "RBF, γ = 2": rbf(grid, 2.0, 0),
    }
    return plots.kernel_curves(curves, grid, cosines=correlation_matrix(scene.t.embedding, kernel="bilinear"))


@shows(plots.relation_report)
def relations(scene: Scene):
    few = slice(60)
    embeddings = scene.every(lambda f: f.embedding[few])
    ratios, cosines = ({name: of(e) for name, e in embeddings.items()} for of in (distance_ratios, angles))
    return plots.relation_report(ratios, cosines, scene.labels[few], scene.classes)


@shows(plots.neighbour_report)
def neighbours(scene: Scene):
    probabilities = scene.every(lambda f: neighbour_probabilities(f.embedding)[ONE])
    return plots.neighbour_report(probabilities, ONE, scene.images, labels=scene.labels, classes=scene.classes)


@shows(plots.training_report)
def training(scene: Scene):
    """FitNet's two phases: hints alone, then soft targets and labels."""
    return plots.training_report(scene.histories["student distilled"], name="student distilled")


@shows(plots.accuracy_curves)
def accuracy_curves(scene: Scene):
    return plots.accuracy_curves(scene.histories)


@shows(plots.accuracy_bars)
def accuracies(scene: Scene):
    shares = scene.every(lambda f: float((f.logits.argmax(dim=1) == scene.labels).float().mean()))
    return plots.accuracy_bars(shares)


def about_to_learn(scene: Scene, method: str, **options) -> tuple[Distiller, Batch]:
    """The student alone, with a method and a batch."""
    student, teacher, data = scene.alone.student, scene.teacher, scene.data
    run = Distiller(method, student=student, teacher=teacher, data=data, **options)
    return run, next(plain_batches(data.train, data, 64))


@shows(plots.gradient_by_layer)
def gradient_by_layer(scene: Scene):
    """Hints on the second of three stages reach no layer above it."""
    pull = layer_gradients(*about_to_learn(scene, "fitnet", variant="repdistiller"))
    terms = {"labels": pull.layers["task"], f"hints × {pull.weight:g}": pull.weight * pull.layers["distil"]}
    return plots.gradient_by_layer({name: norms.to_dict() for name, norms in terms.items()})


@shows(plots.gradient_cosines)
def gradient_cosines(scene: Scene):
    """Soft targets against labels."""
    return plots.gradient_cosines(layer_gradients(*about_to_learn(scene, "kd")).layers["cosine"].to_dict())


@shows(plots.cost_report)
def costs(scene: Scene):
    """One step of 64 images, forward and backward: the student alone, then with some of the methods."""
    batch = next(plain_batches(scene.data.train, scene.data, 64))

    def step(method: str | None) -> Callable:
        student = create_model("resnet8")
        run = Distiller(method or "kd", student=student, teacher=scene.teacher, data=scene.data)

        def one() -> None:
            s = student(batch.images)
            loss = nn.functional.cross_entropy(s.logits, batch.labels)
            if method:
                with torch.no_grad():
                    t = scene.teacher(batch.images)
                loss = loss + run.distil(s, t, batch)
            loss.backward()

        return one

    steps = {"alone": step(None), **{method: step(method) for method in ("kd", "fitnet", "at", "sp", "nst", "crd")}}
    seconds = {name: measured.median for name, measured in take_turns(steps, 1.0).items()}
    memory = {name: peak_memory(one)[0] / 2**20 for name, one in steps.items()}
    return plots.cost_report(pd.DataFrame({"seconds per step": seconds, "MB": memory}), baseline="alone")


@shows(plots.layer_similarity)
def layers(scene: Scene):
    return plots.layer_similarity(layer_similarity(scene.t, scene.features["student distilled"]))


@shows(plots.difference_forest)
def difference_forest(scene: Scene):
    """The shipped study (notebook 15); so are the pictures that follow."""
    return plots.difference_forest(compare(scene.study))


@shows(plots.rank_intervals)
def rank_intervals(scene: Scene):
    return plots.rank_intervals(ranks(scene.study))


@shows(plots.accuracy_against_cost)
def accuracy_against_cost(scene: Scene):
    return plots.accuracy_against_cost(study_costs(scene.study), baseline="alone")


@shows(plots.weight_report)
def weight_report(scene: Scene):
    return plots.weight_report(pd.read_csv(shipped("results") / "lesson_weights_cifar10.csv"))


@shows(plots.gain_grid)
def gain_grid(scene: Scene):
    return plots.gain_grid(gains_across(scene.study))


def save(picture, file: Path) -> int:
    """Save a Figure, or the figure of an Axes, as a PNG; the bytes it takes."""
    figure = getattr(picture, "figure", picture)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    plt.close(figure)
    Image.open(buffer).convert("RGB").save(file, optimize=True)
    return file.stat().st_size


def first_line(function: Callable) -> str:
    return (function.__doc__ or "").strip().split("\n")[0]


def contents(folder: Path) -> str:
    """A page that shows every picture in the folder and says which function draws it."""
    page = ["# Gallery", "Made by `python tools/gallery.py`; `made_from.json` has the budget of the two students."]
    for name, (draw, plot) in PICTURES.items():
        if (folder / f"{name}.png").is_file():
            page += [f"## {name}", f"`plots.{plot.__name__}`: {first_line(plot)} {first_line(draw)}".strip()]
            page.append(f"![{name.replace('_', ' ')}]({name}.png)")
    return "\n\n".join(page) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5000, help="training images of the two students")
    parser.add_argument("--epochs", type=int, default=6, help="of the two students")
    parser.add_argument("--only", nargs="*", choices=PICTURES, help="names of pictures; all if left out")
    parser.add_argument("--out", type=Path, default=OUT, help="where to, if not to docs/gallery")
    arguments = parser.parse_args()
    out = arguments.out
    plots.use_style()
    out.mkdir(parents=True, exist_ok=True)
    scene = Scene(arguments.samples, arguments.epochs)
    total = 0
    for name, (draw, _) in PICTURES.items():
        if not arguments.only or name in arguments.only:
            start = time.perf_counter()
            size = save(draw(scene), out / f"{name}.png")
            total += size
            print(f"{name:24} {size / 1024:6.0f} KB {time.perf_counter() - start:5.1f} s", flush=True)
    print(f"{total / 2**20:.2f} MB in {out}")
    shares = {name: run.test_accuracy for name, run in (("alone", scene.alone), ("distilled", scene.distilled))}
    made = {"samples": arguments.samples, "epochs": arguments.epochs, "seed": 0, "test_accuracy": shares}
    (out / "made_from.json").write_text(json.dumps(made, indent=1) + "\n")
    (out / "README.md").write_text(contents(out), encoding="utf-8")


if __name__ == "__main__":
    main()
