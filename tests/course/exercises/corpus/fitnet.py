"""Right and wrong programs for the exercises of `fitnet`."""

import torch.nn.functional as F

from kd_teach.course.exercises.fitnet import mix, soft_cross_entropy
from kd_teach.methods.fitnet import fitnet

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
        "a KL divergence and the teacher's entropy": (
            lambda s, t, y, lam, T: (
                F.cross_entropy(s, y)
                + lam
                * (
                    F.kl_div(
                        F.log_softmax(s / T, 1),
                        F.log_softmax(t.detach() / T, 1),
                        reduction="batchmean",
                        log_target=True,
                    )
                    + F.cross_entropy(t.detach() / T, F.softmax(t.detach() / T, 1))
                )
            )
        ),
        "one-hot labels": (
            lambda s, t, y, lam, T: (
                soft_cross_entropy(s, F.one_hot(y, s.shape[1]).float())
                + lam * soft_cross_entropy(s / T, F.softmax(t.detach() / T, 1))
            )
        ),
    },
    "fitnet.floor": {
        "relu of minus": (lambda u: F.relu(-u).square().mean()),
        "by the best guess": (lambda u: F.mse_loss(u.relu(), u)),
    },
}


WRONG = {
    "fitnet.guess": [
        ("the ReLU of the part with weight and v_s and bias is missing", lambda v, w, b: mix(v, w) + b[:, None, None]),
        (
            "the part with bias, a term beside the part with weight and v_s, is missing",
            lambda v, w, b: mix(v, w).relu(),
        ),
        (
            "the part with bias comes in after the ReLU, not before it",
            lambda v, w, b: mix(v, w).relu() + b[:, None, None],
        ),
        (
            "an axis for broadcasting is missing: values meet the wrong rows, columns or channels",
            lambda v, w, b: (mix(v, w) + b).relu(),
        ),
        (
            "the absolute value is taken of what goes into the ReLU",
            lambda v, w, b: (mix(v, w) + b[:, None, None]).abs(),
        ),
        ("the softplus stands where the ReLU belongs", lambda v, w, b: F.softplus(mix(v, w) + b[:, None, None])),
    ],
    "fitnet.loss": [
        (
            "a factor 2 is too many or a ½ is missing, at the part with guess and u_t and the number of",
            lambda g, u: 2 * fitnet(g, u.detach()),
        ),
        (
            "the number of all entries stands where the number of samples N belongs",
            lambda g, u: 0.5 * F.mse_loss(g, u.detach()),
        ),
        (
            "the number of samples N, the divisor of the part with guess and u_t, is missing",
            lambda g, u: fitnet(g, u.detach()) * len(g),
        ),
        (
            "the number of samples N, the divisor of the part with guess and u_t, is missing; and the",
            lambda g, u: F.mse_loss(g, u.detach(), reduction="sum"),
        ),
        (
            "the absolute difference (l1) stands where the squared difference (mse) belongs",
            lambda g, u: 0.5 * (u.detach() - g).abs().flatten(1).sum(1).mean(),
        ),
        ("a ReLU is applied to u_t first", lambda g, u: fitnet(g, u.detach().relu())),
        (
            "the value is right, but no gradient reaches guess: something is detached or a plain number",
            lambda g, u: fitnet(g.detach(), u.detach()),
        ),
    ],
    "fitnet.second_phase": [
        (
            "T, the divisor of z_t, is missing",
            lambda s, t, y, lam, T: F.cross_entropy(s, y) + lam * soft_cross_entropy(s / T, F.softmax(t.detach(), 1)),
        ),
        (
            "T, the divisor of z_s, is missing",
            lambda s, t, y, lam, T: F.cross_entropy(s, y) + lam * soft_cross_entropy(s, F.softmax(t.detach() / T, 1)),
        ),
    ],
    "fitnet.floor": [
        ("the power is missing: this takes the absolute value", lambda u: u.clamp(max=0).abs().mean()),
        ("the other side is cut off: minimum and maximum are exchanged", lambda u: u.clamp(min=0).pow(2).mean()),
        ("the limit of u_t is missing", lambda u: u.pow(2).mean()),
        (
            "the sum runs over the entries of a sample, then the mean over the batch: a size divides too",
            lambda u: 0.5 * u.clamp(max=0).pow(2).sum(dim=(1, 2, 3)).mean(),
        ),
        (
            "the sum runs over the entries of a sample, then the mean over the batch: a size divides too",
            lambda u: u.clamp(max=0).pow(2).sum(dim=(1, 2, 3)).mean(),
        ),
    ],
}
