"""Which methods a student and a teacher allow: found by building every loss for the pair, not by a list."""

import pandas as pd
import torch
from torch import nn

from kd_teach._support.numbers import whole
from kd_teach.data import Data, noise, plain_batches
from kd_teach.methods import get_recipe, list_methods
from kd_teach.models import create_model
from kd_teach.models.features import look, unwrapped
from kd_teach.training.distiller import Distiller


def legality(student: str | nn.Module, teacher: str | nn.Module, *, image_size: int = 32) -> pd.DataFrame:
    """Try every method and variant on a pair of networks.

    Args:
        student, teacher: names from `list_models()` (made for ten classes), or networks that answer with `Features`.
        image_size: of the square images that they will see.

    Returns:
        A table indexed by method and variant: `legal`, and in `why_not` the one line in which the method refuses.

    Raises:
        ValueError: a network does not take images of this size.
    """
    student, teacher = (create_model(net) if isinstance(net, str) else unwrapped(net) for net in (student, teacher))
    data = noise_for(student, whole("image_size", image_size, 1, 4096))
    look(teacher, torch.zeros(1, 3, image_size, image_size))  # a wrong size is no fault of any method
    reasons = {
        (method, variant): refusal(method, variant, student, teacher, data)
        for method in list_methods()
        for variant in get_recipe(method).variants
    }
    table = pd.DataFrame({"legal": [not why for why in reasons.values()], "why_not": list(reasons.values())})
    table.index = pd.MultiIndex.from_tuples(reasons, names=["method", "variant"])
    return table


def refusal(method: str, variant: str, student: nn.Module, teacher: nn.Module, data: Data) -> str:
    """Why the method refuses this pair, in one line; empty if all that its phases minimise could be computed."""
    modes = [(network, network.training) for network in (student, teacher)]
    try:
        run = Distiller(method, student=student.eval(), teacher=teacher.eval(), data=data, variant=variant)
        batch = next(plain_batches(data.train.select(slice(8)), data))
        for phase in run.phases():
            phase.evaluate(student, teacher, batch)
    except ValueError as error:
        return " ".join(str(error).split())
    finally:
        for network, was_training in modes:
            network.train(was_training)
    return ""


def noise_for(student: nn.Module, image_size: int = 32) -> Data:
    """Noise with as many classes as the student has outputs: enough to build any loss for the real shapes."""
    outputs = look(student, torch.zeros(1, 3, image_size, image_size)).logits.shape[1]
    return noise(max(64, 2 * outputs), outputs, size=image_size)
