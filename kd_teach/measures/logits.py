"""What is measured on logits: is the student right, does it follow its teacher, does it know when it errs.

Every function takes the logits of a whole split, (N, K), as `training.predict` returns them, and labels (N,)
of class numbers 0..K-1; other shapes, no samples, or a label outside 0..K-1 are a ValueError. Nothing here knows a
model.
"""

import torch
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of samples, 0..1, whose largest logit stands at the label."""
    check_logits(logits, labels)
    return (logits.argmax(dim=1) == labels).double().mean().item()


def agreement(z_s: Tensor, z_t: Tensor) -> float:
    """Share of samples, 0..1, that student and teacher put into the same class, right or wrong.

    Also called fidelity: a student may be as accurate as its teacher and still err elsewhere.
    Source: Stanton et al., Does Knowledge Distillation Really Work?, NeurIPS 2021. https://arxiv.org/abs/2106.05945

    Args:
        z_s, z_t: logits (N, K) of student and teacher for the same samples in the same order.
    """
    check_logits(z_s)
    if z_s.shape != z_t.shape:
        raise ValueError(
            f"Student logits {tuple(z_s.shape)} and teacher logits {tuple(z_t.shape)} differ in shape; "
            "pass both networks the same images and the same classes."
        )
    return (z_s.argmax(dim=1) == z_t.argmax(dim=1)).double().mean().item()


def expected_calibration_error(logits: Tensor, labels: Tensor, *, bins: int = 15) -> float:
    """How far confidence is from accuracy, 0..1: who says 80 % should be right in 80 % of these cases.

    Samples are sorted by confidence (their largest probability) into `bins` intervals (a, b] of equal width;
    ECE = sum over bins of (n_bin / N) * |accuracy in the bin - mean confidence in the bin|.
    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017. https://arxiv.org/abs/1706.04599
    The value depends on the number of bins: compare only ECEs with equal `bins`.

    Args:
        bins: number of intervals; the paper's 15.
    """
    confidence, accuracy, count = reliability(logits, labels, bins=bins)
    gaps = torch.where(count > 0, (accuracy - confidence).abs(), 0.0)
    return ((count / count.sum()) * gaps).sum().item()


def reliability(logits: Tensor, labels: Tensor, *, bins: int = 15) -> tuple[Tensor, Tensor, Tensor]:
    """Mean confidence, accuracy and number of samples in each bin of confidence, the intervals (a, b].

    Args:
        bins: number of intervals.

    Returns:
        Three tensors (bins,); the first two are NaN where a bin is empty.
    """
    check_logits(logits, labels)
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected a whole number of at least 1.")
    confidence, predicted = logits.double().softmax(dim=1).max(dim=1)
    which = (confidence * bins).ceil().long().clamp(1, bins) - 1
    count = which.bincount(minlength=bins)
    sums = torch.zeros(2, bins, dtype=confidence.dtype, device=logits.device)
    sums.index_add_(1, which, torch.stack([confidence, (predicted == labels).double()]))
    return *(sums / count), count


def mean_soft_targets(logits: Tensor, labels: Tensor, temperature: float = 4.0) -> Tensor:
    """What a network says on average about images of each class: the mean of softmax(z / T).

    Off the diagonal stands which classes it finds alike: the "dark knowledge" that labels do not hold.
    Source: the soft targets of Hinton et al., Distilling the Knowledge in a Neural Network, 2015.
    https://arxiv.org/abs/1503.02531

    Args:
        labels: (N,) class numbers; every class must have a sample, as there is no mean of nothing.
        temperature: T > 0; the higher, the softer.

    Returns:
        (K, K): row = true class, column = class that the probability is given to; each row sums to 1.

    Raises:
        ValueError: as for `accuracy`, a temperature that is not positive, or a class without samples.
    """
    check_logits(logits, labels)
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a positive number.")
    samples, classes = logits.shape
    counts = labels.bincount(minlength=classes)  # (K,)
    if (counts == 0).any():
        missing = (counts == 0).nonzero().flatten().tolist()
        raise ValueError(
            f"No samples of class {', '.join(map(str, missing))}: there is no mean of nothing. "
            f"Pass at least one sample of each of the {classes} classes (got {samples} samples)."
        )
    soft = (logits.float() / temperature).softmax(dim=1)
    sums = torch.zeros(classes, classes, device=soft.device).index_add_(0, labels, soft)
    return sums / counts[:, None]


def confusion(logits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Confusion matrix (K, K) of counts, int64: row = true class, column = predicted class.

    Args:
        classes: K, as a check that network and data speak of the same classes.

    Raises:
        ValueError: as for `accuracy`, or logits for another number of classes.
    """
    check_logits(logits, labels)
    if logits.shape[1] != classes:
        raise ValueError(
            f"Logits {tuple(logits.shape)} are for {logits.shape[1]} classes, but the data has {classes}; "
            "choose a network made for this data."
        )
    pairs = labels * classes + logits.argmax(dim=1)
    return pairs.bincount(minlength=classes**2).reshape(classes, classes)


def check_logits(logits: Tensor, labels: Tensor | None = None) -> None:
    """Refuse what is no (N, K) of logits, and labels (N,) that do not belong to it."""
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"Logits have shape {tuple(logits.shape)}; expected (N, K), neither N nor K zero.")
    if labels is None:
        return
    if labels.shape != logits.shape[:1]:
        raise ValueError(
            f"Labels have shape {tuple(labels.shape)}; expected ({len(logits)},), one class number per row "
            f"of the logits {tuple(logits.shape)}."
        )
    if labels.is_floating_point():
        raise ValueError(f"Labels are {labels.dtype}; expected whole class numbers: labels.long().")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"Labels run from {labels.min()} to {labels.max()}; expected 0..{logits.shape[1] - 1} "
            f"for logits of {logits.shape[1]} classes."
        )
