"""Exercises of `11_fsp`."""

import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.fsp import flow, fsp


def pooled_flow(f1, f2):
    return flow(F.adaptive_max_pool2d(f1, f2.shape[2:]), f2)


def maps(seed, *shape):
    return noise(seed, *shape) + 0.3


def cosine_flow(f1, f2):
    return F.normalize(f1.flatten(2), dim=2) @ F.normalize(f2.flatten(2), dim=2).mT


def by_gap(reduce, of=flow):
    """A loss that is `reduce` of the difference of two flows (N, m, n)."""
    return lambda f1_s, f2_s, f1_t, f2_t: reduce(of(f1_s, f2_s) - of(f1_t, f2_t).detach())


def square_per_image(gap):
    return gap.pow(2).flatten(1).sum(dim=1).mean()


FLOW = Exercise(
    name="fsp.flow",
    prompt="The flow matrix (N, m, n) of two maps on one grid: entry [i, j] is the mean over the places of channel i "
    "of f1 times channel j of f2.\n"
    "f1: (N, m, h, w), f2: (N, n, h, w).",
    reference=flow,
    cases=lambda: [
        (maps(1, 6, 2, 4, 5), maps(2, 6, 3, 4, 5)),
        (maps(3, 2, 4, 3, 5), maps(4, 2, 6, 3, 5)),
        (maps(5, 1, 3, 2, 4).relu(), maps(6, 1, 5, 2, 4).relu()),
    ],
    mistakes={
        "The division by the number of places, h·w, is missing: a larger grid would give larger entries.": (
            lambda f1, f2: flow(f1, f2) * f1[0, 0].numel()
        ),
        "You divide by m·n, the number of entries, instead of h·w, the number of places.": (
            lambda f1, f2: flow(f1, f2) * f1[0, 0].numel() / (f1.shape[1] * f2.shape[1])
        ),
        "Places and channels of f2 were mixed up when it was flattened: moving the channels last and then reshaping to "
        "(N, n, h·w) does not put them back.": (
            lambda f1, f2: f1.flatten(2) @ f2.movedim(1, -1).reshape(f2.flatten(2).shape).mT / f1[0, 0].numel()
        ),
        "The channels were scaled to length 1: FSP does not normalise, the size of the features counts.": cosine_flow,
        "This multiplies the channels' means. Multiply place by place first, then take the mean: that tells whether "
        "two channels fire at the same places.": (
            lambda f1, f2: f1.mean(dim=(2, 3))[:, :, None] * f2.mean(dim=(2, 3))[:, None]
        ),
    },
    hints=[
        "For one image and one pair of channels: multiply the two pictures place by place, take the mean.",
        "With the places in one dimension, (N, m, h·w), all sums of products are one matrix product per image.",
        "flatten(2) both; the second one transposed by .mT; multiply with @; divide by h·w.",
    ],
    stars=1,
)

LOSS = Exercise(
    name="fsp.loss",
    prompt="FSP for one pair of layers: the mean over the batch of ||G_t - G_s||^2, the sum of squares over all "
    "entries of an image's two flow matrices.\n"
    "f1_s, f2_s: the student's maps (N, m, h, w) and (N, n, h, w); f1_t, f2_t: the teacher's, of the same "
    "channels but perhaps on another grid. No gradient may reach f1_t and f2_t.",
    reference=fsp,
    called="fsp_loss",
    cases=lambda: [
        (maps(1, 3, 2, 4, 5), maps(2, 3, 6, 4, 5), maps(3, 3, 2, 7, 8), maps(4, 3, 6, 7, 8)),
        (maps(5, 2, 4, 3, 5).relu(), maps(6, 2, 6, 3, 5).relu(), maps(7, 2, 4, 8, 7), maps(8, 2, 6, 8, 7)),
        (maps(9, 1, 3, 2, 4), maps(10, 1, 5, 2, 4), maps(11, 1, 3, 6, 7), maps(12, 1, 5, 6, 7)),
    ],
    detached=("f1_t", "f2_t"),
    steps={flow: FLOW},
    mistakes={
        "These are norms of columns without the square, as in torchdistill; the equation has squares of all entries.": (
            by_gap(lambda gap: gap.norm(dim=1).sum(dim=1).mean())
        ),
        "You average the matrices over the batch before you compare: gaps of single images then cancel. Compare image "
        "by image.": by_gap(lambda gap: gap.mean(dim=0).pow(2).sum()),
        "Both matrices are divided by the student's number of places; the teacher's grid may be another.": (
            lambda f1_s, f2_s, f1_t, f2_t: square_per_image(
                flow(f1_s, f2_s) - (flow(f1_t, f2_t) * f1_t[0, 0].numel() / f1_s[0, 0].numel()).detach()
            )
        ),
        "These are Gram matrices of the second layer; the flow goes from the first to the second.": (
            by_gap(square_per_image, lambda f1, f2: flow(f2, f2))
        ),
        "These are Gram matrices of the first layer; the flow goes from the first to the second.": (
            by_gap(square_per_image, lambda f1, f2: flow(f1, f1))
        ),
    },
    hints=[
        "Make the flow matrices of both networks as in fsp.flow, each with its own number of places.",
        "Detach the teacher's. Square the gap, sum over the two dimensions of the matrix, mean over the batch.",
        "(G_s - G_t) squared, .sum(dim=(1, 2)), .mean(); f1_s[0, 0].numel() is the student's h·w.",
    ],
)

POOLED = Exercise(
    name="fsp.pooled_flow",
    prompt="The flow matrix (N, m, n) when f1 has the larger grid: f1 is pooled by maxima to the grid of f2 first.\n"
    "f1: (N, m, H, W), f2: (N, n, h, w); h divides H, w divides W.",
    reference=pooled_flow,
    cases=lambda: [
        (maps(1, 3, 2, 8, 12), maps(2, 3, 5, 4, 6)),
        (maps(3, 2, 4, 9, 15), maps(4, 2, 6, 3, 5)),
        (maps(5, 1, 3, 8, 6).relu(), maps(6, 1, 5, 4, 2).relu()),
    ],
    steps={flow: FLOW},
    mistakes={
        "You cut off a corner of f1: pooling shrinks the whole map.": (
            lambda f1, f2: flow(f1[:, :, : f2.shape[2], : f2.shape[3]], f2)
        ),
    },
    hints=[
        "Two steps: bring f1 to the grid of f2, then your fsp.flow.",
        "F.adaptive_max_pool2d takes the size that you want. After it, both maps have h·w places.",
        "Pool f1 to f2.shape[2:], flatten both, multiply, divide by h·w of f2.",
    ],
)

MEMORY = Question(
    name="fsp.memory",
    prompt="f1[:, :, None] * f2[:, None] holds every product before the mean is taken. How many MB (10^6 bytes) is "
    "that for a batch of 64, maps of 128 and 256 channels on 8 x 8 places, 4 bytes per number?",
    answer=lambda: 64 * 128 * 256 * 8 * 8 * 4 / 1e6,
    wrong={
        "That counts numbers; each takes 4 bytes.": 64 * 128 * 256 * 64 / 1e6,
        "A factor of 64 is missing: there are 64 images, and 64 places as well.": 64 * 128 * 256 * 4 / 1e6,
        "That is what the two maps take; the broadcast pairs every channel of one with every channel of the other.": (
            64 * (128 + 256) * 64 * 4 / 1e6
        ),
    },
    hints=["What is the shape of the product?", "(64, 128, 256, 8, 8) numbers of 4 bytes."],
    explanation="(64, 128, 256, 8, 8) is 134 million numbers, before autograd keeps any of them. The matrix product "
    "sums while it multiplies and holds only (64, 128, 256): 64 times less.",
)

EXERCISES = [FLOW, LOSS, POOLED, MEMORY]
