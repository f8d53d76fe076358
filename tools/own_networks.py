"""Networks of torchvision as a reader brings them, on a folder of few pictures: the table in docs/your_own.md.

    python -m tools.own_networks --images cifar10

`--images` is a folder of `train/<class>/` and `test/<class>/` (the table's is CIFAR-10 as files). Out of it come two
small ones: 64x64 PNG files, and files of all sizes, formats and orientations. A ResNet-18 trained on them is the
teacher of all. A run's row goes to data/results/own_networks.csv at once; what stands there is not run again.
"""

import argparse
import json
import re
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn
from torchvision import models

from kd_teach import Distiller, Settings, distill, load_data, load_teacher, tapped, train_alone
from kd_teach._support.files import write_whole
from kd_teach.data import Data
from kd_teach.training.budgets import lesson_weight
from kd_teach.training.rate_check import warn_if_labels_drown
from kd_teach.training.run_folder import environment

TABLE = Path(__file__).parents[1] / "data" / "results" / "own_networks.csv"
KINDS = ("equal", "unequal")
CLASSES = ("airplane", "automobile", "frog", "horse")
COUNTS = {"train": 60, "test": 50}  # pictures of each class; a sixth of the first is for validation: 200 to train on
SIZE, BATCH, SEED = 64, 20, 0
COLUMNS = ["pictures", "student", "method", "epochs", "lr", "accuracy", "seconds", "why_not", "said"]
# "lesson": at the lesson's weight; "advised": at the one that the package's warning names.
METHODS = ("alone", "kd", "sp", "sp lesson", "sp advised", "fitnet", "fitnet lesson", "at", "at lesson", "at advised")

NETWORKS: dict[str, tuple[dict, int, float]] = {  # what `tapped` is told, epochs, and the learning rate
    "resnet18": ({"stages": [f"layer{i}" for i in (1, 2, 3, 4)]}, 6, 0.01),
    "mobilenet_v3_small": ({"stages": [f"features.{i}" for i in (1, 3, 8, 12)]}, 8, 0.1),
    "convnext_tiny": ({"stages": [f"features.{i}" for i in (1, 3, 5, 7)]}, 3, 0.01),
    "swin_t": ({"stages": [f"features.{i}" for i in (1, 3, 5, 7)], "layout": "NHWC"}, 3, 0.01),
    "vit_b_16": ({"stages": [f"encoder.layers.encoder_layer_{i}" for i in (2, 5, 8, 11)], "tokens": "grid"}, 3, 0.01),
}


def small_folder(images: Path, folder: Path, kind: str) -> Path:
    """The first pictures of each class, enlarged to 64x64, or to sides of 50 to 120 in three formats, some lying."""
    rng = np.random.default_rng(SEED)
    for part, count in COUNTS.items():
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for i, path in enumerate(sorted((images / part / name).iterdir())[:count]):
                short, ratio = rng.integers(50, 97), rng.uniform(1, 1.25)
                size = [SIZE, SIZE] if kind == "equal" else [int(short), int(short * ratio)][:: rng.choice([1, -1])]
                picture = Image.open(path).convert("RGB").resize(size, Image.Resampling.BICUBIC)
                suffix, exif = "png" if kind == "equal" else ("jpg", "png", "webp")[i % 3], Image.Exif()
                if suffix == "jpg" and i % 2:  # lies on its side, and says so
                    picture, exif[0x0112] = picture.transpose(Image.Transpose.ROTATE_90), 6
                picture.save(folder / part / name / f"{i}.{suffix}", exif=exif)
    return folder


def make(name: str) -> nn.Module:
    """The network, fresh, behind `Features`."""
    network = getattr(models, name)(num_classes=len(CLASSES), **({"image_size": SIZE} if name == "vit_b_16" else {}))
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1  # MobileNetV3's 0.01 is for long trainings: the package warns of it
    return tapped(network, **NETWORKS[name][0])


def advised_weight(method: str, _: str, *, name: str, teacher: nn.Module, data: Data) -> float:
    """What `distill` says in a warning before it begins; the published weight where it says nothing."""
    torch.manual_seed(SEED)
    asked = Distiller(method, student=make(name), teacher=teacher, data=data)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warn_if_labels_drown(asked, data, Settings(batch_size=BATCH, seed=SEED))
    advice = re.search(r"weight=(\S+) would leave", " ".join(str(warning.message) for warning in said))
    return float(advice[1]) if advice else asked.weight


def run(kind: str, name: str, method: str, data: Data, teacher: nn.Module | None = None) -> nn.Module | None:
    """Add a row: what a run gave, or why there is none, and what was said meanwhile. Nothing if it stands there."""
    rows = pd.read_csv(TABLE).to_dict("records") if TABLE.exists() else []
    if any((row["pictures"], row["student"], row["method"]) == (kind, name, method) for row in rows):
        return None
    (_, epochs, lr), (word, *tuned) = NETWORKS[name], method.split()
    row = {"pictures": kind, "student": name, "method": method, "epochs": epochs, "lr": lr}
    how = {"student": lambda: make(name), "data": data, "epochs": epochs, "lr": lr, "batch_size": BATCH, "seed": SEED}
    weigh = {"lesson": lesson_weight, "advised": partial(advised_weight, name=name, teacher=teacher, data=data)}
    options = {"options": {"weight": weigh[tuned[0]](word, data.name)}} if tuned else {}
    result = None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            result = train_alone(**how) if method == "alone" else distill(word, teacher=teacher, **how, **options)
            row |= {"accuracy": round(result.test_accuracy, 4), "seconds": result.card["seconds"]}
        except (ValueError, FloatingPointError) as problem:
            row["why_not"] = " ".join(str(problem).split())
    row["said"] = " | ".join(sorted({" ".join(str(warning.message).split()) for warning in said}))
    write_whole(TABLE, pd.DataFrame([*rows, row], columns=COLUMNS).to_csv(index=False))
    print(row, flush=True)
    return result and result.student


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="a folder of train/<class>/ and test/<class>/")
    parser.add_argument("--folder", type=Path, default=Path("runs") / "own_networks", help="for pictures and teachers")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--students", nargs="+", choices=list(NETWORKS), default=list(NETWORKS)[1:])
    asked = parser.parse_args()
    command = f"python -m tools.own_networks --images {asked.images.name}"  # other folders are this machine's business
    made = {"command": command, "seed": SEED, "batch_size": BATCH}
    made |= {"versions": {"kd_teach": version("kd-teach"), "torch": torch.__version__}, "hardware": environment()}
    write_whole(TABLE.with_suffix(".json"), json.dumps(made, indent=1) + "\n")
    torch.set_num_threads(1)
    for kind in asked.kinds:
        folder, weights = asked.folder / kind, asked.folder / f"{kind}.pth"
        data = load_data(folder if folder.exists() else small_folder(asked.images, folder, kind), size=SIZE)
        if not weights.exists():
            network = run(kind, "resnet18", "alone", data)
            torch.save(network.state_dict(), weights)
        teacher = load_teacher(weights, model=lambda: make("resnet18"))
        for name in asked.students:
            for method in METHODS:
                run(kind, name, method, data, teacher)


if __name__ == "__main__":
    main()
