"""`load_data`: a data set by its name, cut into images to train on, to validate on and to test on."""

import os
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from kd_teach._support.errors import unknown
from kd_teach._support.files import user_path
from kd_teach._support.numbers import whole
from kd_teach.data.cache import cached
from kd_teach.data.cifar import CIFAR, read_cifar
from kd_teach.data.folder import did_you_mean, is_data_folder, read_folder
from kd_teach.data.seeds import generator
from kd_teach.data.shapes10 import CLASSES, draw_shapes10
from kd_teach.data.subsets import stratified_rows
from kd_teach.data.types import Data, Parts, Split

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # (mean, std) that pretrained networks were made with
LARGEST_SIZE = 2048
SHAPES10_POOL = {"train": 12_000, "test": 2_000}  # images drawn once, for every seed of load_data


def list_data() -> list[str]:
    """The names that `load_data` knows; it also takes the path of a folder."""
    return ["shapes10", *CIFAR]


def load_data(
    name: str | Path,
    *,
    samples: int | None = None,
    val: int | None = None,
    seed: int = 0,
    size: int | None = None,
    normalise: str = "data",
    root: str | Path | None = None,
    download: bool = False,
) -> Data:
    """A data set in memory, its training set cut into validation images and the images to train on.

    Args:
        name: "shapes10" (drawn here, no download), "cifar10", "cifar100", or the path of a folder with
            `train/<class>/` and `test/<class>/` full of images (`folder.py` says which).
        samples: how many images to train on, stratified over the classes; None takes all that `val` leaves.
        val: how many training images to set aside first, stratified; None means 2,000, or a sixth of a
            smaller set. They depend on `seed` but not on `samples`, and the test set is never touched.
        seed: decides which images are chosen; any integer.
        size: of a folder's images: the shorter side becomes so many pixels, then the centre is cut out, so that
            all are square; None takes them as they are, if they have one size.
        normalise: by the mean and the standard deviation of the "data" itself (CIFAR's are the published ones), or
            "imagenet", for networks that were pretrained with those.
        root: where CIFAR is; None means `KD_TEACH_DATA`, or `data/` here or in the checkout.
        download: fetch CIFAR through torchvision when it is not there, and repair a broken download.

    Raises:
        ValueError: an unknown name, unusable images, or impossible numbers of them or of pixels.
        FileNotFoundError, RuntimeError, ConnectionError: data that is missing, damaged or out of reach.
    """
    seed = whole("seed", seed)
    if normalise not in ("data", "imagenet"):
        raise unknown("way to normalise", normalise, ("data", "imagenet"))
    if name in list_data() and size is not None:
        raise ValueError(f"size={size} goes with a folder of your own images; those of {name} are 32x32. Leave it out.")
    if name == "shapes10":
        train, test, classes = read_shapes10()
        own = statistics(train.images)
    elif name in CIFAR:
        train, test, classes = read_cifar(str(name), root=root, download=download)
        own = CIFAR[str(name)].mean, CIFAR[str(name)].std
    else:
        train, test, classes = _read_own(name, size)
        own = statistics(train.images)
    mean, std = IMAGENET if normalise == "imagenet" else own
    resized = f"shorter side to {size}, then the centre" if size else "no"
    if name not in list_data():
        height, width = train.images.shape[2:]
        numbers = [" ".join(f"{number:.3f}" for number in three) for three in (mean, std)]
        print(
            f"{Path(name).name}: {len(train)} training and {len(test)} test images of {height}x{width} "
            f"(resized: {resized}), normalised by {normalise}: mean {numbers[0]}, std {numbers[1]}."
        )
    train, held_out = _cut(train, samples=samples, val=val, seed=seed, classes=len(classes))
    return Data(str(name), train, held_out, test, classes, mean, std, resized)


def _read_own(name: str | Path, size: int | None) -> Parts:
    """`read_folder` of a path that may begin with ~, or an error that says what stands there instead."""
    size = None if size is None else whole("size", size, 1, LARGEST_SIZE)
    folder = user_path(name)
    if folder.is_dir():
        return read_folder(folder, size)
    hint = did_you_mean(folder, is_data_folder)
    if folder.exists():
        raise NotADirectoryError(f"{folder} is a file; expected a folder with train{os.sep} and test{os.sep}.{hint}")
    if isinstance(name, Path) or os.sep in name:
        raise FileNotFoundError(f"There is no folder {folder}; expected one with train{os.sep} and test{os.sep}.{hint}")
    problem = unknown("data set", name, list_data())
    raise ValueError(f"{problem} Or give the path of a folder with train{os.sep} and test{os.sep}.{hint}")


def statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) per channel of uint8 images (N, 3, H, W), for pixels in 0..1; exact, from counts of values.

    A channel without any contrast gets std 1, so that normalising it does not divide by zero.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.unbind(1):
        shares = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        mean = (shares * values).sum()
        means.append(mean.item())
        stds.append((shares * (values - mean) ** 2).sum().sqrt().item() or 1.0)
    return tuple(means), tuple(stds)


def read_shapes10() -> Parts:
    """(train, test, classes) of the pool that every `load_data("shapes10")` cuts from, with masks."""
    look = draw_shapes10(100, seed=0).images.numpy().tobytes()  # in the key: a changed drawing is drawn anew
    parts = {}
    for part, count in SHAPES10_POOL.items():
        seed = generator(0, "shapes10", part).initial_seed()
        tensors = cached(f"shapes10-{part}", look + f"{count}/{seed}".encode(), partial(_draw, count, seed))
        parts[part] = Split(tensors["images"].permute(0, 3, 1, 2), tensors["labels"], tensors["masks"])
    return parts["train"], parts["test"], CLASSES


def _draw(count: int, seed: int) -> dict[str, Tensor]:
    drawn = draw_shapes10(count, seed=seed)
    images = drawn.images.permute(0, 2, 3, 1).contiguous()  # (N, H, W, 3): channels_last on disk
    assert drawn.masks is not None  # shapes10 knows where its objects are
    return {"images": images, "labels": drawn.labels, "masks": drawn.masks}


def _cut(train: Split, *, samples: int | None, val: int | None, seed: int, classes: int) -> tuple[Split, Split]:
    """(what to train on, validation): validation is cut first, so it is the same for every `samples`."""
    total = len(train)
    val = min(2000, total // 6) if val is None else whole("val", val)
    if not 0 <= val <= total - classes:
        raise ValueError(
            f"val={val} does not fit {total} training images of {classes} classes: choose 0 to {total - classes}."
        )
    rows, val_rows = stratified_rows(train.labels, total - val, random=generator(seed, "validation"))
    if samples is not None:
        if not classes <= whole("samples", samples) <= len(rows):
            raise ValueError(
                f"samples={samples} is impossible: {total} training images less {val} for validation leave "
                f"{len(rows)}, of {classes} classes: choose {classes} to {len(rows)}, or None for all."
            )
        chosen, _ = stratified_rows(train.labels[rows], samples, random=generator(seed, "samples"))
        rows = rows[chosen]
    return train.select(rows), train.select(val_rows)
