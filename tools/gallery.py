"""Draw every kind of picture once, on real features, into docs/gallery: python tools/gallery.py

The networks are the shipped shapes10 teacher, a resnet8 trained alone and its twin trained with FitNet's hints, on
the same images from the same start; both runs are kept in the cache folder and trained only once. For the flows and
the bound, FSP's first phase and CRD run for a few short epochs.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from PIL import Image
from torch import nn

from kd_teach import Distiller, Settings, create_model, distill, load_data, load_teacher, plots, train, train_alone
from kd_teach.bench.meters import peak_memory, take_turns
from kd_teach.data import Data, plain_batches
from kd_teach.data.cache import cache_dir
from kd_teach.distiller import dry_run
from kd_teach.features import Features
from kd_teach.inspection import gradient_norms, layer_similarity
from kd_teach.methods import (
    ABLoss,
    angles,
    attention_map,
    bn_margin,
    correlation_matrix,
    distance_ratios,
    fsp_matrix,
    mutual_information_bound,
    neighbour_probabilities,
    partial_distance,
    sign_agreement,
    similarity_matrix,
)
from kd_teach.metrics import confusion, mean_soft_targets
from kd_teach.toy2d import boundary_cost, disc_and_ring, train_student, train_teacher

OUT = Path(__file__).parents[1] / "docs" / "gallery"
IMAGES = 200  # of the test set, looked at by all networks
PAIRS = ["stem → stage 1", "stage 1 → stage 2", "stage 2 → stage 3"]


class Scene:
    """Three networks and what they show of the same test images."""

    def __init__(self, samples: int, epochs: int) -> None:
        self.data = load_data("shapes10", samples=samples, val=0)
        self.teacher = load_teacher("shapes10/resnet20")
        budget = {"data": self.data, "epochs": epochs, "batch_size": 32, "cache": cache_dir() / "runs"}
        self.alone = train_alone("resnet8", **budget)
        self.distilled = distill("fitnet", teacher=self.teacher, options={"variant": "repdistiller"}, **budget)
        self.networks = {
            "teacher": self.teacher,
            "student alone": self.alone.student,
            "student distilled": self.distilled.student,
        }
        split = self.data.test.select(slice(IMAGES))
        self.images, self.labels, self.masks = split.images, split.labels, split.masks
        looked_at = Data(self.data.name, split, split, split, self.data.classes, self.data.mean, self.data.std)
        self.features = {name: dry_run(network, looked_at, IMAGES) for name, network in self.networks.items()}
        self.classes = self.data.classes

    @property
    def t(self) -> Features:
        return self.features["teacher"]

    def every(self, change: Callable) -> dict:
        """`change` of each network's features, by the network's name."""
        return {name: change(features) for name, features in self.features.items()}

    def students(self, change: Callable) -> dict:
        """The same, of the two students."""
        return {name: value for name, value in self.every(change).items() if name != "teacher"}


def soft_targets(scene: Scene):
    return plots.soft_target_card(scene.images[4], scene.t.logits[4], scene.classes, label=int(scene.labels[4]))


def class_similarity(scene: Scene):
    return plots.class_similarity(mean_soft_targets(scene.t.logits, scene.labels), scene.classes)


def logit_differences(scene: Scene):
    students = scene.students(lambda f: f.logits)
    return plots.logit_difference_report(scene.t.logits, students, scene.labels, scene.classes)


def calibration(scene: Scene):
    return plots.calibration_report(scene.every(lambda f: f.logits), scene.labels)


def gradient_by_temperature(scene: Scene):
    z_s = scene.features["student alone"].logits
    return plots.gradient_by_temperature(z_s, scene.t.logits, scene.labels)


def attention(scene: Scene):
    maps = scene.every(lambda f: [attention_map(stage) for stage in f.stages])
    return plots.attention_report(scene.images, maps, masks=scene.masks, shown=3)


def channels(scene: Scene):
    return plots.channel_report(scene.images[4], scene.every(lambda f: f.stages[1][4]))


def guess(scene: Scene, f: Features):
    """What the best 1x1 regressor, fitted on half of the images, makes of a student's middle stage on the others."""
    half = IMAGES // 2
    with torch.no_grad():
        return plots.fit_regressor(f.stages[1][:half], scene.t.stages[1][:half])(f.stages[1][half:])


def hints(scene: Scene):
    hint = scene.t.stages[1][IMAGES // 2 :]
    guesses = scene.students(lambda f: guess(scene, f))
    scores = {name: plots.r_squared(guessed, hint) for name, guessed in guesses.items()}
    return plots.hint_report(hint[0], {name: guessed[0] for name, guessed in guesses.items()}, scores)


def sigmas(scene: Scene):
    """The variances that VID would reach for the best 1x1 regressor: the residuals' mean squares."""
    hint = scene.t.stages[1][IMAGES // 2 :]
    variances = (guess(scene, scene.features["student distilled"]) - hint).square().mean(dim=(0, 2, 3))
    return plots.sigma_card(variances, hint[0], image=scene.images[IMAGES // 2], spreads=hint.std(dim=(0, 2, 3)))


def loss_plane(scene: Scene):
    """OFD on the teacher's last stage: which pairs of values cost nothing, and where the students' neurons are."""
    channel, margin = 0, bn_margin(scene.teacher.preact_norms()[1])[0]
    axis = torch.linspace(-4, 4, 161)
    cost = partial_distance(axis[:, None], torch.maximum(axis, margin)[None, :])
    target = scene.t.preacts[1][:, channel].flatten()
    dots = scene.students(lambda f: (target[::97], f.preacts[1][:, channel].flatten()[::97]))
    return plots.loss_plane_report(cost, axis, axis, dots, margin=float(margin))


def channel_histogram(scene: Scene):
    """What one of the teacher's batch norms promises, and what it gives: in a ResNet the shortcut is added."""
    norm = scene.teacher.preact_norms()[1]
    weight, bias, margin = (float(x[0]) for x in (norm.weight.detach(), norm.bias.detach(), bn_margin(norm)))
    return plots.channel_histogram(scene.t.preacts[1][:, 0].flatten(), weight=weight, bias=bias, margin=margin)


def hinge(scene: Scene):
    s = torch.linspace(-3, 3, 241)
    return plots.hinge_report(
        s, *(boundary_cost(s, sign * torch.ones_like(s), margin=1.0) for sign in (1, -1)), margin=1.0
    )


def agreement(scene: Scene):
    shapes = [f.shape[1:] for f in scene.t.preacts]
    connect = ABLoss(shapes, shapes).connect
    return plots.sign_agreement_bars(scene.students(lambda f: sign_agreement(*connect(f.preacts, scene.t.preacts))))


def boundaries(scene: Scene):
    points, labels = disc_and_ring()
    teacher = train_teacher(points, labels)
    steps = train_student(teacher, points)
    return plots.boundaries_report(
        teacher, {f"student, step {step}": fan for step, fan in steps.items()}, points, labels
    )


def factors(scene: Scene):
    original = scene.t.stages[2]
    rebuilt = {f"rate {rate:g}": plots.project_channels(original, rate)[0][4, :8] for rate in (0.25, 0.5, 0.75)}
    return plots.reconstructions(original[4, :8], rebuilt)


def selectivity(scene: Scene):
    f_t, f_s = scene.t.stages[1][4], scene.features["student distilled"].stages[1][4]
    f_t, f_s = f_t[plots.channel_order(f_t)], f_s[plots.channel_order(f_s)]
    kernels = ("linear", "polynomial", "gaussian")
    return plots.kernels_report({name: plots.kernel_matrix(f_t, f_s, name) for name in kernels}, len(f_t))


def similar_regions(scene: Scene):
    rows = scene.every(lambda f: plots.gram_row(f.stages[1][4], (8, 8)))
    return plots.similar_regions_report(rows, scene.images[4], (8, 8))


def flows(scene: Scene):
    def mean_flows(f: Features):
        return [fsp_matrix(a, b).mean(dim=0) for a, b in zip((f.stem, *f.stages), f.stages, strict=False)]

    both = {"teacher": mean_flows(scene.t), "student distilled": mean_flows(scene.features["student distilled"])}
    return plots.flow_report(both, PAIRS)


def flow_history(scene: Scene):
    """The last pair's matrix while FSP's first phase trains a fresh student on 1,000 images."""
    torch.manual_seed(0)
    data = load_data("shapes10", samples=1000, val=0)
    run = Distiller("fsp", student=create_model("resnet8"), teacher=scene.teacher, data=data)

    def flow(network: nn.Module):
        f = dry_run(network, data, 64)
        return fsp_matrix(f.stages[1], f.stages[2]).mean(dim=0)

    seen = [flow(run.student)]
    for record in train(run, data, Settings(epochs=16, batch_size=32)):
        if record.phase != "initialise":
            break
        seen.append(flow(run.student))
    return plots.flow_history(seen, flow(scene.teacher))


def similarities(scene: Scene):
    maps = scene.every(lambda f: similarity_matrix(f.stages[2]))
    return plots.similarity_report(maps, scene.labels, scene.classes)


def kernels(scene: Scene):
    chosen = {"bilinear": "bilinear", "rbf": "exact RBF", "rbf_taylor": "Taylor, order 2"}
    maps = {name: correlation_matrix(scene.t.embedding, kernel=kernel) for kernel, name in chosen.items()}
    return plots.similarity_report(maps, scene.labels, scene.classes, shared=False)


def relations(scene: Scene):
    few = slice(60)
    embeddings = scene.every(lambda f: f.embedding[few])
    ratios, cosines = ({name: of(e) for name, e in embeddings.items()} for of in (distance_ratios, angles))
    return plots.relation_report(ratios, cosines, scene.labels[few], scene.classes)


def neighbours(scene: Scene):
    probabilities = scene.every(lambda f: neighbour_probabilities(f.embedding)[4])
    return plots.neighbour_card(probabilities, 4, scene.images, labels=scene.labels, classes=scene.classes)


def contrast(scene: Scene):
    """CRD on 1,000 images: scores of partners and strangers at the end, and the bound while it trains."""
    torch.manual_seed(0)
    data = load_data("shapes10", samples=1000, val=0)
    options = {"variant": "repdistiller", "sampling": "all"}
    run = Distiller("crd", student=create_model("resnet8"), teacher=scene.teacher, data=data, **options)
    records = list(train(run, data, Settings(epochs=6, batch_size=32)))
    k = int(0.9 * len(data.train))
    bound = [mutual_information_bound(record.terms["distil"] / 2, k) for record in records]
    batch = next(plain_batches(data.train, data, 256))
    with torch.no_grad():
        s = nn.functional.normalize(run.loss.embed_s(run.student(batch.images).embedding))
        scores = s @ nn.functional.normalize(run.loss.embed_t(scene.teacher(batch.images).embedding)).T
    strangers = scores[~torch.eye(len(scores), dtype=torch.bool)]
    return plots.contrast_report(scores.diagonal(), strangers, {"student distilled": bound}, k)


def embeddings(scene: Scene):
    return plots.embedding_report(scene.every(lambda f: f.embedding), scene.labels, scene.classes)


def training(scene: Scene):
    return plots.training_report(scene.distilled.history, name="student distilled")


def accuracies(scene: Scene):
    shares = scene.every(lambda f: float((f.logits.argmax(dim=1) == scene.labels).float().mean()))
    return plots.accuracy_bars(shares)


def gradients(scene: Scene):
    run = Distiller("fitnet", variant="repdistiller", with_kd=0.9, student=scene.alone.student, teacher=scene.teacher,
                    data=scene.data)  # fmt: skip
    table = gradient_norms(run, next(plain_batches(scene.data.train, scene.data, 64)))
    return plots.gradient_bars(table["norm"], table["weight"])


def class_changes(scene: Scene):
    before, after = scene.students(lambda f: confusion(f.logits, scene.labels, len(scene.classes))).values()
    return plots.class_accuracy_change(before, after, scene.classes)


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


def layers(scene: Scene):
    return plots.layer_similarity_report(scene.students(lambda f: layer_similarity(scene.t, f)))


PICTURES = (
    *(soft_targets, class_similarity, logit_differences, calibration, gradient_by_temperature),
    *(attention, channels, hints, sigmas, loss_plane, channel_histogram, hinge, agreement, boundaries),
    *(factors, selectivity, similar_regions, flows, flow_history),
    *(similarities, kernels, relations, neighbours, contrast, embeddings),
    *(training, accuracies, gradients, class_changes, costs, layers),
)


def save(picture, file: Path) -> int:
    """Save a Figure, or the figure of an Axes, as a PNG; the bytes it takes."""
    figure = getattr(picture, "figure", picture)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    plt.close(figure)
    Image.open(buffer).convert("RGB").save(file, optimize=True)
    return file.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5000, help="training images of the two students")
    parser.add_argument("--epochs", type=int, default=6, help="of the two students")
    parser.add_argument("--only", nargs="*", help="names of pictures; all if left out")
    arguments = parser.parse_args()
    plots.use_style()
    OUT.mkdir(parents=True, exist_ok=True)
    scene = Scene(arguments.samples, arguments.epochs)
    total = 0
    for draw in PICTURES:
        if not arguments.only or draw.__name__ in arguments.only:
            size = save(draw(scene), OUT / f"{draw.__name__}.png")
            total += size
            print(f"{draw.__name__:24} {size / 1024:6.0f} KB", flush=True)
    print(f"{total / 2**20:.2f} MB in {OUT.name}")
    shares = {name: run.test_accuracy for name, run in (("alone", scene.alone), ("distilled", scene.distilled))}
    made = {"samples": arguments.samples, "epochs": arguments.epochs, "seed": 0, "test_accuracy": shares}
    (OUT / "made_from.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
