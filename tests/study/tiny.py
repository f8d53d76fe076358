"""A study whose cells take a tenth of a second: 24 images of 16x16 pixels, a resnet8 as the teacher."""

from pathlib import Path

import torch
from PIL import Image

from kd_teach import load_data, train_alone
from tests.helpers import tiny_split

NOT_COMPARED = ("seconds_per_epoch", "peak_mb")


def make_world(root: Path) -> dict:
    """Write a data set of class folders and train a teacher on it; the keys `data` and `pairs` of a grid."""
    for part, count in (("train", 24), ("test", 12)):
        split = tiny_split(count)
        for row, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            where = root / "stripes" / part / f"class{label}"
            where.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(where / f"{row:02}.png")
    torch.manual_seed(0)
    data = load_data(root / "stripes", val=6)
    train_alone("resnet8", data=data, epochs=2, batch_size=6, seed=9, device="cpu", out=root / "teacher")
    return {"data": str(root / "stripes"), "pairs": [[str(root / "teacher"), "resnet8"]]}


def grid(world: dict, **changes) -> dict:
    """A grid of two methods and both controls on the tiny world."""
    keys = {"methods": ["alone", "label_smoothing", "kd", "at"], "budgets": [{"val": 6, "epochs": 2}]}
    return world | keys | {"settings": {"batch_size": 6, "device": "cpu"}, "name": "tiny"} | changes


def comparable(table: Path) -> list[list[str]]:
    """The cells of a CSV without times and memory."""
    lines = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()]
    columns = [place for place, name in enumerate(lines[0]) if name not in NOT_COMPARED]
    return [[line[place] for place in columns] for line in lines]
