"""VGG with batch normalisation for 32x32 images: plain 3x3 convolutions, max pooling between the stages.

Paper     Simonyan & Zisserman, ICLR 2015. https://arxiv.org/abs/1409.1556
Sizes     as in the common CIFAR-100 distillation benchmark; vgg8 has one convolution per stage.
Differs   One linear layer instead of three, and no pooling before the last stage: 4x4 is small enough.

                    stem     stages                                           embedding
    vggN            64x32x32 128x16x16, 256x8x8, 512x4x4, 512x4x4             512

The stem is all that happens at full resolution (one or two convolutions), after its ReLU. `preacts[i]` is
the output of a stage's last BN and `stages[i] = relu(preacts[i]) >= 0`. Pooling belongs to the next stage:
taps come before it.
"""

from torch import nn

from kd_teach.models.network import Network, ReLUStage, normed

# The number of convolutions in the stem and in each of the four stages.
_DEPTHS = {
    8: (1, 1, 1, 1, 1),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def vgg(depth: int, num_classes: int) -> Network:
    """A VGG with `depth` layers: 8, 11, 13, 16 or 19."""
    if depth not in _DEPTHS:
        raise ValueError(f"VGG comes with {', '.join(map(str, _DEPTHS))} layers, not {depth}.")
    in_stem, *in_stages = _DEPTHS[depth]
    layers = _layers(3, 64, in_stem, pool=False)
    stem = nn.Sequential(*(module for layer in layers for module in (*layer, nn.ReLU())))
    stages = [
        ReLUStage(*_layers(64, 128, in_stages[0], pool=True)),
        ReLUStage(*_layers(128, 256, in_stages[1], pool=True)),
        ReLUStage(*_layers(256, 512, in_stages[2], pool=True)),
        ReLUStage(*_layers(512, 512, in_stages[3], pool=False)),
    ]
    return Network(stem, stages, width=512, num_classes=num_classes)


def _layers(width_in: int, width: int, count: int, *, pool: bool) -> list[nn.Sequential]:
    """`count` layers of convolution and BN, without ReLU; `pool` halves the size before the first one."""
    first = [nn.MaxPool2d(2)] if pool else []
    return [
        nn.Sequential(*first, *_conv_norm(width_in, width)),
        *(nn.Sequential(*_conv_norm(width, width)) for _ in range(count - 1)),
    ]


def _conv_norm(width_in: int, width: int) -> list[nn.Module]:
    """Here convolutions have a bias, as in the benchmark, though the BN behind it cancels it in training."""
    return normed(nn.Conv2d(width_in, width, 3, padding=1))
