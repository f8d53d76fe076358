"""Trained teachers: those that ship with the package, your own runs, and files of weights from elsewhere."""

import pickle
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.files import user_path
from kd_teach._support.shipped import shipped
from kd_teach.models import create_model
from kd_teach.training.run_folder import finished_folder, read_card, read_weights, rebuilt


def list_teachers() -> list[str]:
    """Names of the shipped teachers, each `data/network`."""
    folder = shipped("teachers")
    return sorted(str(card.parent.relative_to(folder).as_posix()) for card in folder.glob("*/*/card.json"))


def teacher_card(name: str | Path) -> dict:
    """What is known of a teacher: network, data, command, epochs, seed, test accuracy, confusion matrix.

    Args:
        name: a name from `list_teachers()`, or the folder of a finished run.
    """
    return read_card(_folder(name))


def load_teacher(name: str | Path, *, model: str | Callable[[], nn.Module] | None = None) -> nn.Module:
    """A trained network, frozen and in eval mode.

    Args:
        name: a name from `list_teachers()` such as "cifar10/resnet20", the folder of a finished run, or a file of
            weights: a state dict as `torch.save` (.pth, .pt) or safetensors wrote it, also of a compiled, DataParallel
            or tapped network, and also under "state_dict" or "model" in a checkpoint.
        model: what network the weights of a file belong to: a name from `list_models()`, or a function that makes it,
            such as `lambda: tapped(resnet18(num_classes=5), stages=["layer1", "layer2"])`.

    Raises:
        ValueError: neither a shipped teacher, nor the folder of a finished run of one of `list_models()`, nor a file of
            weights that fit `model` (the message has the names and shapes that differ).
        DamagedFileError: the card or the weights of a run are not what it wrote.
    """
    if model is not None:
        return _from_file(user_path(name), model)
    folder, card = _folder(name), teacher_card(name)
    network = rebuilt(card)
    read_weights(folder, card, network)
    return network.eval().requires_grad_(False)


def _from_file(path: Path, model: str | Callable[[], nn.Module]) -> nn.Module:
    if not path.is_file():
        raise ValueError(f"{path} is no file; model=... goes with a file of weights (.pth, .pt, .safetensors).")
    weights = _bare(_read(path))
    if isinstance(model, str):
        last = weights.get("classifier.weight")
        network = create_model(model) if last is None else create_model(model, num_classes=len(last))
    elif isinstance(model, nn.Module):
        raise TypeError("model is a network; expected a name or a function that makes one: model=lambda: network.")
    else:
        network = model()
    own = dict(zip(_bare(network.state_dict()), network.state_dict(), strict=True))
    shapes = {bare: tuple(network.state_dict()[name].shape) for bare, name in own.items()}
    problems = {
        "missing": [name for name in own if name not in weights],
        "unexpected": [name for name in weights if name not in own],
        "of another shape": [
            f"{name} {tuple(weights[name].shape)} instead of {shape}"
            for name, shape in shapes.items()
            if name in weights and weights[name].shape != shape
        ],
    }
    if any(problems.values()):
        told = "; ".join(f"{len(names)} {kind}: {_few(names)}" for kind, names in problems.items() if names)
        raise ValueError(
            f"The weights in {path} are not those of {model if isinstance(model, str) else type(network).__name__}: "
            f"{told}. Name the network that they were saved from, with as many classes."
        )
    network.load_state_dict({own[name]: value for name, value in weights.items()})
    return network.eval().requires_grad_(False)


def _read(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, by itself or in a checkpoint; nothing in the file is executed."""
    try:
        found = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, weights_only=True, map_location="cpu")
        )
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError) as problem:
        raise ValueError(
            f"{path} holds no weights that can be read safely: it is damaged, or it holds a whole pickled network. "
            "Save the weights alone: torch.save(network.state_dict(), path)."
        ) from problem
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        holds = ", ".join(map(str, list(found)[:5])) if isinstance(found, dict) else type(found).__name__
        raise ValueError(
            f"{path} holds {holds or 'nothing'}; expected names and tensors, by themselves or under 'state_dict' or "
            "'model'. Save them again: torch.save(network.state_dict(), path)."
        )
    return found


WEIGHTS = (".pth", ".pt", ".safetensors")
WRAPPERS = ("module.", "_orig_mod.", "extractor.")  # put in front by DataParallel, torch.compile and `tapped`


def _bare(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under the names that the network inside all wrappers has for them."""
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            return _bare({name.removeprefix(prefix): value for name, value in state.items()})
    return state


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _folder(name: str | Path) -> Path:
    if not isinstance(name, (str, Path)):
        raise TypeError(
            f"The teacher is a {type(name).__name__}; expected a name, a folder or one network. How several teach "
            "together is in docs/your_own.md."
        )
    if str(name) in list_teachers():
        return shipped("teachers") / name
    if user_path(name).is_dir():
        return finished_folder(name)
    if user_path(name).is_file():
        raise ValueError(
            f"{name} is a file of weights, which does not say what network they belong to: "
            f"pass teacher=load_teacher({str(name)!r}, model='resnet20'), or a function instead of the name."
        )
    if Path(name).suffix in WEIGHTS:
        raise ValueError(f"There is no file {name}. Of one that is there: load_teacher(path, model='resnet20').")
    raise unknown("teacher", str(name), list_teachers())
