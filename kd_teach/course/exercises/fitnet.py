"""Exercises of `02_fitnet`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.fitnet import fitnet


def guess(v_s, weight, bias):
    mixed = torch.einsum("oc,nchw->nohw", weight, v_s)
    return F.relu(mixed + bias[:, None, None])


def second_phase(z_s, z_t, y, lam, T):
    p_t = F.softmax(z_t / T, dim=1)
    soft = F.cross_entropy(z_s / T, p_t)
    return F.cross_entropy(z_s, y) + lam * soft


def relu_floor(u_t):
    out_of_reach = u_t.clamp(max=0)
    return out_of_reach.pow(2).mean()


def mix(v_s, weight):
    return torch.einsum("oc,nchw->nohw", weight, v_s)


def soft_cross_entropy(z_s, p_t):
    return -(p_t * F.log_softmax(z_s, 1)).sum(1).mean()


GUESS = Exercise(
    name="fitnet.guess",
    prompt="The regressor's guess of the hint (N, C_t, H, W): a 1x1 convolution of v_s (N, C_s, H, W), then the hint "
    "layer's ReLU.\n"
    "weight: (C_t, C_s), bias: (C_t). At every place the C_s channels are mixed into C_t.",
    reference=guess,
    cases=lambda: [  # in one, as many places in a row as channels, so that a bias on the wrong axis runs
        (noise(1, 3, 4, 2, 6), noise(2, 6, 4), noise(3, 6)),
        (noise(4, 2, 7, 3, 5), noise(5, 4, 7), noise(6, 4)),
        (noise(7, 1, 3, 5, 4).relu(), noise(8, 2, 3), noise(9, 2)),
    ],
    mistakes={
        "You rectify the student's map before the convolution: the ReLU comes last.": (
            lambda v, w, b: mix(v.relu(), w) + b[:, None, None]
        ),
        "You average over the student's channels: a convolution sums weight times channel.": (
            lambda v, w, b: (mix(v, w) / v.shape[1] + b[:, None, None]).relu()
        ),
    },
    hints=[
        "A 1x1 convolution is one matrix, weight, applied to the vector of channels at each place.",
        'torch.einsum can do it ("oc,nchw->..."), or F.conv2d with a weight of shape (C_t, C_s, 1, 1).',
        'F.relu(torch.einsum("oc,nchw->nohw", weight, v_s) + bias[:, None, None])',
    ],
    stars=1,
)

LOSS = Exercise(
    name="fitnet.loss",
    prompt="The paper's hint loss: half the squared distance of guess and hint u_t, both (N, C, H, W), summed over an "
    "image's entries, then averaged over the batch: one number. No gradient may reach u_t.",
    reference=fitnet,
    called="hint_loss",
    cases=lambda: [
        (noise(1, 6, 4, 3, 2), noise(2, 6, 4, 3, 2)),
        (noise(3, 2, 3, 5, 4), noise(4, 2, 3, 5, 4)),
        (noise(5, 1, 5, 2, 3).relu(), noise(6, 1, 5, 2, 3).relu()),
    ],
    detached=("u_t",),
    mistakes={
        "This is RepDistiller's mean of squares over all entries; the paper sums over an image and halves.": (
            lambda g, u: F.mse_loss(g, u.detach())
        ),
        "The norm is not squared: its pull is as strong near the hint as far from it. Leave out the root.": (
            lambda g, u: 0.5 * (u.detach() - g).flatten(1).norm(dim=1).mean()
        ),
    },
    hints=[
        "Three steps: the squared difference, a sum over each image's entries, a mean over images.",
        "Channels, rows and columns are the dimensions 1, 2 and 3. The hint is detached: the teacher does not learn.",
        "0.5 * (u_t.detach() - guess).pow(2).sum(dim=(1, 2, 3)).mean()",
    ],
)

SECOND = Exercise(
    name="fitnet.second_phase",
    prompt="The paper's second phase: cross-entropy with the labels y (N), plus lam times the cross-entropy of the "
    "student's soft answers with the teacher's, both at temperature T. As in the authors' code there is no T^2.\n"
    "z_s, z_t: logits (N, K). No gradient may reach z_t.",
    reference=second_phase,
    cases=lambda: [
        (3 * noise(1, 6, 10), 3 * noise(2, 6, 10), torch.tensor([0, 3, 9, 1, 1, 5]), 4.0, 3.0),
        (3 * noise(3, 4, 5), 3 * noise(4, 4, 5), torch.tensor([2, 0, 4, 3]), 1.5, 2.0),
        (3 * noise(5, 1, 7), 3 * noise(6, 1, 7), torch.tensor([6]), 0.6, 5.0),
    ],
    detached=("z_t",),
    mistakes={
        "T² is Hinton's; the authors' code of FitNets leaves it out, and lam = 4 to 1 was chosen without it.": (
            lambda s, t, y, lam, T: second_phase(s, t, y, lam * T**2, T)
        ),
        "lam weighs the labels here: it belongs to the soft term.": (
            lambda s, t, y, lam, T: (
                lam * F.cross_entropy(s, y) + soft_cross_entropy(s / T, F.softmax(t.detach() / T, 1))
            )
        ),
        "The labels' weight is 1, not 1 - lam: lam may be 4.": (
            lambda s, t, y, lam, T: second_phase(s, t, y, lam, T) - lam * F.cross_entropy(s, y)
        ),
        "The labels' term was softened too: it wants the student's logits at T = 1.": (
            lambda s, t, y, lam, T: second_phase(s, t, y, lam, T) - F.cross_entropy(s, y) + F.cross_entropy(s / T, y)
        ),
        "Student and teacher have changed places: the logarithm belongs to the student.": (
            lambda s, t, y, lam, T: (
                F.cross_entropy(s, y) + lam * soft_cross_entropy(t.detach() / T, F.softmax(s / T, 1))
            )
        ),
        "This is a KL divergence: same gradient, but the paper's equation has the cross-entropy.": (
            lambda s, t, y, lam, T: (
                F.cross_entropy(s, y)
                + lam * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="batchmean")
            )
        ),
    },
    hints=[
        "Two cross-entropies: one with class numbers at T = 1, one with the teacher's probabilities at T.",
        "F.cross_entropy takes raw logits first, and as its target either class numbers or probabilities.",
        "F.cross_entropy(z_s, y) + lam * F.cross_entropy(z_s / T, F.softmax(z_t.detach() / T, dim=1))",
    ],
)

FLOOR = Exercise(
    name="fitnet.floor",
    prompt="The smallest mean of squares (over all entries) that any guess ending in a ReLU can reach on the hint u_t "
    "(N, C, H, W), whose entries may be negative: one number.",
    reference=relu_floor,
    cases=lambda: [(noise(1, 4, 3, 5, 6),), (noise(2, 2, 6, 3, 4) - 0.5,), (noise(3, 1, 3, 2, 4).abs(),)],
    gradient=False,
    mistakes={
        "You average over the negative entries alone: the mean runs over all, the reached ones count as 0.": (
            lambda u: u[u < 0].pow(2).mean()
        ),
        "Only a hint without negative entries can be reached exactly.": lambda u: torch.zeros(()),
    },
    hints=[
        "What is the best guess at a place where the hint is 2? And where it is -2, if guesses are never negative?",
        "Positive entries cost nothing, a negative entry u costs u squared.",
        "u_t.clamp(max=0).pow(2).mean()",
    ],
)

MOVES = Question(
    name="fitnet.moves",
    prompt="The hint is the map after stage 2. What moves in the hint phase? A set of words from "
    '"stem", "stage 1", "stage 2", "stage 3", "classifier", "regressor".',
    answer=lambda: {"stem", "stage 1", "stage 2", "regressor"},
    wrong={
        "The regressor must reach the optimiser too, or the loss gets stuck on its random weights.": {
            "stem",
            "stage 1",
            "stage 2",
        },
        "What lies below the hint layer shapes its map as well: gradient goes down to the pixels.": {
            "stage 2",
            "regressor",
        },
        "Layers above the hint get no gradient; given to the optimiser, weight decay would move them all the same.": {
            "stem",
            "stage 1",
            "stage 2",
            "stage 3",
            "classifier",
            "regressor",
        },
        "That is all that moves in the second phase, without the hint.": {
            "stem",
            "stage 1",
            "stage 2",
            "stage 3",
            "classifier",
        },
    },
    hints=[
        "Follow the loss backwards from the guess: through which weights does its gradient pass?",
        "The regressor, the guided stage, and everything below it.",
    ],
    explanation="The gradient passes the regressor, then stage 2, stage 1 and the stem. Nothing above takes part.",
)

KERNEL = Question(
    name="fitnet.kernel",
    prompt="The student's map is 16x16, the hint 8x8. The paper bridges that with a convolution without padding, "
    "stride 1. How many rows has its kernel?",
    answer=lambda: 16 - 8 + 1,
    wrong={
        "A kernel with k rows takes k - 1 rows away, not k.": 8,
        "That is the ratio of the sizes; without a stride the kernel itself must eat the difference.": 2,
        "That is RepDistiller's kernel, with stride 2; the paper's has no stride.": 3,
    },
    hints=["How many rows are left of 16 after a 3x3 kernel without padding?", "16 - k + 1 = 8."],
    explanation="A valid convolution with k rows leaves 16 - k + 1. Nine rows and columns make 81 weights per pair of "
    "channels; RepDistiller's 3x3 with stride 2 makes nine.",
)

EXERCISES = [GUESS, LOSS, SECOND, FLOOR, MOVES, KERNEL]
