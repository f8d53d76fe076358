"""What every network shows of one forward pass: the one thing that methods, plots and the loop speak in."""

from typing import Any, NamedTuple

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
        TypeError: a network that does not answer with `Features`, or whose weights are not float32.
        ValueError: it does not take images of this size.
    """
    weight = next((p for p in network.parameters() if p.is_floating_point()), images)
    if weight.dtype != torch.float32:
        raise TypeError(
            f"{type(network).__name__} has weights of {weight.dtype}; expected torch.float32: call .float() on it. "
            "Training in half precision is a setting, precision='bfloat16'."
        )
    modes = [(module, module.training) for module in network.modules()]  # a frozen part may rest in one that trains
    try:
        features = network.eval()(images.to(weight.device))
    except (RuntimeError, AssertionError) as problem:
        raise ValueError(
            f"{type(network).__name__} does not take images of shape {tuple(images.shape)}: {problem}. Give it "
            "the size that it was made for, by load_data(..., size=...) or legality(..., image_size=...)."
        ) from problem
    finally:
        for module, training in modes:
            module.training = training
    if not isinstance(features, Features):
        raise TypeError(
            f"{type(network).__name__} answers with {type(features).__name__}; expected Features. "
            "Take a network from create_model, or wrap yours with tapped(model, stages=[...])."
        )
    return features


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside `torch.compile` and DataParallel: the wrappers answer no questions and rename the weights."""
    inner: Any = network
    while isinstance(inner, (nn.DataParallel, nn.parallel.DistributedDataParallel)) or hasattr(inner, "_orig_mod"):
        inner = inner._orig_mod if hasattr(inner, "_orig_mod") else inner.module
    return inner
