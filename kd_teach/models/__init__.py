"""Networks for 32x32 images that all answer with `Features`: `create_model("resnet20", num_classes=10)`."""

from collections.abc import Callable
from functools import partial

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import WIDEST, whole
from kd_teach.models.mobilenet import mobilenet_v2
from kd_teach.models.network import Network
from kd_teach.models.resnet import resnet, resnet50
from kd_teach.models.shufflenet import shufflenet_v1, shufflenet_v2
from kd_teach.models.tapped import Tapped, tapped
from kd_teach.models.vgg import vgg
from kd_teach.models.wrn import WideResNet

__all__ = ["Network", "Tapped", "create_model", "list_models", "tapped"]

_WIDE = (32, 64, 128, 256)

# A constructor takes the number of classes. A new family is a file beside this one and its lines here.
MODELS: dict[str, Callable[..., Network]] = {
    **{f"resnet{depth}": partial(resnet, depth) for depth in (8, 14, 20, 32, 44, 56, 110)},
    **{f"resnet{depth}x4": partial(resnet, depth, widths=_WIDE) for depth in (8, 32)},
    "resnet50": resnet50,
    **{f"wrn_{depth}_{width}": partial(WideResNet, depth, width) for depth in (16, 40) for width in (1, 2)},
    **{f"vgg{depth}": partial(vgg, depth) for depth in (8, 11, 13, 16, 19)},
    "mobilenet_v2": mobilenet_v2,
    "shufflenet_v1": shufflenet_v1,
    "shufflenet_v2": shufflenet_v2,
}


def list_models() -> list[str]:
    """The names that `create_model` knows, family by family."""
    return list(MODELS)


def create_model(name: str, num_classes: int = 10) -> Network:
    """A network with fresh weights; seed torch before for the same ones again.

    Raises:
        ValueError: the name is unknown (the message has the list), or there is no class to predict.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    network = MODELS[name](num_classes=whole("num_classes", num_classes, 1, WIDEST))
    network.name = name  # so that a run's card can say what to build
    return network
