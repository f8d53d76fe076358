"""Images that show nothing: for trying what needs shapes and no meaning."""

import torch

from kd_teach.data.types import Data, Split


def noise(images: int = 64, classes: int = 10, *, size: int = 32) -> Data:
    """A data set of square noise images, the classes in turn; training and test images are the same, none validate."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, 3, size, size), generator=random, dtype=torch.uint8)
    split = Split(pixels, torch.arange(images) % classes)
    names = tuple(f"class {k}" for k in range(classes))
    return Data("noise", split, split.select(slice(0)), split, names, (0.5,) * 3, (0.25,) * 3)
