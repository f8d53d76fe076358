"""Exercises of `04_sp`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.sp import similarity, sp


def contrast(g, y):
    same = y[:, None] == y[None, :]
    itself = torch.eye(len(y), dtype=torch.bool)
    return g[same & ~itself].mean() - g[~same].mean()


def maps(seed, *shape):
    """Random maps, none negative, with louder and quieter samples, as after a ReLU."""
    return noise(seed + 100, shape[0]).exp().view(-1, 1, 1, 1) * noise(seed, *shape).relu()


def gram(f):
    return f.flatten(1) @ f.flatten(1).T


def gap(f_s, f_t):
    return similarity(f_s) - similarity(f_t.detach())


def others(x):
    return x[~torch.eye(len(x), dtype=torch.bool)]


SIMILARITY = Exercise(
    name="sp.similarity",
    prompt="The matrix G (N, N) of maps f (N, C, H, W): inner products of the flattened samples, each row then divided "
    "by its length.",
    reference=similarity,
    cases=lambda: [(maps(1, 5, 3, 2, 4),), (maps(2, 4, 6, 3, 2) - 0.4,), (maps(3, 1, 3, 2, 4),)],
    mistakes={
        "You normalised the samples before multiplying: these are cosines, the matrix of CC. SP multiplies them as "
        "they are and then normalises the rows.": lambda f: gram(F.normalize(f.flatten(1), dim=1)),
        "The rows sum to 1 instead of having length 1: normalize(x, 1) sets p=1, not dim=1. Name the argument.": (
            lambda f: F.normalize(gram(f), p=1, dim=1)
        ),
        "You compare numbers with each other, over the batch: swap the factors, to get one row per sample.": (
            lambda f: F.normalize(f.flatten(1).T @ f.flatten(1), dim=1)
        ),
    },
    hints=[
        "Three steps: one long row per sample, all inner products of two rows at once, then lengths.",
        "flatten(1) makes (N, C H W). A matrix times its own transpose holds all inner products of its rows.",
        "gram = q @ q.T, then F.normalize(gram, dim=1).",
    ],
)

LOSS = Exercise(
    name="sp.loss",
    prompt="1/N^2 times the sum of all squared differences of the two matrices G: one number.\n"
    "f_s, f_t: maps (N, C, H, W) of student and teacher, only N is the same. No gradient may reach f_t.",
    reference=sp,
    called="sp_loss",
    cases=lambda: [
        (maps(3, 5, 3, 2, 4), maps(4, 5, 6, 8, 7)),
        (maps(5, 4, 2, 3, 5) - 0.4, maps(6, 4, 6, 7, 1) - 0.4),
        (maps(7, 7, 2, 3, 4), maps(8, 7, 5, 6, 1)),
        (maps(9, 1, 2, 3, 4), maps(10, 1, 5, 6, 7)),
    ],
    detached=("f_t",),
    steps={similarity: SIMILARITY},
    mistakes={
        "This is the square root of the right value: the equation squares the norm.": (
            lambda s, t: gap(s, t).norm() / len(s)
        ),
        "You left out the pairs of a sample with itself; the equation counts all N² of them.": (
            lambda s, t: others(gap(s, t)).pow(2).mean()
        ),
    },
    hints=[
        "Your similarity matrix, once for each network; the teacher's maps are detached.",
        "Both matrices are (N, N) whatever the maps' sizes: subtract, square, and average over all entries.",
        "F.mse_loss(similarity(f_s), similarity(f_t.detach())), with the matrix of the exercise before.",
    ],
)

CONTRAST = Exercise(
    name="sp.contrast",
    prompt="How far the blocks stand out: the mean entry of g (N, N) for two different samples of one class, minus the "
    "mean entry for two samples of different classes. y: labels (N).",
    reference=contrast,
    cases=lambda: [
        (similarity(maps(9, 6, 2, 3, 4)), torch.tensor([0, 1, 0, 2, 1, 0])),
        (similarity(maps(10, 5, 3, 2, 4)), torch.tensor([3, 3, 1, 1, 1])),
    ],
    mistakes={
        "The entries that do not count are averaged in as zeros: divide by the number of those that do.": (
            lambda g, y: (g * (y[:, None] == y).fill_diagonal_(False)).mean() - (g * (y[:, None] != y)).mean()
        ),
        "This is the ratio of the two means; the exercise asks for their difference.": (
            lambda g, y: others_of_class(g, y).mean() / g[y[:, None] != y].mean()
        ),
    },
    hints=[
        "Make a mask (N, N) that is True where two samples share their class: compare y as a column with y as a row.",
        "g[mask] holds the chosen entries. Of one class, but not on the diagonal; and those of different classes.",
        "same = y[:, None] == y[None, :]; take g[same & ~torch.eye(...)].mean() and subtract g[~same].mean().",
    ],
    gradient=False,
    stars=3,
)


def others_of_class(g, y):
    return g[(y[:, None] == y).fill_diagonal_(False)]


ROWS = Question(
    name="sp.row_weight",
    prompt="A program averages the squared length of a row's difference over the N rows, instead of all N² squared "
    "entries. Which weight does it need so that it trains as SP with the weight 3000 at N = 64?",
    answer=lambda: 3000 / 64,
    wrong={
        "Its value is N times that of SP, so its weight must be smaller, not larger.": 3000 * 64,
        "You divided by N²; it already divides by N.": 3000 / 64**2,
        "The two values are not equal: one has N terms in its denominator, the other N².": 3000,
    },
    hints=["Write both as the sum of all squared entries times a factor.", "The factors are 1/N and 1/N²."],
    explanation="The program's value is N times SP's. Its weight then holds for any batch size about as well, while "
    "SP's must grow with N.",
)

EXERCISES = [SIMILARITY, LOSS, CONTRAST, ROWS]
