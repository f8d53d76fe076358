"""Temperature scaling: how much of a calibration error is nothing but logits that are all too large or too small.

Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017. https://arxiv.org/abs/1706.04599
"""

import math
from typing import NamedTuple

import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from kd_teach.measures.logits import check_logits, expected_calibration_error

LOWEST, HIGHEST = 0.01, 100.0


class Calibration(NamedTuple):
    """One network before and after temperature scaling; errors are shares, 0..1."""

    temperature: float  # above 1: it was too sure of itself; below 1: not sure enough
    ece: float
    ece_scaled: float


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T, 0.01 to 100, with which softmax(z / T) gives the labels the highest likelihood.

    It changes no prediction, only how sure they are. Where all are right, surer is always likelier: T is then as small
    as still makes a difference.

    Args:
        logits: (N, K), of images that the network was not trained on: validation images, and not those on which the
            calibration is judged.
        labels: (N,) class numbers.

    Raises:
        ValueError: shapes that do not fit, no samples, or a label outside 0..K-1.
    """
    check_logits(logits, labels)
    z = logits.double()
    cost = lambda log_t: F.cross_entropy(z / math.exp(log_t), labels).item()  # one valley: convex in 1 / T
    return math.exp(minimize_scalar(cost, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded").x)


def temperature_scaling(
    val_logits: Tensor, val_labels: Tensor, logits: Tensor, labels: Tensor, *, bins: int = 15
) -> Calibration:
    """Fit T on validation images and judge it on others: calibration error before and after.

    Args:
        val_logits, val_labels: (N, K) and (N,), which T is fitted on.
        logits, labels: (M, K) and (M,), which the errors are of.
        bins: as for `expected_calibration_error`.

    Raises:
        ValueError: as for `fit_temperature`.
    """
    t = fit_temperature(val_logits, val_labels)
    before, after = (expected_calibration_error(z, labels, bins=bins) for z in (logits, logits / t))
    return Calibration(t, before, after)
