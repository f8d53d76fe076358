"""Right and wrong programs for the exercises of `fitnet`."""

import torch.nn.functional as F

from kd_teach.course.exercises.fitnet import soft_cross_entropy

RIGHT = {
    "fitnet.guess": {
        "conv2d": (lambda v, w, b: F.conv2d(v, w[:, :, None, None], b).relu()),
        "linear over channels last": (lambda v, w, b: F.linear(v.permute(0, 2, 3, 1), w, b).permute(0, 3, 1, 2).relu()),
        "matrix product": (lambda v, w, b: (w @ v.flatten(2) + b[:, None]).clamp(min=0).unflatten(2, v.shape[2:])),
    },
    "fitnet.loss": {
        "mse_loss, sum": (lambda g, u: F.mse_loss(g, u.detach(), reduction="sum") / (2 * len(g))),
        "squared norm": (lambda g, u: ((g - u.detach()).flatten(1).norm(dim=1) ** 2).mean() / 2),
        "mean times entries": (lambda g, u: 0.5 * F.mse_loss(g, u.detach()) * g[0].numel()),
    },
    "fitnet.second_phase": {
        "by hand": (
            lambda s, t, y, lam, T: (
                lam * soft_cross_entropy(s / T, F.softmax(t.detach() / T, 1))
                - F.log_softmax(s, 1)[range(len(y)), y].mean()
            )
        ),
    },
    "fitnet.floor": {
        "relu of minus": (lambda u: F.relu(-u).square().mean()),
        "by the best guess": (lambda u: F.mse_loss(u.relu(), u)),
    },
}
