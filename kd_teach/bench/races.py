"""What races: every loss as it runs, and the form commonly published where that costs more.

The maps are drawn at random, for speed does not depend on what a network knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from kd_teach.bench.published import PUBLISHED
from kd_teach.data import Batch
from kd_teach.methods import get_recipe, list_methods
from kd_teach.methods.recipe import Context
from kd_teach.models.features import Features

Tap = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class Sizes:
    """What the losses see of a batch of 32 x 32 images: three stages, of which each halves the grid."""

    batch: int = 64
    grid: int = 32
    stem: int = 16
    widths: tuple[int, ...] = (16, 32, 64)
    classes: int = 10
    images: int = 10_000  # of the training set, a row each in CRD's banks
    options: dict = field(default_factory=dict)  # method -> options of its loss


# What a lesson sees (resnet20 -> resnet8), and the maps of a benchmark (resnet32x4 -> resnet8x4 on CIFAR-100).
SIZES = {
    "lesson": Sizes(options={"crd": {"negatives": 8192}}),  # 9,000 images are of other classes: both forms draw alike
    "large": Sizes(stem=32, widths=(64, 128, 256), classes=100, images=50_000, options={"crd": {"negatives": 16_384}}),
}

# Besides every variant of every method: other readings of a loss that cost another sum.
OPTIONS: dict[tuple[str, str], list[dict]] = {
    ("nst", "paper"): [{"kernel": "linear"}, {"kernel": "gaussian"}],
    ("cc", "paper"): [{"kernel": "rbf"}, {"kernel": "bilinear"}],
}


@dataclass(frozen=True)
class Race:
    """One loss, its taps, and its forms."""

    method: str
    variant: str
    loss: nn.Module
    student: Tap
    teacher: Tap
    forms: dict[str, Callable[[], Tensor]]  # "published" (where there is one), "ours"


def random_features(sizes: Sizes, *, seed: int, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Features:
    """A forward pass that never was: normal maps before the ReLU, rectified ones behind it."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(sizes.batch, *shape, generator=random).to(device, dtype)

    grids = [sizes.grid // 2**stage for stage in range(len(sizes.widths))]
    preacts = tuple(normal(c, size, size) for c, size in zip(sizes.widths, grids, strict=True))
    return Features(
        stem=normal(sizes.stem, sizes.grid, sizes.grid).relu(),
        stages=tuple(f.relu() for f in preacts),
        preacts=preacts,
        embedding=normal(sizes.widths[-1]).relu(),
        logits=normal(sizes.classes) * 3,
    )


class Norms(nn.Module):
    """A teacher of whom only the batch norms are known (OFD)."""

    def __init__(self, preacts: Sequence[Tensor]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(f.shape[1]) for f in preacts)

    def preact_norms(self) -> tuple[nn.Module, ...]:
        return tuple(self.norms)


def rows_of_races(methods: Sequence[str]) -> list[tuple[str, str, dict]]:
    """(method, variant, options) of every row of the table."""
    return [
        (method, variant, options)
        for method in methods
        if get_recipe(method).equation
        for variant in get_recipe(method).variants
        for options in ({}, *OPTIONS.get((method, variant), []))
    ]


def prepare(
    method: str,
    variant: str,
    sizes: Sizes,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    options: dict | None = None,
) -> Race:
    """One loss on taps and weights that depend on nothing but the sizes, with its forms."""
    torch.manual_seed(0)
    recipe = get_recipe(method)
    s, t = (random_features(sizes, seed=seed, device=device, dtype=dtype) for seed in (1, 2))
    if variant == "adapter":  # else there would be nothing to adapt
        s = s._replace(stem=s.stem[:, ::2].clone(), stages=tuple(f[:, ::2].clone() for f in s.stages))
    labels = torch.arange(sizes.images, device=device) % sizes.classes
    step = sizes.images // sizes.batch
    batch = Batch(torch.empty(0), labels[: sizes.batch], torch.arange(sizes.batch, device=device) * step)
    student, teacher = recipe.tap(s), recipe.tap(t)
    context = Context(nn.Module(), Norms(t.preacts), labels, sizes.classes)
    chosen = sizes.options.get(method, {}) | (options or {})
    loss: Any = recipe.build(student, teacher, context, variant=variant, **chosen).to(device, dtype)
    needs = {name: getattr(batch, name) for name in recipe.needs}
    if hasattr(loss, "after_step"):  # the first batch sets Z, and the banks are no longer all noise
        with torch.no_grad():
            loss(student, teacher, **needs)
        loss.after_step()
    for tap in tensors(student):
        tap.requires_grad_()

    def ours() -> Tensor:
        torch.manual_seed(0)  # the same negatives each time
        return loss(student, teacher, **needs)

    forms: dict[str, Callable[[], Tensor]] = {}
    if published := PUBLISHED.get((method, variant)):
        extra = (negative_rows(loss, needs["index"]),) if method == "crd" else ()
        forms["published"] = partial(published, loss, student, teacher, *extra)
    forms["ours"] = ours
    named = variant + "".join(f", {value}" for value in (options or {}).values())
    return Race(method, named, loss, student, teacher, forms)


def negative_rows(loss: Any, index: Tensor) -> Tensor:
    """(N, K + 1) rows of the bank that each anchor meets, the positive first: what a copied loader has drawn before."""
    torch.manual_seed(0)
    positive, candidates, negative, *_ = loss.contrasts(index)
    if candidates is None:
        candidates = torch.arange(loss.contrasts.n, device=index.device)
    return torch.stack([torch.cat([own[None], candidates[mine]]) for own, mine in zip(positive, negative, strict=True)])


def tensors(tap: Tap) -> Sequence[Tensor]:
    return [tap] if isinstance(tap, Tensor) else tap


def known_methods() -> list[str]:
    """Methods that declare an equation."""
    return [name for name in list_methods() if get_recipe(name).equation]
