"""Wide ResNets for 32x32 images: pre-activation blocks (BN, ReLU, convolution), `width` times as wide.

Paper     Zagoruyko & Komodakis, BMVC 2016. https://arxiv.org/abs/1605.07146

                    stem     stages                                           embedding
    wrn_d_k         16x32x32 (16k)x32x32, (32k)x16x16, (64k)x8x8              64k

The stem is the bare convolution and `stages[i]` the raw sum at the end of a stage: **both are signed**, no
ReLU follows. `preacts[i] = BN(stages[i])`, by the BN that opens the next stage (the final BN for the last
one). It is computed once, handed out, and used by the next stage. `embedding` is the pooled
`relu(preacts[-1])`.
"""

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn

from kd_teach.models.features import Features
from kd_teach.models.network import Network, conv1x1, conv3x3, rectified


class WideBlock(nn.Module):
    """x + conv(relu(BN(conv(relu(BN(x)))))); for a new shape, a 1x1 convolution of relu(BN(x)) replaces x."""

    def __init__(self, width_in: int, width_out: int, stride: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(width_in)
        self.body = nn.Sequential(
            *rectified(conv3x3(width_in, width_out, stride=stride)),
            conv3x3(width_out, width_out),
        )
        same = width_in == width_out and stride == 1
        self.shortcut = None if same else conv1x1(width_in, width_out, stride=stride)

    def forward(self, x: Tensor, normed: Tensor | None = None) -> Tensor:
        """`normed` is `self.norm(x)`; it comes from outside where the network hands it out as well."""
        active = (self.norm(x) if normed is None else normed).relu()
        return self.body(active) + (x if self.shortcut is None else self.shortcut(active))


class WideStage(nn.Module):
    """Blocks of one width; the first one changes width and size. It owns the BN that opens it."""

    def __init__(self, width_in: int, width_out: int, *, blocks: int, stride: int):
        super().__init__()
        self.first = WideBlock(width_in, width_out, stride)
        self.rest = nn.ModuleList(WideBlock(width_out, width_out, 1) for _ in range(blocks - 1))

    def forward(self, x: Tensor, normed: Tensor) -> Tensor:
        x = self.first(x, normed)
        for block in self.rest:
            x = block(x)
        return x


class WideResNet(Network):
    """The network of every `wrn_depth_width`; depth is 6n + 4.

    `lower(i)` ends before the BN that makes `preacts[i]`, because `stages[i]` does not need it.
    """

    def __init__(self, depth: int, width: int, num_classes: int):
        blocks, rest = divmod(depth - 4, 6)
        if rest or blocks < 1:
            raise ValueError(f"A Wide ResNet has depth 6n + 4 (10, 16, 22, ...), not {depth}.")
        stages = [
            WideStage(16, 16 * width, blocks=blocks, stride=1),
            WideStage(16 * width, 32 * width, blocks=blocks, stride=2),
            WideStage(32 * width, 64 * width, blocks=blocks, stride=2),
        ]
        super().__init__(conv3x3(3, 16), stages, width=64 * width, num_classes=num_classes)
        self.norm = nn.BatchNorm2d(64 * width)

    def forward(self, images: Tensor) -> Features:
        stem = x = self.stem(images)
        normed = self._norms()[0](x)
        stages, preacts = [], []
        for stage, next_norm in zip(self.stages, self.preact_norms(), strict=True):
            x = stage(x, normed)
            normed = next_norm(x)
            stages.append(x)
            preacts.append(normed)
        return self.classify(stem, stages, preacts, last=normed.relu())

    def preact_norms(self) -> tuple[nn.BatchNorm2d, ...]:
        """The BN that opens each following stage, and the final one."""
        return self._norms()[1:]

    def _norms(self) -> tuple[nn.BatchNorm2d, ...]:
        """The BN that opens each stage, and the final one."""
        stages = cast(Iterable[WideStage], self.stages)
        return (*(stage.first.norm for stage in stages), self.norm)

    def below_preacts(self) -> list[nn.Module]:
        """The final BN makes `preacts[-1]`, so it belongs here though no stage needs it."""
        return [*super().below_preacts(), self.norm]
