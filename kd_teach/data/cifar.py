"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): from torchvision's download, or from a folder of class folders.

Two layouts are looked for under each data folder:
    cifar-10-batches-py/, cifar-100-python/      what torchvision downloads, checks and unpacks
    cifar10/{train,test}/<class>/*.jpg|png       see folder.py; the alphabetical classes are torchvision's
The layouts list the images in different orders, so the same seed chooses different subsets from them.

torchvision is imported where it is used: it brings torch.compile along, which takes longer to load than torch itself.
"""

import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from kd_teach._support.errors import DamagedFileError
from kd_teach._support.files import locked, user_path
from kd_teach.data.folder import did_you_mean, read_folder
from kd_teach.data.types import Parts, Split

if TYPE_CHECKING:
    from torchvision import datasets


class Cifar(NamedTuple):
    dataset: str  # the name of its class in torchvision.datasets
    mean: tuple[float, float, float]  # of all 50,000 training images, as published everywhere
    std: tuple[float, float, float]


CIFAR = {
    "cifar10": Cifar("CIFAR10", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": Cifar("CIFAR100", (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}


def data_roots(root: str | Path | None = None) -> list[Path]:
    """Where data sets are looked for: `root`, else `KD_TEACH_DATA`, else `data/` here and in the checkout."""
    if chosen := root or os.environ.get("KD_TEACH_DATA"):
        return [user_path(chosen)]
    tops = [Path.cwd()]
    checkout = Path(__file__).resolve().parents[2]  # unless the package was installed away from it
    if (checkout / "pyproject.toml").exists() and checkout not in tops:
        tops.append(checkout)
    return [top / "data" for top in tops]


def read_cifar(name: str, *, root: str | Path | None = None, download: bool = False) -> Parts:
    """(train, test, classes) of "cifar10" or "cifar100".

    Raises FileNotFoundError when the data is not there, RuntimeError when it is incomplete or damaged, and
    ConnectionError when a download fails: each says what to do.
    """
    dataset, folder = _dataset(name), find_cifar(name, root)
    if folder is None:
        roots = data_roots(root)
        if not download:
            raise FileNotFoundError(
                f"{name} is not in {' nor in '.join(map(str, roots))} "
                f"(looked for {dataset.base_folder}{os.sep} and {name}{os.sep}). Three ways out: download=True "
                "(--download) fetches it; KD_TEACH_DATA names the folder that has it; shapes10 needs no download."
                + did_you_mean(roots[0], partial(_holds, name))
            )
        folder = roots[-1]  # in the checkout, where there is one
    if (folder / name).is_dir() and not (folder / dataset.base_folder).exists():
        return read_folder(folder / name)
    return _read_torchvision(dataset, folder, download)


def find_cifar(name: str, root: str | Path | None = None) -> Path | None:
    """The first of `data_roots` that has "cifar10" or "cifar100" in either layout or as an archive, or None."""
    return next(filter(partial(_holds, name), data_roots(root)), None)


def _holds(name: str, folder: Path) -> bool:
    dataset = _dataset(name)
    return any(os.path.exists(folder / part) for part in (dataset.base_folder, name, dataset.filename))


def _dataset(name: str) -> "type[datasets.CIFAR10]":
    from torchvision import datasets

    return getattr(datasets, CIFAR[name].dataset)


def _read_torchvision(dataset: "type[datasets.CIFAR10]", root: Path, download: bool) -> Parts:
    from torchvision.datasets.utils import check_integrity

    archive = root / dataset.filename
    if not (root / dataset.base_folder).exists() and check_integrity(archive, dataset.tgz_md5):
        download = True  # the archive is whole: torchvision only unpacks it
    writes = download and (not root.exists() or os.access(root, os.W_OK))
    lock = locked(root / f".{dataset.base_folder}.lock", lambda: f"another process, which fills {root}")
    try:
        with lock if writes else nullcontext():
            train, test = (dataset(root, train=part, download=download) for part in (True, False))
    except RuntimeError as problem:
        advice = "run again with download=True (--download), which replaces it"
        raise DamagedFileError(f"{_damage(dataset, root)}. Delete it, or {advice}.") from problem
    except (OSError, EOFError) as problem:
        raise ConnectionError(
            f"Could not download {dataset.url} to {archive} ({problem}). Try again, or put the file there by "
            "other means; shapes10 needs no download."
        ) from problem
    return _split(train), _split(test), tuple(train.classes)


def _damage(dataset: "type[datasets.CIFAR10]", root: Path) -> str:
    """Which file is to blame, when torchvision refuses what it finds."""
    from torchvision.datasets.utils import check_integrity

    folder = root / dataset.base_folder
    if not folder.exists():
        return f"{root / dataset.filename} is a half-finished or damaged download (its checksum is wrong)"
    expected = dict(dataset.train_list + dataset.test_list) | {dataset.meta["filename"]: dataset.meta["md5"]}
    bad = [name for name, md5 in expected.items() if not check_integrity(folder / name, md5)]
    found = [f"{name} ({'wrong checksum' if (folder / name).exists() else 'missing'})" for name in bad]
    return f"{folder} is incomplete or damaged: {', '.join(found)}"


def _split(dataset: "datasets.CIFAR10") -> Split:
    images = torch.from_numpy(dataset.data).permute(0, 3, 1, 2)  # a channels_last view of (N, H, W, 3)
    return Split(images, torch.tensor(dataset.targets))
