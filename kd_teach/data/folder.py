"""Images from a folder of class folders: `train/<class>/**/*.jpg` and `test/<class>/**/*.jpg`, or any of `SUFFIXES`.

Pillow reads what torchvision's data sets read, as people see it: turned upright by EXIF, on white where it is
transparent, the first frame of several, 16 bits cut to their upper 8. Every file is decoded once; the tensors are then
cached on disk under a key made of all file names, sizes and times, so a changed folder is read anew.
"""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np
import PIL
import torch
from PIL import Image, ImageOps
from torch import Tensor

from kd_teach._support.progress import bar
from kd_teach.data.cache import cached
from kd_teach.data.types import Parts, Split

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp", ".gif")
CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")  # passed over without a word, as names with a leading dot are
NAMED_FILES = 10  # a message names this many files, then only counts
LARGEST_WHOLE = 4 * 2**30  # bytes of all pixels: without `size`, photos by the thousand would fill the memory unasked


class ImageFile(NamedTuple):
    path: str
    label: int
    size: int  # bytes
    modified: int  # nanoseconds


def read_folder(root: Path, size: int | None = None) -> Parts:
    """(train, test, classes) of the images under `root`; classes in alphabetical order of their NFC names.

    With `size`, the shorter side of every image is brought to so many pixels (bilinear, antialiased) and the centre
    cut out; without it, all images must have one size. One warning counts and names what was passed over.

    Raises FileNotFoundError when a folder or its images are missing, ValueError when the classes of train and
    test differ, when images differ in size, and when files cannot be decoded (it names them).
    """
    folders = {part: _class_folders(root, part) for part in ("train", "test")}
    classes = tuple(sorted(folders["train"]))
    if (in_test := tuple(sorted(folders["test"]))) != classes:
        raise ValueError(
            f"{root}: train and test must have the same class folders. Only in train: "
            f"{sorted({*classes} - {*in_test})}; only in test: {sorted({*in_test} - {*classes})}."
        )
    if len(classes) < 2:
        raise ValueError(f"{root} has one class, {classes[0]}; there is nothing to tell apart: add another.")
    passed_over = [entry.path for entry in _visible(root) if entry.is_dir() and entry.name not in folders]
    train, test = (_image_files(root / part, folders[part], passed_over) for part in ("train", "test"))
    if passed_over:
        read = f"read is train{os.sep}<class>{os.sep} and test{os.sep}<class>{os.sep} with {', '.join(SUFFIXES)}"
        count = f"{len(passed_over)} file(s) or folder(s) passed over"
        warnings.warn(f"{root}: {count}; {read}:\n{_listing(passed_over)}", stacklevel=3)
    reader = Path(
        __file__
    ).read_bytes()  # in the key: what another reader made of the files is not taken for this one's
    key = reader + repr((PIL.__version__, size, str(root.resolve()), train, test)).encode()
    tensors = cached(f"folder-{root.resolve().name[:40]}", key, partial(_decode_all, train, test, size))
    return _split(tensors, "train"), _split(tensors, "test"), classes


def is_data_folder(path: Path) -> bool:
    """Does it look like what `read_folder` reads?"""
    return os.path.isdir(path / "train") and os.path.isdir(path / "test")


def did_you_mean(path: Path, fits: Callable[[Path], bool]) -> str:
    """A question that ends an error: the folder two levels up to one level down from `path` that fits; or nothing."""
    path = path.absolute()
    below = [Path(entry) for entry in _visible(path) if os.path.isdir(entry)] if os.path.isdir(path) else []
    found = [place for place in (*path.parents[:2], *below) if fits(place)]
    return f" Did you mean {found[0]}?" if found else ""


def _split(tensors: dict[str, Tensor], part: str) -> Split:
    return Split(tensors[f"{part}_images"].permute(0, 3, 1, 2), tensors[f"{part}_labels"])


def _visible(folder: Path) -> list[os.DirEntry]:
    """What a folder holds, in alphabetical order, but for hidden names and clutter."""
    entries = sorted(os.scandir(folder), key=lambda entry: normalize("NFC", entry.name))
    return [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in CLUTTER]


def _class_folders(root: Path, part: str) -> dict[str, Path]:
    """Folders by their names in NFC: a Mac may write ü as two characters where another machine writes one."""
    if not (root / part).is_dir():
        pattern = root / part / "<class>" / "*.jpg"
        found = ", ".join(entry.name for entry in _visible(root)[:NAMED_FILES]) if root.is_dir() else ""
        raise FileNotFoundError(
            f"No folder {root / part}; images are expected as {pattern}, .png, ...; {root} holds {found or 'nothing'}."
            + did_you_mean(root, is_data_folder)
        )
    folders: dict[str, Path] = {}
    for entry in _visible(root / part):
        if os.path.isdir(entry) and (same := folders.setdefault(normalize("NFC", entry.name), Path(entry))) != Path(
            entry
        ):
            raise ValueError(f"{same} and {entry.path} are one name in two Unicode forms; put their images together.")
    if not folders:
        raise FileNotFoundError(f"{root / part} has no class folders; expected one folder of images for each class.")
    return folders


def _image_files(part: Path, folders: dict[str, Path], passed_over: list[str]) -> list[ImageFile]:
    """The images of all classes; the paths of all other files are added to `passed_over`."""
    passed_over += [entry.path for entry in _visible(part) if not os.path.isdir(entry)]
    files: list[ImageFile] = []
    for label, name in enumerate(sorted(folders)):
        entries, before = list(_walk(folders[name], set())), len(files)
        for entry in entries:
            if entry.name.lower().endswith(SUFFIXES) and os.path.isfile(entry):
                status = entry.stat()
                files.append(ImageFile(entry.path, label, status.st_size, status.st_mtime_ns))
            else:
                passed_over.append(entry.path)
        if len(files) == before:
            others = f" (only {', '.join(entry.name for entry in entries[:NAMED_FILES])})" if entries else ""
            advice = "add images or remove the class"
            raise FileNotFoundError(f"{folders[name]} holds no {', '.join(SUFFIXES)} file{others}; {advice}.")
    return files


def _walk(folder: str | Path, seen: set[str]) -> Iterator[os.DirEntry]:
    """Every file in a folder and in the folders in it; links are followed, but no folder is read twice."""
    if (real := os.path.realpath(folder)) not in seen:
        seen.add(real)
        for entry in _visible(Path(folder)):
            if os.path.isdir(entry):
                yield from _walk(entry.path, seen)
            else:
                yield entry


def _decode_all(train: list[ImageFile], test: list[ImageFile], size: int | None) -> dict[str, Tensor]:
    files = train + test
    images: list[np.ndarray] = []
    shapes, bad = [], []
    with warnings.catch_warnings(action="ignore"):  # Pillow's, on odd metadata: they name no file
        for file in bar(files, desc="decoding images", unit=" images", leave=False):
            try:
                image = _decode(file.path, size)
            except Exception as problem:  # Pillow raises many kinds, and one bad file must not hide the others
                reason = str(problem).replace(f" {file.path!r}", "") or type(problem).__name__
                bad.append(f"{file.path}: {reason.splitlines()[0]}")
                continue
            shapes.append(image.shape)
            if size or (shapes[0] == image.shape and image.nbytes * len(files) <= LARGEST_WHOLE):
                images.append(image)  # the others will be refused: no memory for them
    if bad:
        raise ValueError(f"Cannot read {len(bad)} image file(s); replace or delete them:\n{_listing(bad)}")
    if len(images) < len(files):
        _refuse_sizes(files, shapes)
    pixels = torch.from_numpy(np.stack(images))  # (N, H, W, 3): channels_last on disk
    labels = torch.tensor([file.label for file in files])
    cut = len(train)
    return {
        "train_images": pixels[:cut].clone(),
        "train_labels": labels[:cut].clone(),
        "test_images": pixels[cut:].clone(),
        "test_labels": labels[cut:].clone(),
    }


def _decode(path: str, size: int | None) -> np.ndarray:
    """The image as (H, W, 3) uint8: upright, in colours, on white; with `size`, its centre as (size, size, 3)."""
    with Image.open(path) as image:
        image.load()
        with suppress(Exception):  # broken EXIF is no reason to refuse a picture
            ImageOps.exif_transpose(image, in_place=True)
        picture = _in_colours(image)
    if size:
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _in_colours(image: Image.Image) -> Image.Image:
    """The same in mode RGB."""
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise ValueError("holds 32 bits a pixel, whose black and white nobody knows: save it with 8 or 16")
    if image.mode.startswith(
        "I"
    ):  # 16 bits, which Pillow alone would clip at 255 (a PGM or an old Pillow's are mode I)
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _refuse_sizes(files: list[ImageFile], shapes: list[tuple[int, ...]]) -> None:
    sizes = [f"{height}x{width}" for height, width, _ in shapes]
    [(commonest, count), *others] = Counter(sizes).most_common()
    fix = "Pass size=32 (--size 32), or as many pixels as your network wants: shorter side to 32, then the centre."
    if not others:
        raise ValueError(
            f"{count} images of {commonest} (height x width) are too much for the memory as a whole. {fix}"
        )
    odd = [f"{file.path}: {size}" for file, size in zip(files, sizes, strict=True) if size != commonest]
    raise ValueError(
        f"All images must have one size: {count} of {len(files)} are {commonest} (height x width), "
        f"{len(odd)} differ(s). {fix}\n{_listing(odd)}"
    )


def _listing(lines: list[str]) -> str:
    more = [f"... and {len(lines) - NAMED_FILES} more"] if len(lines) > NAMED_FILES else []
    return "\n".join("  " + line for line in lines[:NAMED_FILES] + more)
