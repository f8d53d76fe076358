"""Right and wrong programs for the exercises of `questions`."""

import torch


def per_channel(numbers, w):
    return numbers.reshape(-1, *[1] * (w.ndim - 1))


def peak(w):
    return per_channel(w.abs().flatten(1).amax(dim=1).clamp(min=1e-12), w)


def top(bits):
    return 2 ** (bits - 1) - 1


def rounded(w, step):
    return (w / step).round() * step


RIGHT = {
    "questions.round": {
        "to whole numbers and back": lambda w, b: (w / peak(w) * top(b)).round() / top(b) * peak(w),
        "channel by channel": (
            lambda w, b: torch.stack([rounded(c, c.abs().max() / top(b)) if c.abs().max() else c for c in w])
        ),
        "NaN put to zero": (
            lambda w, b: torch.nan_to_num(rounded(w, per_channel(w.abs().flatten(1).amax(dim=1), w) / top(b)))
        ),
        "the step where a channel has weights, else 1": (
            lambda w, b: rounded(w, torch.where(peak(w) > 1e-11, peak(w) / top(b), torch.ones(())))
        ),
    },
}


WRONG = {
    "questions.round": [
        ("the maximum runs over the dimensions (0,", lambda w, b: rounded(w, w.abs().max() / top(b))),
        (
            "yours is NaN or infinite on an ordinary input",
            lambda w, b: rounded(w, per_channel(w.abs().flatten(1).amax(dim=1), w) / top(b)),
        ),
        ("the number 1, what is subtracted from", lambda w, b: rounded(w, peak(w) / 2 ** (b - 1))),
        ("is doubled, the other", lambda w, b: rounded(w, peak(w) / (2**b - 1))),
        ("a factor of", lambda w, b: (w / peak(w) * top(b)).round()),
        ("is missing", lambda w, b: w * 1.0),
        (
            "the absolute value of w is missing",
            lambda w, b: rounded(w, per_channel(w.flatten(1).amax(dim=1).clamp(min=1e-12), w) / top(b)),
        ),
        (
            "the mean stands where the maximum",
            lambda w, b: rounded(w, per_channel(w.abs().flatten(1).mean(dim=1).clamp(min=1e-12), w) / top(b)),
        ),
        (
            "divided where it should be multiplied",
            lambda w, b: (w / peak(w) * top(b)).round() / peak(w) * top(b),
        ),
    ],
}
