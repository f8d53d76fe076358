"""Exercises of `06_vid`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.vid import variance, vid


def best_variance(mu, f_t):
    return (f_t - mu).pow(2).mean(dim=(0, 2, 3))


def maps(seed, *shape):
    """Guess, hint and a variance per channel."""
    return noise(seed, *shape), 2 * noise(seed + 1, *shape), noise(seed + 2, shape[1]).exp()


def cost(mu, f_t, variance):
    """Of every entry, for a variance that has the form to be broadcast."""
    return 0.5 * (variance.log() + (f_t.detach() - mu) ** 2 / variance)


def channelwise(v):
    return v[:, None, None]


VARIANCE = Exercise(
    name="vid.variance",
    prompt="The variance sigma^2 (C) of each channel, made of the learnt numbers alpha (C): their softplus "
    "log(1 + exp(alpha)), plus floor.\n"
    "It must stay finite for alpha = 100.",
    reference=variance,
    cases=lambda: [
        (torch.tensor([-6.0, -1.0, 0.5, 4.993229, 100.0]), 0.01),
        (torch.tensor([-8.0, 2.0, 95.0]), 1e-5),
    ],
    mistakes={
        "exp(alpha) overflows from alpha = 89 on, and log(inf) is inf. F.softplus is the safe form.": (
            lambda a, floor: torch.log(1 + torch.exp(a)) + floor
        ),
        "You read alpha as a log-variance: exp(alpha). Here sigma² is its softplus; the start alpha = 4.99 means "
        "sigma² = 5, not 147.": lambda a, floor: torch.exp(a) + floor,
        "Two at once: alpha is no log-variance (take its softplus, not exp), and the floor is missing.": (
            lambda a, floor: torch.exp(a)
        ),
        "You square: the softplus gives the variance itself, not sigma.": lambda a, floor: F.softplus(a) ** 2 + floor,
        "The floor is added, not a limit to cut at: below a cut alpha would get no gradient.": (
            lambda a, floor: F.softplus(a).clamp(min=floor)
        ),
    },
    hints=[
        "softplus is smooth, positive, and close to alpha itself when that is large.",
        "torch.nn.functional has it under its own name, safe for large arguments.",
        "F.softplus(alpha) + floor",
    ],
    stars=1,
)

LOSS = Exercise(
    name="vid.loss",
    prompt="VID's loss of one stage: half of [log sigma_c^2 + (f_t - mu)^2 / sigma_c^2], averaged over images, "
    "channels and places: one number, without the constant 1/2 log(2 pi).\n"
    "mu: (N, C, H, W) what the regressor predicts; f_t: (N, C, H, W) the teacher's map; variance: (C) sigma^2 of "
    "each channel. No gradient may reach f_t.",
    reference=vid,
    called="vid_loss",
    # as many columns or rows as channels in two of them, so that variances on the wrong axis run
    cases=lambda: [
        maps(1, 3, 4, 2, 4),
        maps(11, 2, 3, 3, 5),
        maps(21, 4, 5, 2, 3),
        tuple(x.abs() for x in maps(31, 1, 2, 3, 4)),
    ],
    detached=("f_t",),
    mistakes={
        "The log term is missing: without it a large variance costs nothing, and sigma² grows without limit.": (
            lambda mu, t, v: 0.5 * ((t.detach() - mu) ** 2 / channelwise(v)).mean()
        ),
        "The residual is not squared.": (
            lambda mu, t, v: 0.5 * (channelwise(v).log() + (t.detach() - mu) / channelwise(v)).mean()
        ),
        "The ½ stands before the residual only. log sigma is half of log sigma²: halve both terms.": (
            lambda mu, t, v: (channelwise(v).log() + 0.5 * (t.detach() - mu) ** 2 / channelwise(v)).mean()
        ),
        "The variances run along the columns of the map: they belong to the channels; add two trailing dimensions.": (
            lambda mu, t, v: cost(mu, t, v).mean()
        ),
        "The variances run along the rows of the map: they belong to the channels; add two trailing dimensions.": (
            lambda mu, t, v: cost(mu, t, v[:, None]).mean()
        ),
        "You use one variance for all channels: then the easy ones pay for the hard ones. Each has its own.": (
            lambda mu, t, v: cost(mu, t, v.mean()).mean()
        ),
        "The constant ½ log 2π is in: right, but it teaches nothing, and the exercise leaves it out.": (
            lambda mu, t, v: cost(mu, t, channelwise(v)).mean() + 0.5 * math.log(2 * math.pi)
        ),
    },
    hints=[
        "The variance needs the shape (C, 1, 1) to stand beside maps (N, C, H, W).",
        "Add the variance's logarithm and the squared residual divided by the variance; mean of all; half of it.",
        "v = variance[:, None, None], then 0.5 * (v.log() + (f_t.detach() - mu).pow(2) / v).mean()",
    ],
)

BEST = Exercise(
    name="vid.best_variance",
    prompt="The variance (C) of each channel that makes VID's loss smallest when the guess mu (N, C, H, W) of the map "
    "f_t (N, C, H, W) stays as it is.",
    reference=best_variance,
    cases=lambda: [maps(1, 3, 4, 2, 5)[:2], maps(11, 2, 3, 5, 4)[:2], tuple(x.abs() for x in maps(21, 1, 2, 3, 4)[:2])],
    gradient=False,
    hints=[
        "With r a channel's mean squared residual, its cost is ½ (log v + r / v). Where is the derivative by v zero?",
        "1/v = r/v², so v = r: average the squared residuals over images, rows and columns.",
        "(f_t - mu).pow(2).mean(dim=(0, 2, 3))",
    ],
    stars=3,
)

BEST_COST = Question(
    name="vid.best_cost",
    prompt="A channel's mean squared residual is 0.25 and its sigma^2 is the best one. What does an entry cost, "
    "without the constant?",
    answer=lambda: 0.5 * (1 + math.log(0.25)),
    wrong={
        "The residual's part alone is ½ (0.25 / 0.25); the logarithm is missing.": 0.5,
        "The logarithm's part alone; ½ (0.25 / 0.25) is missing.": 0.5 * math.log(0.25),
        "The ½ is missing.": 1 + math.log(0.25),
        "It is negative, and that is no bug: a density may be above 1, so -log of it below 0.": -0.5
        * (1 + math.log(0.25)),
    },
    hints=["The best sigma^2 equals the mean squared residual.", "½ (log v + r / v) with v = r = 0.25."],
    explanation="½ (log 0.25 + 1): the better a channel is predicted, the lower, without a bottom but the floor's.",
)

FIXED = Question(
    name="vid.fixed",
    prompt="A program keeps every sigma^2 at 5, because the optimiser never sees it. Up to a constant its VID is then "
    "FitNet's mean of squares, divided by what?",
    answer=lambda: 2 * 5.0,
    wrong={
        "Do not forget the ½ before both terms.": 5.0,
        "5 is sigma² already: do not square it.": 50.0,
        "That is ½ · 5: the factor 1 / (2 sigma²) divides by 2 and by 5.": 2.5,
    },
    hints=["With sigma^2 constant, the log term is a constant.", "What is left is residual² / (2 sigma²)."],
    explanation="½ (log 5 + r / 5) = r / 10 + a constant. FitNet is VID with equal, frozen variances.",
    stars=2,
)

EXERCISES = [VARIANCE, LOSS, BEST, BEST_COST, FIXED]
