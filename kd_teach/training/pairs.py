"""What keeps a comparison a pair: students that begin equal, and a teacher that no student moves."""

import copy
import warnings
from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from kd_teach.models.features import unwrapped
from kd_teach.training.run_folder import weights_fingerprint

# Of this process, by the fingerprint of their weights (copies have it too): what trained networks began with.
TRAINED: dict[str, str] = {}
FIRST: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()  # the weights with which a network was first given


def for_one_run(network: nn.Module | Callable[[], nn.Module], role: str, seed: int) -> tuple[nn.Module, nn.Module]:
    """The network given, or what a function makes under the seed, out of its wrappers; and a copy of it.

    A function's is copied too, for `lambda: network` hands out the same one each time; where that cannot be done it is
    taken as it is.

    Raises:
        ValueError: it cannot be copied.
        TypeError: the function makes something else.
    """
    if isinstance(network, nn.Module):
        made = network
    else:
        torch.manual_seed(seed)
        made = network()
        if not isinstance(made, nn.Module):
            raise TypeError(f"{role}() gave a {type(made).__name__}; expected a function that makes a network.")
    made = unwrapped(made)
    try:
        return made, copy.deepcopy(made)
    except (RuntimeError, TypeError) as problem:
        if not isinstance(network, nn.Module):
            return made, made
        raise ValueError(
            f"The {role}, a {type(network).__name__}, cannot be copied ({problem}). Give a function that makes it: "
            f"{role}=lambda: ..."
        ) from None


def note_trained(network: nn.Module, began: str) -> None:
    """Remember that a training made these weights out of those with the fingerprint `began`."""
    TRAINED[weights_fingerprint(network)] = began


def warn_if_trained(network: nn.Module) -> None:
    """A warning that names a student which does not come fresh; its weights before and now by their fingerprints."""
    now = weights_fingerprint(network)
    began = TRAINED.get(now) or FIRST.setdefault(network, now)
    batches = max((int(b) for name, b in network.named_buffers() if name.endswith("num_batches_tracked")), default=0)
    if began == now and not batches:
        return
    before = f"it began as {began}" if began != now else f"its batch norms have seen {batches} batches"
    warnings.warn(
        f"The student, a {type(network).__name__}, has been trained: {before}, its weights are {now} now. Beside a run "
        "that begins afresh it makes no pair. For a fresh one in every run give a function: student=lambda: ...",
        stacklevel=4,
    )


def check_apart(student: nn.Module, teacher: nn.Module) -> None:
    """Refuse a student and a teacher that share weights or statistics: the teacher would move with the student."""
    mine = set(storages(student).values())
    if shared := [name for name, place in storages(teacher).items() if place in mine]:
        raise ValueError(
            f"Student and teacher share {len(shared)} of their tensors ({shared[0]}, ...): what the student learns "
            "would change the teacher. Give the teacher weights of its own: teacher=copy.deepcopy(teacher)."
        )


def storages(network: nn.Module) -> dict[str, int]:
    """Where in memory each parameter and buffer lies; those without elements lie nowhere."""
    tensors: dict[str, Tensor] = dict(network.named_parameters()) | dict(network.named_buffers())
    return {name: tensor.untyped_storage().data_ptr() for name, tensor in tensors.items() if tensor.numel()}
