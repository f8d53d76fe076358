"""Exercises of `17_questions`."""

import torch

from kd_teach.course.exercises.exercise import Exercise
from kd_teach.course.exercises.inputs import noise


def rounding(w, bits):
    step = w.abs().flatten(1).amax(dim=1).clamp(min=1e-12) / (2 ** (bits - 1) - 1)
    step = step.reshape(-1, *[1] * (w.ndim - 1))
    return (w / step).round() * step


def by(to_whole, w, bits):
    step = w.abs().flatten(1).amax(dim=1).clamp(min=1e-12) / (2 ** (bits - 1) - 1)
    step = step.reshape(-1, *[1] * (w.ndim - 1))
    return to_whole(w / step) * step


ROUND = Exercise(
    name="questions.round",
    prompt="The weights w, each output channel rounded to whole multiples of its own step, which is its largest |w| "
    "divided by 2^(bits-1) - 1.\n"
    "w: (C_out, C_in, kh, kw) of a convolution or (K, D) of a linear layer. A channel of zeros stays zero.",
    reference=rounding,
    cases=lambda: [
        (noise(1, 4, 3, 5, 2), 4),
        (noise(2, 3, 7), 3),
        (noise(4, 1, 5, 3, 2).abs(), 5),
        (noise(3, 5, 3, 2, 1) * torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0]).view(5, 1, 1, 1), 8),  # a dead channel
    ],
    gradient=False,
    mistakes={
        "That cuts the digits off, towards 0; .round() goes to the nearest.": lambda w, bits: by(torch.trunc, w, bits),
        "That rounds down; .round() goes to the nearest.": lambda w, bits: by(torch.floor, w, bits),
        "That rounds to whole numbers; a step is the channel's largest weight over 2^(bits-1) - 1.": (
            lambda w, bits: w.round()
        ),
    },
    hints=[
        "w.abs().flatten(1).amax(dim=1) is (C_out,): the largest weight of each channel.",
        "Reshape the steps to (C_out, 1, 1, 1), or (K, 1); divide, .round(), multiply.",
        "Where the step is 0, dividing gives NaN: clamp it to something tiny first.",
    ],
)

EXERCISES = [ROUND]
