"""Small made-up batches, so that the widgets of relations work in a blank notebook."""

import torch
from torch import Tensor

CLASSES = ("red", "green", "blue", "grey")
TINTS = torch.tensor([[210, 70, 60], [60, 170, 80], [70, 90, 200], [130, 130, 130]], dtype=torch.uint8)


def batch(per_class: int = 8, width: int = 16, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Embeddings (N, width), none negative, in four clouds, and their labels (N,), in mixed order."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(CLASSES) * per_class) % len(CLASSES)
    centres = torch.randn(len(CLASSES), width, generator=random)
    return (centres[labels] + 0.5 * torch.randn(len(labels), width, generator=random)).relu(), labels


def pictures(labels: Tensor, *, size: int = 16, seed: int = 0) -> Tensor:
    """A noisy tile in the colour of each label: (N, 3, size, size) uint8."""
    noise = torch.randint(0, 45, (len(labels), 3, size, size), generator=torch.Generator().manual_seed(seed))
    return TINTS[labels][:, :, None, None] + noise.to(torch.uint8)


def noise_like(x: Tensor, *, seed: int = 1) -> Tensor:
    """Gaussian numbers of the same shape, mean and spread."""
    return x.mean() + x.std() * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
