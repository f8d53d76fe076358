"""Batches for training and evaluation, cut from uint8 tensors in memory.

Augmentation works on whole batches on the device: no Python per image, no worker processes. All random
numbers of an epoch are drawn at its start from one generator seeded by (seed, epoch), so an epoch can be
entered in the middle (`start`) and still yields bit for bit the batches it would have yielded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kd_teach._support.numbers import whole, word
from kd_teach.data.seeds import generator
from kd_teach.data.types import Batch, Data, Split, take


@dataclass(frozen=True)
class Augment:
    """Random crops and mirror images. `Augment(pad=0, flip=False)` leaves the images as they are."""

    pad: int = 4  # black pixels added on each side before a crop of the old size is taken
    flip: bool = True  # mirror left and right, half of the time

    def __post_init__(self):
        whole("pad", self.pad, 0)
        word("flip", self.flip, (True, False))


def batches_per_epoch(data: Data, batch_size: int) -> int:
    """How many batches `training_batches` yields in one epoch: only full ones.

    Raises ValueError when the training split does not fill a single batch.
    """
    if not 1 <= batch_size <= len(data.train):
        raise ValueError(
            f"batch_size {batch_size} does not fit {len(data.train)} training images: only full batches are "
            f"used, so choose 1 to {len(data.train)}, or load more samples."
        )
    return len(data.train) // batch_size


def training_batches(
    data: Data,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    augment: Augment = Augment(),
    start: int = 0,
    device: str | torch.device = "cpu",
) -> Iterator[Batch]:
    """One epoch of shuffled, augmented batches, the same whenever all arguments are the same.

    `seed` and `epoch` are any integers. `start` skips that many batches without changing the later ones.
    The last, ragged batch is dropped (losses on pairs of images need B >= 2); each epoch leaves out others.
    Raises ValueError, at the call, when the data does not fill a batch or `start` is past the epoch's end.
    """
    count = batches_per_epoch(data, batch_size)
    if not 0 <= start <= count:
        raise ValueError(f"start={start} lies outside the epoch's {count} batches; choose 0 to {count}.")

    size, random = len(data.train), generator(seed, "epoch", epoch)
    order = torch.randperm(size, generator=random)  # drawn first: augmentation does not change it
    corners = torch.randint(2 * augment.pad + 1, (size, 2), generator=random).to(device)
    mirrored = (torch.rand(size, generator=random) < (0.5 if augment.flip else 0)).to(device)
    images, labels, order = (tensor.to(device) for tensor in (data.train.images, data.train.labels, order))

    def batches() -> Iterator[Batch]:
        for step in range(start, count):
            here = slice(step * batch_size, (step + 1) * batch_size)
            rows = order[here]
            moved = crop_and_flip(take(images, rows), corners[here], mirrored[here], pad=augment.pad)
            yield Batch(normalise(moved, data), labels[rows], rows)

    return batches()


def plain_batches(
    split: Split, data: Data, batch_size: int = 256, *, device: str | torch.device = "cpu"
) -> Iterator[Batch]:
    """The images of `split` in order, as they are, normalised as `data`; the last batch may be short.

    An empty split yields nothing.
    """
    for index in torch.arange(len(split)).split(batch_size) if len(split) else ():
        batch = split.select(slice(int(index[0]), int(index[-1]) + 1))
        yield Batch(normalise(batch.images.to(device), data), batch.labels.to(device), index.to(device))


def normalise(images: Tensor, data: Data) -> Tensor:
    """uint8 images (N, 3, H, W) as a network wants them: (x / 255 - mean) / std, float32, channels_last."""
    lines = images.permute(0, 2, 3, 1).flatten(2).float()  # (N, H, W*3): faster than triples of channels
    statistics = torch.tensor((data.mean, data.std), device=images.device)
    mean, std = statistics.repeat(1, images.shape[3])  # (W*3,) each
    lines = torch.addcmul(-mean / std, lines, 1 / (255 * std))  # one pass: shift + x * scale
    return lines.unflatten(2, (-1, 3)).permute(0, 3, 1, 2)


def crop_and_flip(images: Tensor, corners: Tensor, mirrored: Tensor, *, pad: int) -> Tensor:
    """Each image mirrored where asked, then moved within a black frame.

    Args: images (B, 3, H, W) uint8; corners (B, 2) int64, the top and left edge of the crop in the padded
    image, each in 0..2*pad; mirrored (B,) bool. Returns new images (B, 3, H, W), channels_last.
    """
    count, _, height, width = images.shape
    here = torch.arange(count, device=images.device)
    pixels = images.permute(0, 2, 3, 1)
    pixels = torch.cat([pixels, pixels.flip(2)]).index_select(0, here + count * mirrored)
    padded = F.pad(pixels, (0, 0, pad, pad, pad, pad))  # (B, H + 2*pad, W + 2*pad, 3)

    # One line of a crop is one run of bytes in the padded batch, so a crop is H runs, copied by their starts.
    # `index_select` copies whole runs; indexing with [...] would move single bytes, ten times slower.
    to_image, to_line, to_pixel, _ = padded.stride()
    starts = here * to_image + corners[:, 0] * to_line + corners[:, 1] * to_pixel
    starts = starts[:, None] + to_line * torch.arange(height, device=images.device)  # (B, H)
    runs = padded.flatten().unfold(0, 3 * width, 1)  # every run, as a view
    return runs.index_select(0, starts.flatten()).view(count, height, width, 3).permute(0, 3, 1, 2)
