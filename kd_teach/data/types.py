"""What every data set ends as: uint8 tensors in memory, in three splits, and the batches made of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from kd_teach._support.numbers import listed, number, whole


class Batch(NamedTuple):
    """What one step of training or evaluation sees."""

    images: Tensor  # (B, 3, H, W) float32, normalised, channels_last
    labels: Tensor  # (B,) int64
    index: Tensor  # type: ignore[assignment]  # a tuple's own `index` is hidden. (B,) int64: the row in data.train (or in the split asked for), for memory banks


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Images with their labels, and where known the mask of the object in each."""

    images: Tensor  # (N, 3, H, W) uint8; fastest when channels_last, as load_data makes them
    labels: Tensor  # (N,) int64
    masks: Tensor | None = None  # (N, H, W) bool: True on the object's visible pixels

    def __post_init__(self):
        is_rgb = self.images.ndim == 4 and self.images.shape[1] == 3
        _expect("images", self.images, torch.uint8, "(N, 3, H, W)", is_rgb)
        count, _, height, width = self.images.shape
        _expect("labels", self.labels, torch.int64, f"({count},)", self.labels.shape == (count,))
        if self.masks is not None:
            shape = (count, height, width)
            _expect("masks", self.masks, torch.bool, str(shape), self.masks.shape == shape)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        masks = " with masks" if self.masks is not None else ""
        return f"Split({len(self)} images of {tuple(self.images.shape[1:])}{masks})"

    def select(self, rows: Tensor | Sequence[int] | slice) -> "Split":
        """The split made of these rows, in this order."""
        rows = rows if isinstance(rows, slice) else torch.as_tensor(rows, dtype=torch.int64)
        masks = None if self.masks is None else self.masks[rows]
        images = self.images[rows] if isinstance(rows, slice) else take(self.images, rows)
        return Split(images, self.labels[rows], masks)

    def sample(self, count: int, *, seed: int = 0) -> "Split":
        """`count` images drawn without replacement, in random order, the same for the same seed.

        For pictures and quick looks: a split may be sorted by class, so that its first images are all alike.
        """
        if not 0 <= count <= len(self):
            raise ValueError(f"{count} images were asked for; this split has {len(self)}.")
        return self.select(torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:count])


Parts = tuple[Split, Split, tuple[str, ...]]  # what a reader finds: train, test, class names


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """A data set ready for use: three splits, and the statistics its images are normalised with."""

    name: str
    train: Split  # the images trained on: after the validation cut, after choosing `samples`
    val: Split  # cut from the training set; may be empty
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]  # per channel, of pixels in 0..1
    std: tuple[float, ...]
    resized: str = "no"  # or how the images were brought to one size

    def __post_init__(self):
        for name in ("mean", "std"):
            three = [
                number(f"a {name} of {self.name}", x, 0, above=name == "std") for x in listed(name, getattr(self, name))
            ]
            whole(f"the number of channels in {name} of {self.name}", len(three), 3, 3)
        for name in ("train", "test"):
            if not len(getattr(self, name)):
                raise ValueError(f"{self.name}: the {name} split holds no images; it needs at least one.")
        for name in ("train", "val", "test"):
            split = getattr(self, name)
            if (size := tuple(split.images.shape[2:])) != self.image_size:
                sizes = f"{size} in {name}, {self.image_size} in train"
                raise ValueError(f"{self.name}: images differ in size: {sizes}; resize them to one size.")
            if len(split) and not 0 <= split.labels.min() <= split.labels.max() < self.num_classes:
                found = f"{int(split.labels.min())}..{int(split.labels.max())}"
                raise ValueError(
                    f"{self.name}: labels {found} in {name}, expected 0..{self.num_classes - 1} "
                    f"for {self.num_classes} classes."
                )

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.train.images.shape[2:]
        return height, width

    def fingerprint(self) -> str:
        """sha256 (hex) over the images and labels of train, val and test: the exact data that a run used.

        Computed anew at each call, for tensors can be written to: `data.train.labels[:100] = 0`.
        """
        digest = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            digest.update(repr(tuple(split.images.shape)).encode())
            digest.update(split.images.contiguous().numpy().data)
            digest.update(split.labels.contiguous().numpy().data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in ("train", "val", "test"))
        height, width = self.image_size
        return f"Data({self.name!r}: {counts}; {self.num_classes} classes; {height}x{width} pixels)"


def take(images: Tensor, rows: Tensor) -> Tensor:
    """`images[rows]` of (N, 3, H, W) as channels_last; tens of times faster when `images` is so too."""
    return images.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)


def _expect(name: str, tensor: Tensor, dtype: torch.dtype, shape: str, shape_fits: bool) -> None:
    if tensor.dtype != dtype or not shape_fits:
        found = f"{tensor.dtype} of shape {tuple(tensor.shape)}"
        raise ValueError(f"{name} must be {dtype} of shape {shape}, not {found}.")
