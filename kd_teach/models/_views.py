"""How a network that is not ours lays out its maps, and its `Features` with all of them as (N, C, H, W)."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Size, Tensor, nn

from kd_teach.models.features import Features

PAIRS = (32, 64), (64, 128), (224, 256)  # of image sizes: one network is made for small images, another for large ones
SIZES = (16, 28, 32, 48, 64, 96, 112, 128, 160, 192, 224, 256, 299, 384, 448, 512)  # for a network that takes but one
NCHW, NHWC, TOKENS = "NCHW", "NHWC", "tokens"


class Shown(nn.Module):
    """A network behind `Features`; `raw` says where stem, stages, preacts, embedding and logits come from."""

    image_size: int | None = None  # one that the network takes; None: none was found

    def raw(self, images: Tensor) -> tuple:
        """The fields of `Features` as the network makes them."""
        raise NotImplementedError

    def watch(self, size: int) -> list[Size] | None:
        """Shapes of (*stages, *preacts, stem) for an image of this size; None if the network does not take it."""
        raise NotImplementedError

    def set_views(self, layout: str, tokens: str | None, model: nn.Module) -> None:
        """Find out by dry runs how each map lies; ValueError for one that needs a word from the caller."""
        if layout not in (NCHW, NHWC) or tokens not in (None, "grid"):
            raise ValueError(
                f"layout={layout!r} and tokens={tokens!r}; expected layout='NCHW' or 'NHWC' and tokens=None or 'grid'."
            )
        self.patch = next((size for m in model.modules() if (size := _patch_of(m))), None)
        was_training = model.training
        self.image_size, runs = dry_runs(self.eval().watch)
        self.train(was_training)
        maps = list(zip(*runs, strict=True))
        stages = (len(maps) - 1) // 2
        names = [*(f"stages[{i}]" for i in range(stages)), *(f"preacts[{i}]" for i in range(stages)), "stem"]
        self.views = [view_of(name, shapes, layout, tokens) for name, shapes in zip(names, maps, strict=bool(maps))]
        if layout == NHWC and NHWC not in self.views:
            raise ValueError("layout='NHWC', but in no map do rows and columns come before channels; leave it out.")

    def forward(self, images: Tensor) -> Features:
        stem, stages, preacts, embedding, logits = self.raw(images)
        maps = [*stages, *preacts, stem]
        if self.views:
            maps = [self._as_map(x, view, images) for x, view in zip(maps, self.views, strict=True)]
        stages, preacts, stem = tuple(maps[: len(stages)]), tuple(maps[len(stages) : -1]), maps[-1]
        _check(stages, "stages", dims=4, expected="maps (N, C, H, W)")
        _check([stem], "stem", dims=4, expected="a map (N, C, H, W)")
        _check(preacts, "preacts", dims=4, expected="maps (N, C, H, W)")
        _check([embedding], "embedding", dims=2, expected="a matrix (N, D)")
        _check([logits], "logits", dims=2, expected="a matrix (N, K)")
        return Features(stem, stages, preacts, embedding, logits)

    def _as_map(self, x: Tensor, view: str, images: Tensor) -> Tensor:
        if view == NHWC:
            return x.permute(0, 3, 1, 2)
        return grid_of(x, images, self.patch) if view == TOKENS else x


def dry_runs(watch: Callable[[int], list[Size] | None]) -> tuple[int | None, list[list[Size]]]:
    """An image size that the network takes, and what `watch` saw: at two sizes, else at one, else nowhere."""
    for small, large in PAIRS:
        runs = [shapes for shapes in map(watch, (small, large)) if shapes]
        if len(runs) == 2:
            return small, runs
    for size in SIZES:
        if shapes := watch(size):
            return size, [shapes]
    return None, []


def view_of(name: str, shapes: Sequence[Size], layout: str, tokens: str | None) -> str:
    """How one map lies: rows and columns grow with the image, channels do not."""
    first = shapes[0]
    if len(first) == 3 and tokens == "grid":
        return TOKENS
    if len(first) == 3:
        raise ValueError(
            f"{name} must be a map (N, C, H, W), but its node gives {tuple(first)}. If these are tokens (N, L, D), as "
            "a vision transformer has, pass tokens='grid': they are laid out as a map, the class token left out."
        )
    if len(first) != 4:
        return NCHW  # the check of the forward pass says what is wrong
    grows = {dim for dim in (1, 2, 3) if any(shape[dim] != first[dim] for shape in shapes)}
    if not grows:  # pooled to a fixed grid, or seen at one size only: from square images come square maps
        grows = {1, 2} if first[1] == first[2] != first[3] else {2, 3}
    if grows <= {2, 3}:
        return NCHW
    if not grows <= {1, 2}:
        raise ValueError(
            f"{name} must be a map (N, C, H, W), but of {tuple(first)} the dimensions {sorted(grows)} change with the "
            "size of the image, not rows and columns alone; name another node."
        )
    if layout == NHWC:
        return NHWC
    raise ValueError(
        f"{name} is laid out as (N, H, W, C): of {tuple(first)} the dimensions 1 and 2 are rows and columns. Pass "
        "layout='NHWC', and such maps are turned to (N, C, H, W)."
    )


def grid_of(tokens: Tensor, images: Tensor, patch: int | None) -> Tensor:
    """Tokens (N, L, D) of images (N, 3, H, W) as a map (N, D, h, w); those in front of the patches are left out.

    There are H/patch times W/patch patches. Where that is more than L (later tokens cover more), they form a square.

    Raises:
        ValueError: they cannot be counted.
    """
    N, L, D = tokens.shape
    h, w = (side // patch for side in images.shape[2:]) if patch else (L, L)
    if h * w > L:
        h = w = math.isqrt(L)
    if L - h * w > (16 if patch else 1):  # a class token and a few registers
        raise ValueError(
            f"{L} tokens of images {tuple(images.shape[2:])} are no grid with a class token or a few registers in "
            "front of it; name a node that gives a map."
        )
    return tokens[:, L - h * w :].mT.reshape(N, D, h, w)


def _patch_of(module: nn.Module) -> int | None:
    """The side of the patches that a convolution cuts an image into; None if it is none that does."""
    if isinstance(module, nn.Conv2d) and module.kernel_size == module.stride and module.stride[0] > 1:
        return module.stride[0]
    return None


def _check(values: Sequence[Tensor], name: str, *, dims: int, expected: str) -> None:
    for x in values:
        if not isinstance(x, Tensor) or x.dim() != dims:
            came = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
            raise ValueError(f"{name} must be {expected}, but its node gives {came}; name another node.")


def blank(model: nn.Module, size: int) -> Tensor:
    """One black image in the device and number format of a network."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    return torch.zeros(1, 3, size, size, device=like.device, dtype=like.dtype)
