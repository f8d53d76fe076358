"""What every network shows of one forward pass: the one thing that methods, plots and the loop speak in."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Features(NamedTuple):
    """All that a method may look at in one forward pass of N images.

    What "after" and "before the last ReLU" mean differs by family (a WRN stage is a raw sum, a MobileNetV2
    stage a linear bottleneck); each file in `kd_teach.models` says so at its top.
    """

    stem: Tensor  # (N, C, H, W)        after the first convolution
    stages: tuple[Tensor, ...]  # (N, C_i, H_i, W_i)  after the last ReLU of each stage
    preacts: tuple[Tensor, ...]  # the same maps before that ReLU
    embedding: Tensor  # (N, D)              pooled, what the classifier sees
    logits: Tensor  # (N, K)

    def detach(self) -> "Features":
        """The same features cut from the graph: no gradient reaches the network that made them."""
        return Features(
            stem=self.stem.detach(),
            stages=tuple(stage.detach() for stage in self.stages),
            preacts=tuple(preact.detach() for preact in self.preacts),
            embedding=self.embedding.detach(),
            logits=self.logits.detach(),
        )


@torch.no_grad()
def look(network: nn.Module, images: Tensor) -> Features:
    """What a network shows of images (N, 3, H, W), normalised: in eval mode, without gradients, leaving no trace.

    The images are brought to the network's device, where the features stay.

    Raises:
        TypeError: a network that does not answer with `Features`.
    """
    was_training = network.training
    try:
        features = network.eval()(images.to(next(network.parameters(), images).device))
    finally:
        network.train(was_training)
    if not isinstance(features, Features):
        raise TypeError(
            f"{type(network).__name__} answers with {type(features).__name__}; expected Features. "
            "Take a network from create_model, or wrap yours with tapped(model, stages=[...])."
        )
    return features
