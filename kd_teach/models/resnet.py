"""ResNets for 32x32 images: post-activation blocks, a BN behind every convolution.

Paper     He et al., CVPR 2016. https://arxiv.org/abs/1512.03385
Sizes     as in the common CIFAR-100 distillation benchmark; `resnetNx4` is about four times as wide.
Differs   A shortcut that changes the shape is a 1x1 convolution with BN; the paper's CIFAR nets pad with 0.

                    stem     stages                                           embedding
    resnetN         16x32x32 16x32x32, 32x16x16, 64x8x8                       64
    resnetNx4       32x32x32 64x32x32, 128x16x16, 256x8x8                     256
    resnet50        64x32x32 256x32x32, 512x16x16, 1024x8x8, 2048x4x4         2048

`stages[i] = relu(preacts[i]) >= 0` and `preacts[i] = BN(conv) + shortcut` of the stage's last block. The
stem is after its ReLU.
"""

from collections.abc import Callable

from torch import Tensor, nn

from kd_teach.models.network import Network, ReLUStage, conv1x1, conv3x3, normed, rectified


def resnet(depth: int, num_classes: int, *, widths: tuple[int, int, int, int] = (16, 16, 32, 64)) -> Network:
    """A CIFAR ResNet with 6n + 2 layers; `widths` are those of the stem and of the three stages."""
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise ValueError(f"A CIFAR ResNet has depth 6n + 2 (8, 14, 20, ...), not {depth}.")
    stages = [
        _stage(BasicBlock, width_in, width, blocks=blocks, stride=stride)
        for width_in, width, stride in zip(widths, widths[1:], (1, 2, 2), strict=False)
    ]
    return Network(_stem(widths[0]), stages, width=widths[-1], num_classes=num_classes)


def resnet50(num_classes: int) -> Network:
    """ImageNet's ResNet-50 with a 3x3 stem at full resolution: its four stages start at 32x32."""
    stages = [
        _stage(Bottleneck, 64, 256, blocks=3, stride=1),
        _stage(Bottleneck, 256, 512, blocks=4, stride=2),
        _stage(Bottleneck, 512, 1024, blocks=6, stride=2),
        _stage(Bottleneck, 1024, 2048, blocks=3, stride=2),
    ]
    return Network(_stem(64), stages, width=2048, num_classes=num_classes)


class Residual(nn.Module):
    """body(x) + shortcut(x), before the ReLU (which belongs to the stage)."""

    def __init__(self, width_in: int, width_out: int, stride: int, body: nn.Module):
        super().__init__()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width_out:
            self.shortcut = nn.Sequential(*normed(conv1x1(width_in, width_out, stride=stride)))
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


class BasicBlock(Residual):
    """Two 3x3 convolutions."""

    def __init__(self, width_in: int, width_out: int, stride: int):
        body = nn.Sequential(
            *rectified(conv3x3(width_in, width_out, stride=stride)),
            *normed(conv3x3(width_out, width_out)),
        )
        super().__init__(width_in, width_out, stride, body)


class Bottleneck(Residual):
    """1x1 down to a quarter of the width, 3x3, 1x1 up again."""

    def __init__(self, width_in: int, width_out: int, stride: int):
        narrow = width_out // 4
        body = nn.Sequential(
            *rectified(conv1x1(width_in, narrow)),
            *rectified(conv3x3(narrow, narrow, stride=stride)),
            *normed(conv1x1(narrow, width_out)),
        )
        super().__init__(width_in, width_out, stride, body)


def _stem(width: int) -> nn.Sequential:
    return nn.Sequential(*rectified(conv3x3(3, width)))


def _stage(
    block: Callable[[int, int, int], Residual], width_in: int, width: int, *, blocks: int, stride: int
) -> ReLUStage:
    """The first block changes width and size, the others keep both."""
    return ReLUStage(block(width_in, width, stride), *(block(width, width, 1) for _ in range(blocks - 1)))
