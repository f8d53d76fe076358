"""Images from a folder of class folders: `train/<class>/*.jpg|jpeg|png` and `test/<class>/...`.

Every file is decoded once, by torchvision's decoders; the tensors are then cached on disk under a key made of
all file names, sizes and times, so a changed folder is read anew. (Threads were no faster at 32x32 pixels.)
"""

import os
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kd_teach._support.progress import bar
from kd_teach.data.cache import cached
from kd_teach.data.types import Parts, Split

SUFFIXES = (".jpg", ".jpeg", ".png")
NAMED_FILES = 10  # an error names this many files, then only counts


class ImageFile(NamedTuple):
    path: str
    label: int
    size: int  # bytes
    modified: int  # nanoseconds


def read_folder(root: Path) -> Parts:
    """(train, test, classes) of the images under `root`; classes in alphabetical order.

    Raises FileNotFoundError when a folder or its images are missing, ValueError when the classes of train and
    test differ, when images differ in size, and when files cannot be decoded (it names them).
    """
    classes = _classes(root / "train")
    if (in_test := _classes(root / "test")) != classes:
        raise ValueError(
            f"{root}: train and test must have the same class folders. Only in train: "
            f"{sorted({*classes} - {*in_test})}; only in test: {sorted({*in_test} - {*classes})}."
        )
    files = [_image_files(root / part, classes) for part in ("train", "test")]
    key = repr((str(root.resolve()), files)).encode()
    tensors = cached(f"folder-{root.name}", key, partial(_decode_all, *files))
    return _split(tensors, "train"), _split(tensors, "test"), classes


def _split(tensors: dict[str, Tensor], part: str) -> Split:
    return Split(tensors[f"{part}_images"].permute(0, 3, 1, 2), tensors[f"{part}_labels"])


def _classes(part: Path) -> tuple[str, ...]:
    if not part.is_dir():
        pattern = part / "<class>" / "*.jpg"
        raise FileNotFoundError(f"No folder {part}; images are expected as {pattern}, .jpeg or .png.")
    folders = (entry.name for entry in os.scandir(part) if entry.is_dir())
    names = tuple(sorted(name for name in folders if not name.startswith(".")))
    if not names:
        raise FileNotFoundError(f"{part} has no class folders; expected one folder of images for each class.")
    return names


def _image_files(part: Path, classes: tuple[str, ...]) -> list[ImageFile]:
    files = []
    for label, name in enumerate(classes):
        visible = (entry for entry in os.scandir(part / name) if not entry.name.startswith("."))
        images = [entry for entry in visible if entry.name.lower().endswith(SUFFIXES)]
        if not images:
            advice = "add images or remove the class"
            raise FileNotFoundError(f"{part / name} holds no {', '.join(SUFFIXES)} file; {advice}.")
        for entry in sorted(images, key=lambda entry: entry.name):
            status = entry.stat()
            files.append(ImageFile(entry.path, label, status.st_size, status.st_mtime_ns))
    return files


def _decode_all(train: list[ImageFile], test: list[ImageFile]) -> dict[str, Tensor]:
    files = train + test
    with warnings.catch_warnings():
        # torchvision 0.29 says, at every single call, that its decoders will give way to TorchCodec one day.
        warnings.filterwarnings("ignore", "The image decoding", DeprecationWarning)
        progress = bar(files, desc="decoding images", unit=" images", leave=False)
        results = [_decode(file.path) for file in progress]
    _refuse_unreadable(files, results)
    decoded = [image for image in results if isinstance(image, Tensor)]
    _refuse_other_sizes(files, decoded)
    images = torch.stack([image.permute(1, 2, 0) for image in decoded])  # (N, H, W, 3): channels_last on disk
    labels = torch.tensor([file.label for file in files])
    cut = len(train)
    return {
        "train_images": images[:cut].clone(),
        "train_labels": labels[:cut].clone(),
        "test_images": images[cut:].clone(),
        "test_labels": labels[cut:].clone(),
    }


def _decode(path: str) -> Tensor | str:
    """The image as (3, H, W) uint8, or why it cannot be read: one bad file must not hide the others."""
    from torchvision.io import ImageReadMode, decode_image  # slow to load: see cifar.py

    try:
        image = decode_image(torch.from_numpy(np.fromfile(path, np.uint8)), ImageReadMode.RGB)
    except (OSError, RuntimeError) as problem:
        return str(problem).splitlines()[0]
    return image if image.dtype == torch.uint8 else f"holds {image.dtype} values, expected 8 bits a channel"


def _refuse_unreadable(files: list[ImageFile], results: list[Tensor | str]) -> None:
    read = zip(files, results, strict=True)
    if bad := [f"{file.path}: {result}" for file, result in read if isinstance(result, str)]:
        raise ValueError(f"Cannot read {len(bad)} image file(s); replace or delete them:\n{_listing(bad)}")


def _refuse_other_sizes(files: list[ImageFile], images: list[Tensor]) -> None:
    sizes = ["x".join(map(str, image.shape[1:])) for image in images]
    read = zip(files, sizes, strict=True)
    if bad := [f"{file.path}: {size}" for file, size in read if size != sizes[0]]:
        raise ValueError(
            f"All images must be {sizes[0]} (height x width) like {files[0].path}; "
            f"{len(bad)} differ(s), resize or delete:\n{_listing(bad)}"
        )


def _listing(lines: list[str]) -> str:
    more = [f"... and {len(lines) - NAMED_FILES} more"] if len(lines) > NAMED_FILES else []
    return "\n".join("  " + line for line in lines[:NAMED_FILES] + more)
