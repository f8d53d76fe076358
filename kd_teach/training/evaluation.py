"""What a network says of a split: plain images, eval mode, no gradients."""

import math

import torch
from torch import Tensor, nn

from kd_teach.data import Data, Split, plain_batches
from kd_teach.measures.logits import accuracy
from kd_teach.training.precision import autocast, pick_device, pick_precision
from kd_teach.training.settings import Settings


@torch.no_grad()
def predict(model: nn.Module, split: Split, data: Data, settings: Settings | None = None) -> Tensor:
    """Logits (N, K), float32 on the CPU, of every image of a split, without augmentation and in eval mode."""
    settings = settings or Settings()
    device, precision = pick_device(settings.device), pick_precision(settings.precision, settings.device)
    was_training = model.training
    model.to(device).eval()
    logits = []
    for batch in plain_batches(split, data, 256, device=device):
        with autocast(device, precision):
            logits.append(model(batch.images).logits.float().cpu())
    model.train(was_training)
    return torch.cat(logits)


def split_accuracy(model: nn.Module, split: Split, data: Data, settings: Settings) -> float:
    """Share of the split's images that the model names rightly; NaN for an empty split."""
    return accuracy(predict(model, split, data, settings), split.labels) if len(split) else math.nan
