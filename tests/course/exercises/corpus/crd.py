"""Right and wrong programs for the exercises of `crd`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.crd import crd_side, written


def from_h(positive, negative, tau, n):
    k = negative.shape[1]
    h_positive = (positive / tau).exp() / ((positive / tau).exp() + k / n)
    h_negative = (negative / tau).exp() / ((negative / tau).exp() + k / n)
    return -(h_positive.log().mean() + k * (1 - h_negative).log().mean())


RIGHT = {
    "crd.critic": {
        "as a fraction": (lambda score, tau, k, n: (score / tau).exp() / ((score / tau).exp() + k / n)),
        "divided through": (lambda score, tau, k, n: 1 / (1 + k / n * (-score / tau).exp())),
    },
    "crd.side": {
        "from h": from_h,
        "by cross-entropy with labels": (
            lambda p, q, tau, n: (
                F.binary_cross_entropy_with_logits(
                    torch.cat([p[:, None], q], 1) / tau - math.log(q.shape[1] / n),
                    F.one_hot(torch.zeros(len(p), dtype=torch.long), 1 + q.shape[1]).float(),
                    reduction="sum",
                )
                / len(p)
            )
        ),
        "with softplus": (
            lambda p, q, tau, n: (
                F.softplus(math.log(q.shape[1] / n) - p / tau).mean()
                + F.softplus(q / tau - math.log(q.shape[1] / n)).sum() / len(p)
            )
        ),
    },
    "crd.renew": {
        "with index_copy": (
            lambda rows, index, new, m: rows.index_copy(
                0, index, F.normalize(m * rows.index_select(0, index) + (1 - m) * new, dim=1)
            )
        ),
        "row by row": (
            lambda rows, index, new, m: torch.stack(
                [
                    F.normalize(m * row + (1 - m) * new[index.tolist().index(i)], dim=0) if i in index.tolist() else row
                    for i, row in enumerate(rows)
                ]
            )
        ),
        "as a list": (
            lambda rows, index, new, m: rows.index_copy(
                0, index, F.normalize(new + m * (rows[index] - new), dim=1)
            ).tolist()
        ),
    },
}


WRONG = {
    "crd.critic": [
        ("k and n have changed places", lambda score, tau, k, n: torch.sigmoid(score / tau - math.log(n / k))),
        ("tau, the divisor of score, is missing", lambda score, tau, k, n: torch.sigmoid(score - math.log(k / n))),
        (
            "tau is multiplied where it should be divided",
            lambda score, tau, k, n: torch.sigmoid(score * tau - math.log(k / n)),
        ),
        (
            "the logarithm of the part with k and n, what is subtracted from the part with score and tau,",
            lambda score, tau, k, n: torch.sigmoid(score / tau),
        ),
        (
            "n, the divisor of the part with k, is missing",
            lambda score, tau, k, n: torch.sigmoid(score / tau - math.log(k)),
        ),
    ],
    "crd.side": [
        (
            "the mean stands where the sum belongs",
            lambda p, q, tau, n: (
                -(
                    F.logsigmoid(p / tau - math.log(q.shape[1] / n))
                    + F.logsigmoid(math.log(q.shape[1] / n) - q / tau).mean(dim=1)
                ).mean()
            ),
        ),
        (
            "the softplus of the log odds, a term beside the part with negative and tau and n, is missing",
            lambda p, q, tau, n: -F.logsigmoid(math.log(q.shape[1] / n) - q / tau).sum(dim=1).mean(),
        ),
        (
            "the sign of what goes into the softplus is turned (a minus)",
            lambda p, q, tau, n: (
                -(
                    F.logsigmoid(p / tau - math.log(q.shape[1] / n))
                    + F.logsigmoid(q / tau - math.log(q.shape[1] / n)).sum(dim=1)
                ).mean()
            ),
        ),
        (
            "a minus (the sign is turned, the negative) is applied to the result",
            lambda p, q, tau, n: -crd_side(p, q, tau, n),
        ),
        ("the sum stands where the mean belongs", lambda p, q, tau, n: crd_side(p, q, tau, n) * len(p)),
        (
            "the logarithm of the part with negative and n, what is subtracted from the part with tau, is",
            lambda p, q, tau, n: -(F.logsigmoid(p / tau) + F.logsigmoid(-q / tau).sum(dim=1)).mean(),
        ),
    ],
    "crd.renew": [
        (
            "the scaling to length 1 of the part with momentum and new and rows and index is missing",
            lambda rows, index, new, m: written(rows, index, m * rows[index] + (1 - m) * new),
        ),
        (
            "1 - momentum stands where momentum belongs",
            lambda rows, index, new, m: written(rows, index, F.normalize((1 - m) * rows[index] + m * new, dim=1)),
        ),
        (
            "the part with momentum and rows and index, a term beside the part with new and momentum, is",
            lambda rows, index, new, m: written(rows, index, F.normalize(new, dim=1)),
        ),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over dim=1",
            lambda rows, index, new, m: written(rows, index, F.normalize(m * rows[index] + (1 - m) * new, dim=0)),
        ),
        (
            "momentum, a factor of the part with rows and index, is missing",
            lambda rows, index, new, m: written(rows, index, F.normalize(rows[index] + (1 - m) * new, dim=1)),
        ),
    ],
}
