"""MobileNetV2 at half width for 32x32 images: inverted residuals that end in a linear bottleneck.

Paper     Sandler et al., CVPR 2018. https://arxiv.org/abs/1801.04381
Sizes     as in the common CIFAR-100 distillation benchmark: half of the paper's channels, but all 1280 in the
          last layer; less striding, since the images are small.
Differs   As in that benchmark: ReLU instead of ReLU6, and a 1x1 convolution in the first block too, where it
          expands nothing.

                    stem     stages                                           embedding
    mobilenet_v2    16x16x16 12x16x16, 16x8x8, 48x4x4, 160x2x2                1280

A bottleneck is linear: no ReLU follows it. So `stages[i]` is signed and **`preacts[i]` is the same
tensor**: the sum (or the BN output) at the end of a stage's last block. The stem is after its ReLU; between
the last stage and the pooling lies a 1x1 convolution with BN and ReLU (`head`).
"""

from torch import Tensor, nn

from kd_teach.models.network import Network, conv1x1, conv3x3, normed, rectified


def mobilenet_v2(num_classes: int) -> Network:
    """MobileNetV2 with half the channels of the paper's."""
    stages = [
        LinearStage(*_blocks(16, 8, count=1, stride=1, expansion=1), *_blocks(8, 12, count=2, stride=1)),
        LinearStage(*_blocks(12, 16, count=3, stride=2)),
        LinearStage(*_blocks(16, 32, count=4, stride=2), *_blocks(32, 48, count=3, stride=1)),
        LinearStage(*_blocks(48, 80, count=3, stride=2), *_blocks(80, 160, count=1, stride=1)),
    ]
    stem = nn.Sequential(*rectified(conv3x3(3, 16, stride=2)))
    head = nn.Sequential(*rectified(conv1x1(160, 1280)))
    return Network(stem, stages, head=head, width=1280, num_classes=num_classes)


class LinearStage(nn.Sequential):
    """Blocks without a last ReLU: the maps before and after it are one."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = super().forward(x)
        return x, x


class InvertedResidual(nn.Module):
    """1x1 up to `expansion` times the width, depthwise 3x3, linear 1x1 down; a shortcut if shapes agree."""

    def __init__(self, width_in: int, width_out: int, stride: int, expansion: int):
        super().__init__()
        wide = expansion * width_in
        self.shortcut = width_in == width_out and stride == 1
        self.body = nn.Sequential(
            *rectified(conv1x1(width_in, wide)),
            *rectified(conv3x3(wide, wide, stride=stride, groups=wide)),
            *normed(conv1x1(wide, width_out)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.shortcut else self.body(x)


def _blocks(width_in: int, width_out: int, *, count: int, stride: int, expansion: int = 6) -> list[InvertedResidual]:
    """The first block changes width and size, the others keep both."""
    rest = (InvertedResidual(width_out, width_out, 1, expansion) for _ in range(count - 1))
    return [InvertedResidual(width_in, width_out, stride, expansion), *rest]
