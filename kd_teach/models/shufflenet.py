"""ShuffleNet V1 and V2 for 32x32 images: grouped or split convolutions, then a shuffle of the channels.

Papers    V1: Zhang et al., CVPR 2018. https://arxiv.org/abs/1707.01083
          V2: Ma et al., ECCV 2018. https://arxiv.org/abs/1807.11164
Sizes     as in the common CIFAR-100 distillation benchmark: V1 with 3 groups, V2 at width 1.
Differs   As in that benchmark the stem is a 1x1 convolution at full resolution, and V1 has a ReLU behind the
          depthwise convolution too. In V2 the ReLU follows the shuffle: the same map as ReLU before it.

                    stem     stages                                           embedding
    shufflenet_v1   24x32x32 240x16x16, 480x8x8, 960x4x4                      960
    shufflenet_v2   24x32x32 116x16x16, 232x8x8, 464x4x4                      1024

`stages[i] = relu(preacts[i]) >= 0` and the stem is after its ReLU. In V2 every other channel of
`preacts[i]` has passed the last block untouched, rectified already; so there is no BN for it
(`preact_norms()` says so), and a 1x1 convolution with BN and ReLU (`head`) stands before the pooling.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import channel_shuffle

from kd_teach.models.network import Network, ReLUStage, conv1x1, conv3x3, normed, rectified

_GROUPS = 3


def shufflenet_v1(num_classes: int) -> Network:
    """ShuffleNet V1 with three groups."""
    stages = [
        ReLUStage(ReducingBlockV1(24, 240, groups_in=1), *(BlockV1(240, 240) for _ in range(3))),
        ReLUStage(ReducingBlockV1(240, 480), *(BlockV1(480, 480) for _ in range(7))),
        ReLUStage(ReducingBlockV1(480, 960), *(BlockV1(960, 960) for _ in range(3))),
    ]
    stem = nn.Sequential(*rectified(conv1x1(3, 24)))
    return Network(stem, stages, width=960, num_classes=num_classes)


def shufflenet_v2(num_classes: int) -> Network:
    """ShuffleNet V2 at width 1."""
    stages = [
        ReLUStage(ReducingBlockV2(24, 116), *(BlockV2(116) for _ in range(3))),
        ReLUStage(ReducingBlockV2(116, 232), *(BlockV2(232) for _ in range(7))),
        ReLUStage(ReducingBlockV2(232, 464), *(BlockV2(464) for _ in range(3))),
    ]
    stem = nn.Sequential(*rectified(conv1x1(3, 24)))
    head = nn.Sequential(*rectified(conv1x1(464, 1024)))
    return ShuffleNetV2(stem, stages, head=head, width=1024, num_classes=num_classes)


class BlockV1(nn.Module):
    """x + body(x): grouped 1x1, shuffle, depthwise 3x3, grouped 1x1. Before the ReLU of the stage."""

    def __init__(self, width_in: int, width_out: int, *, stride: int = 1, groups_in: int = _GROUPS):
        super().__init__()
        narrow = width_out // 4
        self.body = nn.Sequential(
            *rectified(conv1x1(width_in, narrow, groups=groups_in)),
            nn.ChannelShuffle(groups_in),
            *rectified(conv3x3(narrow, narrow, stride=stride, groups=narrow)),
            *normed(conv1x1(narrow, width_out, groups=_GROUPS)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + x


class ReducingBlockV1(BlockV1):
    """Half the size: the averaged input goes beside the new channels. The stem's channels are not grouped."""

    def __init__(self, width_in: int, width_out: int, *, groups_in: int = _GROUPS):
        super().__init__(width_in, width_out - width_in, stride=2, groups_in=groups_in)
        self.shortcut = nn.AvgPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.body(x), self.shortcut(x)], dim=1)


class BlockV2(nn.Module):
    """One half of the channels passes, the other is convolved; a shuffle mixes them for the next block."""

    def __init__(self, width: int):
        super().__init__()
        half = width // 2
        self.body = nn.Sequential(
            *rectified(conv1x1(half, half)),
            *normed(conv3x3(half, half, groups=half)),
            *normed(conv1x1(half, half)),
        )

    def forward(self, x: Tensor) -> Tensor:
        passed, convolved = x.chunk(2, dim=1)
        return channel_shuffle(torch.cat([passed, self.body(convolved)], dim=1), 2)


class ReducingBlockV2(nn.Module):
    """Half the size: both halves of the new channels are convolutions of the whole input."""

    def __init__(self, width_in: int, width_out: int):
        super().__init__()
        half = width_out // 2
        self.shortcut = nn.Sequential(
            *normed(conv3x3(width_in, width_in, stride=2, groups=width_in)),
            *normed(conv1x1(width_in, half)),
        )
        self.body = nn.Sequential(
            *rectified(conv1x1(width_in, half)),
            *normed(conv3x3(half, half, stride=2, groups=half)),
            *normed(conv1x1(half, half)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return channel_shuffle(torch.cat([self.shortcut(x), self.body(x)], dim=1), 2)


class ShuffleNetV2(Network):
    """ShuffleNet V2 knows no statistics for half of its channels."""

    def preact_norms(self) -> tuple[nn.BatchNorm2d, ...]:
        raise ValueError(
            "ShuffleNet V2 has no BN for half of the channels in preacts: they pass a block untouched. "
            "Choose a network of another family for a method that reads BN statistics."
        )
