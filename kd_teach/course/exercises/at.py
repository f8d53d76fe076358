"""Exercises of `03_at`."""

import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import loud_maps
from kd_teach.methods.at import at, attention


def at_loss(f_s, f_t):
    gap = attention(f_s, 2) - attention(f_t, 2)  # (N, HW)
    return gap.norm(dim=1).mean()


def at_pooled(f_s, f_t):
    f_t = F.adaptive_avg_pool2d(f_t, f_s.shape[2:])  # (N, C', h, w)
    return at(f_s, f_t, 2, attention)


def energies(f, p=2):
    return f.abs().pow(p).sum(dim=1).flatten(1)  # (N, HW)


def unit_energies(f):
    return F.normalize(energies(f), dim=1)


def mean_length(difference):
    return difference.norm(dim=1).mean()


def compare(f_s, f_t, to_map=unit_energies, size=mean_length):
    return size(to_map(f_s) - to_map(f_t.detach()))


def pooled(f_t, f_s):
    return F.adaptive_avg_pool2d(f_t, f_s.shape[2:])


MAP = Exercise(
    name="at.map",
    prompt="The attention maps (N, HW) of feature maps f (N, C, H, W): |f|^p summed over the channels, then each "
    "image's map brought to Euclidean length 1.",
    reference=attention,
    cases=lambda: [
        (loud_maps(1, 3, 4, 5, 2), 2),
        (loud_maps(2, 2, 5, 3, 4), 3),
        (loud_maps(3, 4, 3, 2, 5), 1),
        (loud_maps(4, 1, 5, 2, 3).abs(), 2),
    ],
    mistakes={
        "Your map is 1 at every place: it was divided by its length over the one channel that is left. Flatten to "
        "(N, HW) first, then take the length of each row.": (
            lambda f, p: F.normalize(f.abs().pow(p).sum(dim=1, keepdim=True)).flatten(1)
        ),
        "p plays no part: you square whatever p is.": lambda f, p: unit_energies(f),
        "You took the p-th root of the sum: leave the sum of powers as it is.": (
            lambda f, p: F.normalize(energies(f, p).pow(1 / p), dim=1)
        ),
    },
    hints=[
        "Three steps: a power, a sum, a division. What is the shape after each?",
        "The sum runs over dim=1, which leaves (N, H, W); flatten(1) makes that (N, HW).",
        "q = f.abs().pow(p).sum(dim=1).flatten(1), then q divided by its norm along dim=1 with keepdim=True.",
    ],
    stars=1,
)

LOSS = Exercise(
    name="at.loss",
    prompt="The paper's AT loss of one stage at p = 2: the Euclidean distance between the two attention maps of an "
    "image, averaged over the images: one number.\n"
    "f_s, f_t: (N, C, H, W) of student and teacher, C may differ. No gradient may reach f_t.",
    reference=at_loss,
    cases=lambda: [
        (loud_maps(1, 4, 6, 3, 2), loud_maps(2, 4, 5, 3, 2)),
        (loud_maps(3, 2, 6, 3, 4), loud_maps(4, 2, 5, 3, 4)),
        (loud_maps(5, 1, 3, 2, 4).abs(), loud_maps(6, 1, 5, 2, 4).abs()),
    ],
    detached=("f_t",),
    steps={attention: MAP},
    mistakes={
        "This loss is 0 for any two networks: the maps were divided by their length over a single channel, which "
        "makes them 1 everywhere. Flatten to (N, HW) before you normalise.": (
            lambda s, t: compare(s, t, lambda f: F.normalize(f.pow(2).sum(dim=1, keepdim=True)).flatten(1))
        ),
        "The square of the activations is missing: a channel with its sign turned must not change the map.": (
            lambda s, t: compare(s, t, lambda f: F.normalize(f.sum(dim=1).flatten(1), dim=1))
        ),
    },
    hints=[
        "Two attention maps, their difference, one number per image, their mean.",
        "(N, HW) minus (N, HW); the Euclidean norm along dim=1 leaves (N).",
        "Build both maps as in at.map with p = 2, the teacher's f detached; then (q_s - q_t).norm(dim=1).mean().",
    ],
)

POOLED = Exercise(
    name="at.pooled",
    prompt="The same loss where the teacher's grid is larger, as for two networks of other strides: the teacher's "
    "feature maps are first averaged down to the student's grid.\n"
    "f_s: (N, C, h, w), f_t: (N, C', H, W) with H >= h, W >= w. No gradient may reach f_t.",
    reference=at_pooled,
    cases=lambda: [
        (loud_maps(1, 5, 4, 2, 3), loud_maps(2, 5, 8, 6, 7)),  # 7 columns to 3: the cells overlap
        (loud_maps(3, 2, 5, 3, 4), loud_maps(4, 2, 7, 9, 8)),
        (loud_maps(5, 1, 3, 2, 4).abs(), loud_maps(6, 1, 5, 6, 8).abs()),
    ],
    detached=("f_t",),
    steps={attention: MAP},
    mistakes={
        "You averaged the energies; it is the features that are averaged, before the square. They differ wherever a "
        "channel varies within a cell.": lambda s, t: mean_length(
            unit_energies(s) - F.normalize(pooled(t.detach().pow(2).sum(dim=1), s).flatten(1), dim=1)
        ),
        "You enlarged the student's maps; bring the teacher's down instead: what a coarse grid does not hold cannot "
        "be compared.": lambda s, t: compare(F.interpolate(s, size=t.shape[2:]), t),
        "You enlarged the student's maps (smoothly); bring the teacher's down to the student's grid instead.": (
            lambda s, t: compare(F.interpolate(s, size=t.shape[2:], mode="bilinear"), t)
        ),
    },
    hints=[
        "Which of the two grids can hold what the other knows? Shrink the other.",
        "Average pooling to a given size comes before everything else; the rest is the loss that you have.",
        "F.adaptive_avg_pool2d(f_t.detach(), f_s.shape[2:]), then as in at.loss.",
    ],
)

LARGEST = Question(
    name="at.largest",
    prompt="The largest value that the paper's loss of one stage can have.",
    answer=lambda: 2**0.5,
    wrong={
        "That is for unit vectors that point in opposite directions; an attention map has no entry below 0.": 2.0,
        "That is the length of one map, not the distance of two.": 1.0,
    },
    hints=[
        "Two unit vectors without negative entries: which pair is furthest apart?",
        "Maps without a common place: (1, 0) and (0, 1).",
    ],
    explanation="|a - b|² = 2 - 2 a.b, and a.b >= 0 for vectors without negative entries: at most √2, where the maps "
    "share no place.",
)

WEIGHT = Question(
    name="at.weight",
    prompt="RepDistiller takes the mean of squares over all N·H·W entries, times 1000. Which weight does "
    "|difference|², averaged over the images, then have at a stage of 16 × 16 places?",
    answer=lambda: 1000 / (16 * 16),
    wrong={
        "The mean divides by every entry of the map, H·W of them, not by its side.": 1000 / 16,
        "The mean over all entries divides by more than the number of images.": 1000.0,
        "That is the share of one entry; it is still to be multiplied by 1000.": 1 / 256,
    },
    hints=["A mean over N·H·W entries is a mean over N of sums, divided by H·W.", "How many places has the stage?"],
    explanation="1000 / 256. The finer a stage, the less it counts: 1000 / 1024 at 32 × 32, 1000 / 64 at 8 × 8.",
    stars=2,
)

EXERCISES = [MAP, LOSS, POOLED, LARGEST, WEIGHT]
