"""What two or more losses share: checks whose errors say what came, what was expected and what to do."""

from torch import Tensor


def check_pair(student: Tensor, teacher: Tensor, *, what: str, ndim: int) -> None:
    """Refuse a pair of batches that no loss could compare.

    Args:
        student, teacher: tensors (N, ...) of `ndim` dimensions with the same N >= 1 and a floating dtype.
        what: their name in the error, such as "logits" or "feature map".
    """
    for role, tensor in (("student", student), ("teacher", teacher)):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"The {role}'s {what} is a {type(tensor).__name__}; expected one tensor of {ndim} dimensions."
            )
        if tensor.ndim != ndim:
            raise ValueError(
                f"The {role}'s {what} has shape {tuple(tensor.shape)}; expected {ndim} dimensions. "
                "The first is the batch: add it with x[None] if you pass a single sample."
            )
        if not tensor.is_floating_point():
            raise TypeError(f"The {role}'s {what} has dtype {tensor.dtype}; expected floating point: call .float().")
        if tensor.numel() == 0:
            raise ValueError(
                f"The {role}'s {what} is empty, shape {tuple(tensor.shape)}; expected at least one sample."
            )
    if len(student) != len(teacher):
        raise ValueError(
            f"Student and teacher saw different batches: {len(student)} and {len(teacher)} samples of {what}; "
            "run both networks on the same images."
        )
