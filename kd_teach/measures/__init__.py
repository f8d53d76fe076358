"""Numbers about trained networks: from their logits (`logits`), and how alike their layers are (`cka`)."""

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
    "accuracy",
    "agreement",
    "confusion",
    "expected_calibration_error",
    "layer_similarity",
    "linear_cka",
    "mean_soft_targets",
    "reliability",
]
