"""One forward pass for every family: stem, stages, pooled embedding, classifier, all shown as `Features`."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from kd_teach.models.features import Features


def conv3x3(width_in: int, width_out: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias (the BN behind it has one) that keeps the size at stride 1."""
    return nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, groups=groups, bias=False)


def conv1x1(width_in: int, width_out: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A 1x1 convolution without bias."""
    return nn.Conv2d(width_in, width_out, 1, stride=stride, groups=groups, bias=False)


def normed(conv: nn.Conv2d) -> list[nn.Module]:
    """A convolution and its BN."""
    return [conv, nn.BatchNorm2d(conv.out_channels)]


def rectified(conv: nn.Conv2d) -> list[nn.Module]:
    """A convolution, its BN and a ReLU that leaves the BN's output alone."""
    return [*normed(conv), nn.ReLU()]


class ReLUStage(nn.Sequential):
    """Blocks that stop before their last ReLU, so that the map on both sides of it can be handed out.

    A block registers its shortcut before its body: the last BN of a stage is then the one before the ReLU.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(after, before) the ReLU of the last block."""
        for block in self:
            preact = block(x)
            x = preact.relu()
        return x, preact


class Network(nn.Module):
    """A classifier that shows its inside: `network(images)` is `Features`, in training and in evaluation.

    Args:
        stem: (N, 3, H, W) -> the first map.
        stages: modules that turn a map into a pair (stage, preact); the first of it goes on to the next one.
        head: layers between the last stage and the pooling, where a family has them.
        width: D of the embedding.
    """

    name: str  # under which `create_model` made it

    def __init__(
        self,
        stem: nn.Module,
        stages: Iterable[nn.Module],
        *,
        width: int,
        num_classes: int,
        head: nn.Module | None = None,
    ):
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.head = head or nn.Identity()
        self.classifier = nn.Linear(width, num_classes)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Features:
        stem = x = self.stem(images)
        stages, preacts = [], []
        for stage in self.stages:
            x, preact = stage(x)
            stages.append(x)
            preacts.append(preact)
        return self.classify(stem, stages, preacts, last=self.head(x))

    def classify(self, stem: Tensor, stages: Sequence, preacts: Sequence, *, last: Tensor) -> Features:
        """Pool the `last` map (N, D, H, W), classify, and put everything together."""
        embedding = last.mean(dim=(2, 3))  # (N, D)
        return Features(stem, tuple(stages), tuple(preacts), embedding, self.classifier(embedding))

    def lower(self, stage: int) -> list[nn.Module]:
        """The modules that compute `Features.stages[stage]` (from 0): FitNet trains these first."""
        if not 0 <= stage < len(self.stages):
            raise ValueError(f"There is no stage {stage}; this network has 0 to {len(self.stages) - 1}.")
        return [self.stem, *self.stages[: stage + 1]]

    def below_preacts(self) -> list[nn.Module]:
        """The modules that compute all of `Features.preacts`: no head, no classifier. AB initialises these."""
        return self.lower(len(self.stages) - 1)

    def preact_norms(self) -> tuple[nn.BatchNorm2d, ...]:
        """For each stage the BN whose output is `preacts[i]`, or is the last to be added to it.

        OFD reads the mean and the spread of every channel from its bias and weight.
        """
        norms = ([m for m in stage.modules() if isinstance(m, nn.BatchNorm2d)] for stage in self.stages)
        return tuple(of_stage[-1] for of_stage in norms)


def _initialise(layer: nn.Module) -> None:
    """He's normal start for convolutions; BN (1, 0) and the classifier keep the defaults of PyTorch."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
