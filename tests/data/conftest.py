"""Small data sets on disk, and a cache that ends with the test."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from kd_teach.data import Data, Split

CLASSES = ("ant", "bee", "cat")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KD_TEACH_CACHE", str(folder))
    return folder


def random_images(count: int, size: int = 8) -> Tensor:
    return torch.randint(256, (count, 3, size, size), dtype=torch.uint8)


def write_image(image: Tensor, path: Path, **options) -> None:
    """Write (3, H, W) uint8 with Pillow, so that reading it back compares two independent decoders."""
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(path, **options)


def random_split(count: int, *, classes: int = 3, size: int = 8) -> Split:
    return Split(random_images(count, size), torch.arange(count) % classes)


@pytest.fixture
def data() -> Data:
    train, val, test = (random_split(count) for count in (23, 6, 9))
    return Data("small", train, val, test, CLASSES, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


@pytest.fixture
def write_folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a folder of class folders with `train` and `test` PNG files in each."""

    def write(root: Path = tmp_path / "pictures", *, train: int = 4, test: int = 2, classes=CLASSES) -> Path:
        for part, count in (("train", train), ("test", test)):
            for name in classes:
                (root / part / name).mkdir(parents=True)
                for number, image in enumerate(random_images(count)):
                    write_image(image, root / part / name / f"{number}.png")
        return root

    return write
