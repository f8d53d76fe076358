"""What contrast over a whole data set needs: a memory with one row per training image, and negatives drawn from it.

A batch holds 64 images; to tell one among thousands, a loss keeps the last embedding of every other one.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import WIDEST, number, whole
from kd_teach.methods._tensors import unit


class MemoryBank(nn.Module):
    """The remembered embedding of every training image: a buffer `rows` (n, dim), so it is saved and moved with us.

    Args:
        n: how many images the training set has.
        dim: width of an embedding.
        momentum: how much of the old row stays at each renewal, 0 <= momentum < 1.

    The rows start uniform in +-1/sqrt(dim/3), which makes their norms about 1, from torch's global generator.
    """

    rows: Tensor

    def __init__(self, n: int, dim: int, *, momentum: float) -> None:
        super().__init__()
        self.momentum = number("momentum", momentum, 0, 1, below=True)  # 0.5 is common
        bound = math.sqrt(3 / dim)
        self.register_buffer("rows", torch.empty(n, dim).uniform_(-bound, bound))

    @torch.no_grad()
    def renew(self, index: Tensor, new: Tensor) -> None:
        """Move the rows of a batch towards their new embeddings and back onto the unit sphere.

        Args:
            index: (B,) rows; all others stay as they are, bit for bit.
            new: (B, dim) unit embeddings. If an index occurs twice, the mean of its embeddings counts. Rows that
                would become NaN stay as they are.
        """
        same = (index[:, None] == index).to(new.dtype)  # (B, B); without repetitions the identity
        new = same @ new / same.sum(dim=1, keepdim=True)
        old = self.rows[index]
        blend = unit(self.momentum * old + (1 - self.momentum) * new)
        # Where old and new cancel there is no direction to write, and a NaN would stay for good.
        usable = (blend.any(dim=1) & blend.isfinite().all(dim=1))[:, None]
        self.rows[index] = torch.where(usable, blend, old).to(self.rows.dtype)

    def extra_repr(self) -> str:
        return f"{self.rows.shape[0]}, {self.rows.shape[1]}, momentum={self.momentum}"


class Contrast(NamedTuple):
    """Which rows of a bank each of B anchors is compared with."""

    positive: Tensor  # (B,) the row it should resemble
    candidates: Tensor | None  # (m,) rows that all anchors are scored against; None: all n
    negative: Tensor  # (B, m) bool: which of them count as negatives of this anchor
    k: Tensor  # (B,) K of the equation: how many those are, unless the other classes have fewer than K rows


class Contrasts(nn.Module):
    """Positives and negatives for each anchor of a batch; negatives are never of the anchor's own class.

    Args:
        labels: (n,) integer classes of the training set.
        negatives: K, how many negatives an anchor gets ("all" ignores it).
        sampling:
            "exact"  the anchor's own row against K rows of other classes, drawn without replacement.
            "relax"  a random row of the anchor's class (perhaps its own) against K rows drawn likewise.
            "all"    the anchor's own row against every row of every other class: nothing is random.

    All draws come from torch's global CPU generator, on whatever device the labels are.
    """

    labels: Tensor
    counts: Tensor
    grouped: Tensor
    starts: Tensor

    def __init__(self, labels: Tensor, *, negatives: int, sampling: str) -> None:
        super().__init__()
        if sampling not in SAMPLINGS:
            raise unknown("sampling of CRDLoss", sampling, SAMPLINGS)
        whole("negatives, the number of images that an anchor is told from,", negatives, 1, WIDEST)
        if not isinstance(labels, Tensor) or not is_integer(labels) or labels.ndim != 1:
            raise ValueError(
                f"The labels are {kind_of(labels)}; expected an integer tensor (n,), one class per training image: "
                "data.train.labels."
            )
        classes, labels, counts = labels.unique(return_inverse=True, return_counts=True)
        if len(classes) < 2:
            raise ValueError(
                f"All {len(labels)} labels are of {len(classes)} class; negatives are images of another class, so "
                "CRD needs at least 2."
            )
        self.n, self.negatives, self.sampling = len(labels), negatives, sampling
        self.largest = int(counts.max())
        # Not in the checkpoint: they follow from the data.
        self.register_buffer("labels", labels, persistent=False)  # (n,) 0..C-1
        self.register_buffer("counts", counts, persistent=False)  # (C,)
        self.register_buffer("grouped", labels.argsort(stable=True), persistent=False)  # (n,) rows, class by class
        self.register_buffer("starts", counts.cumsum(0) - counts, persistent=False)  # (C,) of each class in `grouped`

    def forward(self, index: Tensor) -> Contrast:
        """The contrasts of a batch whose images are the rows `index` (B,) of the training set."""
        pick_positive, pick_negatives = SAMPLINGS[self.sampling]
        own = self.labels[index]
        return Contrast(pick_positive(self, index, own), *pick_negatives(self, own))

    def extra_repr(self) -> str:
        return f"n={self.n}, classes={len(self.counts)}, negatives={self.negatives}, sampling={self.sampling!r}"


def itself(contrasts: Contrasts, index: Tensor, own: Tensor) -> Tensor:
    return index


def one_of_its_class(contrasts: Contrasts, index: Tensor, own: Tensor) -> Tensor:
    share = torch.rand(len(own), dtype=torch.float64).to(own.device)
    return contrasts.grouped[contrasts.starts[own] + (share * contrasts.counts[own]).long()]


def random_negatives(contrasts: Contrasts, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """K rows of other classes for each anchor: the first K such rows of one shuffle of the whole set.

    For one anchor that is a uniformly random set of K. The anchors of a batch share the shuffle, so their sets
    overlap: the price for scoring B anchors against little more than K rows in one matrix product, instead of
    gathering B times K of them. The next batch has a new shuffle.

    Where the other classes hold fewer than K rows, all are taken and weighted up to K: what drawing K of them with
    replacement (the copied code) amounts to on average.
    """
    reach = min(contrasts.n, contrasts.negatives + contrasts.largest)  # K others are among so many, whatever the class
    candidates = torch.randperm(contrasts.n)[:reach].to(own.device)
    other = contrasts.labels[candidates] != own[:, None]  # (B, m)
    negative = other & (other.cumsum(dim=1, dtype=torch.int32) <= contrasts.negatives)
    return candidates, negative, torch.full_like(own, contrasts.negatives)


def all_negatives(contrasts: Contrasts, own: Tensor) -> tuple[None, Tensor, Tensor]:
    """Every row of every other class."""
    return None, contrasts.labels != own[:, None], contrasts.n - contrasts.counts[own]


SAMPLINGS: dict[str, tuple[Callable, Callable]] = {
    "exact": (itself, random_negatives),
    "relax": (one_of_its_class, random_negatives),
    "all": (itself, all_negatives),
}


def check_index(index: Tensor | None, *, batch: int, n: int) -> Tensor:
    """The index; one that does not say which training image each of the `batch` samples is, is refused."""
    if not isinstance(index, Tensor) or not is_integer(index):
        raise TypeError(
            f"The index is {kind_of(index)}; expected an integer tensor ({batch},): the row in the training set of "
            "each image, `batch.index` of kd_teach's batches."
        )
    if index.shape != (batch,):
        raise ValueError(f"The index has shape {tuple(index.shape)}; expected ({batch},), one row per sample.")
    # Elsewhere than on the CPU this look would wait for the device in every step.
    if index.device.type == "cpu" and not 0 <= index.min() <= index.max() < n:
        raise ValueError(
            f"The index runs from {int(index.min())} to {int(index.max())}; expected rows 0 to {n - 1} of the "
            "training set whose labels the loss was built with."
        )
    return index


def is_integer(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)


def kind_of(value) -> str:
    if isinstance(value, Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
