"""Right and wrong programs for the exercises of `compare`."""

import numpy as np
import torch

from kd_teach.course.exercises.compare import holm, ranks

RIGHT = {
    "compare.paired_t": {
        "by sums": (
            lambda a, b: (a - b).sum() / (len(a) * ((a - b) - (a - b).mean()).square().sum() / (len(a) - 1)).sqrt()
        ),
        "as the root of F": (lambda a, b: (a - b).mean() * (len(a) / (a - b).var()).sqrt()),
    },
    "compare.holm": {
        "by ranks": (lambda p: holm(p.sort().values)[ranks(p)]),
        "with numpy": (
            lambda p: np.minimum(np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)), 1)[
                np.argsort(np.argsort(p))
            ]
        ),
    },
}


WRONG = {
    "compare.paired_t": [
        (
            "divided by n, not by n - 1 (correction): this is no sample's standard deviation",
            lambda a, b: (a - b).mean() / ((a - b).std(unbiased=False) / len(a) ** 0.5),
        ),
        (
            "the root of the number of samples N, the divisor of the standard deviation of the differences,",
            lambda a, b: (a - b).mean() / (a - b).std(),
        ),
        (
            "the root is missing: the number of samples N stands there itself",
            lambda a, b: (a - b).mean() / ((a - b).std() / len(a)),
        ),
        (
            "the variance stands where the standard deviation belongs",
            lambda a, b: (a - b).mean() / ((a - b).var() / len(a) ** 0.5),
        ),
        ("a and b have changed places", lambda a, b: (b - a).mean() / ((a - b).std() / len(a) ** 0.5)),
    ],
    "compare.holm": [
        ("a sorting (not in the order of the input) is applied to the result", lambda p: holm(p).sort().values),
        (
            "the limit of the part with p is missing",
            lambda p: (p.sort().values * torch.arange(len(p), 0, -1)).cummax(dim=0).values[ranks(p)],
        ),
    ],
}
