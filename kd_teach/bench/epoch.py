"""How fast is one epoch of KD: this package's loop against the textbook one, side by side in one run.

The textbook loop is what most tutorials print: a `Dataset` of PIL images, torchvision transforms image by image, a
`DataLoader`, float32, NCHW, `.item()` after every step. Both train resnet8 under resnet20 on the same images with
the same batch size and loss. They take turns, so that a machine whose speed drifts does not favour either, and the
textbook loop has a process of its own: what this package sets for its process shall not help it.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from kd_teach.data import Data, load_data
from kd_teach.models import create_model
from kd_teach.training.distiller import Distiller
from kd_teach.training.loop import train
from kd_teach.training.precision import pick_precision
from kd_teach.training.settings import Settings


class PilImages(Dataset):
    """Training images as a tutorial holds them: PIL images, transformed one at a time."""

    def __init__(self, data: Data) -> None:
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in data.train.images]
        self.labels = data.train.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(data.image_size, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(data.mean, data.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int):
        return self.transform(self.images[row]), self.labels[row]


def networks(data: Data) -> tuple[torch.nn.Module, torch.nn.Module]:
    """An untrained student and an untrained teacher: speed does not depend on what they know."""
    torch.manual_seed(0)
    student, teacher = (create_model(name, num_classes=data.num_classes) for name in ("resnet8", "resnet20"))
    return student, teacher.eval().requires_grad_(False)


def textbook_epoch(data: Data, batch_size: int, temperature: float = 4.0) -> float:
    """Seconds for one epoch of the textbook loop on the CPU."""
    student, teacher = networks(data)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    loader = DataLoader(PilImages(data), batch_size=batch_size, shuffle=True, drop_last=True)
    student.train()
    started, total = time.perf_counter(), 0.0
    for images, labels in loader:
        z_s = student(images).logits
        with torch.no_grad():
            z_t = teacher(images).logits
        soft = F.kl_div(
            F.log_softmax(z_s / temperature, dim=1), F.softmax(z_t / temperature, dim=1), reduction="batchmean"
        )
        loss = 0.1 * F.cross_entropy(z_s, labels) + 0.9 * temperature**2 * soft
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return time.perf_counter() - started


def package_epoch(data: Data, batch_size: int, precision: str) -> float:
    """Seconds for one epoch of this package's loop on the CPU."""
    student, teacher = networks(data)
    run = Distiller("kd", student=student, teacher=teacher, data=data)
    settings = Settings(epochs=1, batch_size=batch_size, device="cpu", precision=precision)
    started = time.perf_counter()
    if not all(record.complete for record in train(run, data, settings)):
        raise KeyboardInterrupt
    return time.perf_counter() - started


def bench_epoch(
    *, samples: int = 5120, batch_size: int = 64, rounds: int = 5, precision: str = "auto"
) -> dict[str, float | str]:
    """Time both loops in turn.

    Returns:
        Median images per second of each, and the median over the rounds of their ratio.
    """
    data = load_data("shapes10", samples=samples, val=0)
    seen = samples // batch_size * batch_size
    with ProcessPoolExecutor(1, get_context("spawn")) as other:

        def both() -> tuple[float, float]:
            textbook = other.submit(textbook_epoch, data, batch_size).result()
            return textbook, package_epoch(data, batch_size, precision)

        both()  # warm-up
        pairs = [both() for _ in range(rounds)]
    return {
        "textbook": seen / median(t for t, _ in pairs),
        "kd_teach": seen / median(p for _, p in pairs),
        "ratio": median(t / p for t, p in pairs),
        "precision": pick_precision(precision, "cpu"),
    }
