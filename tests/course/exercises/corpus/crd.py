"""Right and wrong programs for the exercises of `crd`."""

import torch.nn.functional as F


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
    },
    "crd.renew": {
        "with index_copy": (
            lambda rows, index, new, m: rows.index_copy(
                0, index, F.normalize(m * rows.index_select(0, index) + (1 - m) * new, dim=1)
            )
        ),
    },
}
