"""Right and wrong programs for the exercises of `own`."""


def centre(z, dim):
    return z - z.mean(dim=dim, keepdim=True)


RIGHT = {
    "own.centred": {
        "centre the difference": (lambda s, t: centre(s - t.detach(), 1).pow(2).mean()),
        "variance of the difference": (lambda s, t: (s - t.detach()).var(dim=1, unbiased=False).mean()),
        "centred by hand": (
            lambda s, t: (
                ((s - t.detach()) - (s - t.detach()).sum(dim=1, keepdim=True) / s.shape[1]).square().sum() / s.numel()
            )
        ),
    },
}


WRONG = {
    "own.centred": [
        (
            "the mean of z_s, what is subtracted from z_s, is missing and likewise: the mean of z_t, what",
            lambda s, t: (s - t.detach()).pow(2).mean(),
        ),
        (
            "the mean runs over the batch (dim=0), not over dim=1",
            lambda s, t: (centre(s, 0) - centre(t.detach(), 0)).pow(2).mean(),
        ),
        (
            "the mean of z_t, what is subtracted from z_t, is missing",
            lambda s, t: (centre(s, 1) - t.detach()).pow(2).mean(),
        ),
        (
            "the mean of z_s, what is subtracted from z_s, is missing",
            lambda s, t: (s - centre(t.detach(), 1)).pow(2).mean(),
        ),
        (
            "the power is missing: this takes the absolute value",
            lambda s, t: (centre(s, 1) - centre(t.detach(), 1)).abs().mean(),
        ),
        (
            "the sum runs over dim=1, then the mean over the rest: mean and sum are mixed differently (a",
            lambda s, t: (centre(s, 1) - centre(t.detach(), 1)).pow(2).sum(dim=1).mean(),
        ),
    ],
}
