"""What every picture does with its input first: make it an array, and refuse what doesn't fit."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

Numbers = Tensor | np.ndarray | Sequence  # in any precision, on any device, with or without a gradient


def to_array(values: Numbers, name: str, shape: str) -> np.ndarray:
    """Floats as float64, all else as it is; `shape`, as in "(N, K)", says how many dimensions to expect.

    Raises:
        ValueError: another number of dimensions, or a dimension of length 0.
    """
    array = torch.as_tensor(values).detach().cpu()
    if array.is_floating_point():
        array = array.double()  # NumPy knows no bfloat16
    if array.ndim != shape.count(",") + (not shape.endswith(",)")) or 0 in array.shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; expected {shape}, nothing empty.")
    return array.numpy()


def named(
    values: Mapping[str, Numbers], what: str, shape: str, example: str, *, alike: bool = False
) -> dict[str, np.ndarray]:
    """What is drawn under several names: at least one (else the error has `example`), finite, `alike` of one shape."""
    if not values:
        raise ValueError(f"No {what} to draw; pass at least one: {{{example}}}.")
    arrays = {name: to_array(value, f"{what} of {name!r}", shape).astype(float) for name, value in values.items()}
    first = next(iter(arrays.values()))
    for name, array in arrays.items():
        check_finite(array, f"{what} of {name!r}")
        if alike and array.shape != first.shape:
            raise ValueError(f"{what} of {name!r} has shape {array.shape}, the first {first.shape}; pass equal ones.")
    return arrays


def check_names(classes: Sequence[str], count: int, name: str) -> None:
    """Raise a ValueError unless there is one class name for each of `count` classes."""
    if len(classes) != count:
        raise ValueError(
            f"{len(classes)} class names came with {name} for {count} classes; pass one name per class, "
            "in the order of the labels: data.classes."
        )


def check_finite(array: np.ndarray, name: str) -> None:
    """Raise a ValueError if a number is NaN or infinite."""
    if not np.isfinite(array).all():
        count = (~np.isfinite(array)).sum()
        raise ValueError(f"{name} holds {count} of {array.size} values that are NaN or infinite.")


def check_images(images: np.ndarray, name: str, shape: str) -> None:
    """Raise a ValueError unless these are uint8 pictures with three channels before height and width."""
    if images.dtype != np.uint8 or images.shape[-3] != 3:
        raise ValueError(
            f"{name} is {images.dtype} {images.shape}; expected uint8 {shape}: pictures as they stand in a "
            "split, before normalisation (data.test.images)."
        )
