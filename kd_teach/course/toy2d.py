"""Two inputs, one hidden layer: a network whose activation boundaries are straight lines that can be drawn.

A hidden neuron w.x + b fires on one side of the line w.x + b = 0. The lines of a layer together are its fan. The
teacher learns to tell a disc from the ring around it; a student of the same width learns the teacher's lines alone,
by `ABLoss`, and never sees a label. Everything follows from the seed.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach.methods.ab import ABLoss, sign_agreement

LEARNING_RATE = 0.05  # of Adam, for teacher and student


class Fan(NamedTuple):
    """The lines w.x + b = 0 of one hidden layer."""

    weight: Tensor  # (neurons, 2)
    bias: Tensor  # (neurons,)

    def preacts(self, points: Tensor) -> Tensor:
        """w.x + b of points (N, 2): (N, neurons), positive where a neuron fires."""
        return points @ self.weight.T + self.bias

    def agreement(self, other: "Fan", points: Tensor) -> float:
        """The share 0..1 of (point, neuron) pairs on the same side in both fans."""
        return sign_agreement([as_map(self.preacts(points))], [as_map(other.preacts(points))]).item()


def disc_and_ring(samples: int = 200, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points (N, 2) and labels (N,): 0 in a disc of radius 1, 1 in the ring from 1.4 to 2.4."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(samples) % 2
    angle = 2 * torch.pi * torch.rand(samples, generator=random)
    share = torch.rand(samples, generator=random)
    radius = torch.where(labels == 0, share.sqrt(), 1.4 + share)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), labels


def train_teacher(points: Tensor, labels: Tensor, *, neurons: int = 8, steps: int = 300, seed: int = 0) -> Fan:
    """The fan of a network 2 -> neurons -> 2 classes, trained by cross-entropy on all points at once."""
    hidden = start(neurons, seed)
    classify = nn.utils.skip_init(nn.Linear, neurons, 2)  # filled below, without a draw from the global generator
    nn.init.zeros_(classify.bias)
    nn.init.normal_(classify.weight, std=0.5, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam([*hidden.parameters(), *classify.parameters()], lr=LEARNING_RATE)
    for _ in range(steps):
        loss = F.cross_entropy(classify(hidden(points).relu()), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return snapshot(hidden)


def train_student(
    teacher: Fan, points: Tensor, *, margin: float = 1.0, steps: tuple[int, ...] = (0, 300), seed: int = 1
) -> dict[int, Fan]:
    """The student's fan after each of the given numbers of steps on `ABLoss` with this margin.

    Neuron i learns from the teacher's neuron i: the widths are equal, so no connector stands between them.
    """
    hidden = start(len(teacher.bias), seed)
    shape = (len(teacher.bias), 1, 1)
    loss = ABLoss([shape], [shape], margin=margin)
    target = as_map(teacher.preacts(points))
    optimizer = torch.optim.Adam(hidden.parameters(), lr=LEARNING_RATE)
    fans = {}
    for step in range(max(steps) + 1):
        if step in steps:
            fans[step] = snapshot(hidden)
        value = loss([as_map(hidden(points))], [target])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return fans


def start(neurons: int, seed: int) -> nn.Linear:
    """A hidden layer with lines in all directions that pass near the middle."""
    random = torch.Generator().manual_seed(seed)
    layer = nn.utils.skip_init(nn.Linear, 2, neurons)
    nn.init.normal_(layer.weight, generator=random)
    nn.init.normal_(layer.bias, std=0.5, generator=random)
    return layer


def snapshot(layer: nn.Linear) -> Fan:
    """The lines of a layer as they are now."""
    return Fan(layer.weight.detach().clone(), layer.bias.detach().clone())


def as_map(preacts: Tensor) -> Tensor:
    """(N, C) as the (N, C, 1, 1) that losses on feature maps take."""
    return preacts[:, :, None, None]
