"""FitNets with handles: pick a hint layer and a channel, and see what the student's map can guess of it.

Romero et al., FitNets: Hints for Thin Deep Nets, ICLR 2015. https://arxiv.org/abs/1412.6550
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from kd_teach.course.widgets.explorer import Explorer
from kd_teach.methods._tensors import match_size
from kd_teach.plots import style
from kd_teach.plots.channels import colour_scale
from kd_teach.plots.regressors import fit_regressor, r_squared


class Guess(NamedTuple):
    """What one stage's regressor makes of the images that it was not fitted on."""

    hint: Tensor  # (M, C, h, w) the teacher's map
    guess: Tensor  # (M, C, h, w) the regressed map of the student
    scores: Tensor  # (C,) R^2
    order: Tensor  # (L,) the channels that ever change, from best to worst guessed


def fitnet_widget(teacher: Sequence[Tensor] | None = None, student: Sequence[Tensor] | None = None) -> Explorer:
    """Pickers for hint layer, channel and image: the hint, the guess beside it, and R^2 of all channels.

    The regressor of each stage is a 1x1 convolution, fitted once in closed form on the first half of the images;
    everything shown is from the second half. Where the hint is rectified, the guess is too, as in `HintLoss`.

    Args:
        teacher, student: maps (N, C, h, w) per stage (`features.stages`); C may differ, the larger grid is pooled.
            None makes a small example.
    """
    if (teacher is None) != (student is None):
        raise ValueError("Pass teacher and student together, or none of them for a small example.")
    if teacher is None:
        teacher, student = example()
    if len(teacher) != len(student) or len(teacher[0]) < 2:
        raise ValueError(
            f"{len(teacher)} stages of the teacher, {len(student)} of the student, {len(teacher[0])} images; expected "
            "as many stages, and at least two images: half of them to fit the regressor."
        )
    guesses = [fit_stage(s, t) for s, t in zip(student, teacher, strict=True)]
    middle = len(guesses) // 2 + 1
    wide = {"layout": {"width": "520px"}, "style": {"description_width": "190px"}}
    controls = {
        "stage": ipywidgets.ToggleButtons(options=range(1, len(guesses) + 1), value=middle, **wide),
        "rank": ipywidgets.IntSlider(1, min=1, max=len(guesses[middle - 1].order), **wide),
        "image": ipywidgets.IntSlider(1, min=1, max=len(guesses[0].hint), description="held-out image", **wide),
    }
    controls["stage"].description = "hint layer: stage"
    controls["stage"].style.button_width = "60px"
    controls["rank"].description = "channel, best guessed first"

    def fit_slider(change: dict) -> None:  # stages differ in their numbers of channels
        controls["rank"].max = len(guesses[change["new"] - 1].order)

    controls["stage"].observe(fit_slider, names="value")  # before the Explorer's own, so that it draws what there is
    return Explorer(partial(draw_guess, guesses), controls, static=[{"rank": 1}, {"rank": controls["rank"].max}])


def fit_stage(f_s: Tensor, f_t: Tensor) -> Guess:
    """Fit on the first half of the images, guess the second."""
    f_s, f_t = match_size(f_s.detach().float(), f_t.detach().float())
    half = len(f_t) // 2
    hint, guess = f_t[half:], fit_regressor(f_s[:half], f_t[:half])(f_s[half:])
    if f_t.min() >= 0:
        guess = guess.relu()
    scores = r_squared(guess, hint)
    order = scores.nan_to_num(nan=-torch.inf).argsort(descending=True)
    return Guess(hint, guess, scores, order[: int((~scores.isnan()).sum())])


def draw_guess(guesses: Sequence[Guess], stage: int, rank: int, image: int) -> Figure:
    """Hint, guess, and where this channel stands among all; all three count from 1."""
    of_stage = guesses[stage - 1]
    channel = int(of_stage.order[rank - 1])
    hint, guess = of_stage.hint[image - 1, channel], of_stage.guess[image - 1, channel]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8, 2.9), width_ratios=(1, 1, 1.7), layout="constrained")
    colour = colour_scale(torch.stack([hint, guess]).numpy())
    for ax, values, title in ((left, hint, f"Hint: channel {channel}"), (middle, guess, "Student's guess")):
        ax.imshow(values.numpy(), norm=colour.norm, cmap=colour.cmap)
        ax.set_title(title)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    scores = of_stage.scores[of_stage.order].numpy()
    right.stairs(scores, np.arange(len(scores) + 1) + 0.5, fill=True, color=style.OTHERS[2])  # faster than single bars
    right.bar(rank, scores[rank - 1], width=1, color=style.INK)
    right.axhline(0, color=style.INK, linewidth=0.8)
    right.set(
        ylim=(max(-0.5, min(0, scores.min())), 1),
        xticks=[1, len(scores)],
        yticks=[0, 0.5, 1],
        xlabel=f"the {len(scores)} channels of stage {stage}",
    )
    right.set_title(f"R² of this channel: {scores[rank - 1]:.2f}")
    return figure


def example() -> tuple[list[Tensor], list[Tensor]]:
    """Three stages of 32 images. The student's channels hold less and less of those of the teacher."""
    noise = torch.Generator().manual_seed(0)
    teacher, student = [], []
    for channels, side in ((8, 16), (12, 8), (16, 4)):
        sources = torch.randn(32, 6, side // 2, side // 2, generator=noise)
        sources = torch.nn.functional.interpolate(sources, scale_factor=2, mode="bilinear")
        mix = lambda rows, sources=sources: torch.einsum(
            "cs,nshw->nchw", torch.randn(rows, sources.shape[1], generator=noise), sources
        )
        known = sources[:, :4]
        student.append(mix(6, known).relu())
        lost = torch.linspace(0, 1, channels).view(-1, 1, 1)  # share of each teacher channel that the student lacks
        teacher.append(((1 - lost) * mix(channels, known) + lost * mix(channels, sources[:, 4:])).relu())
    return teacher, student
