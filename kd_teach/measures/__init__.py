"""Numbers about trained networks: from their logits (`logits`, `calibration`), how alike their layers are (`cka`)."""

from kd_teach.measures.calibration import Calibration, fit_temperature, temperature_scaling
from kd_teach.measures.cka import layer_similarity, linear_cka
from kd_teach.measures.logits import (
    accuracy,
    agreement,
    confusion,
    expected_calibration_error,
    mean_soft_targets,
    reliability,
)

__all__ = [
    "Calibration",
    "accuracy",
    "agreement",
    "confusion",
    "expected_calibration_error",
    "fit_temperature",
    "layer_similarity",
    "linear_cka",
    "mean_soft_targets",
    "reliability",
    "temperature_scaling",
]
