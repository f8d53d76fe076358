"""Exercises of `09_ab`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.ab import ab, hinge, stage_weights


def sides_agree(s, t):
    return ((s > 0) == (t > 0)).float().mean()


def maps(seed, *shape):
    return 1.5 * noise(seed, *shape)


def by_table():
    """The worked table, each student's value once under a teacher that fires and once under a silent one."""
    s = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0]).repeat(2, 1)
    return s, torch.tensor([[2.0, 0.3, 1.0, 0.5, 3.0], [-1.0, 0.0, -2.0, 0.0, -0.2]])


def turned(s, t):
    """s where the teacher fires, -s where it is silent: the side that is wanted is above 0."""
    return torch.where(t > 0, s, -s)


def summed(wrong, s):
    return wrong.pow(2).sum() / len(s)


HINGE = Exercise(
    name="ab.hinge",
    prompt="What each neuron costs: the squared hinge, a tensor of the shape of s.\n"
    "s, t: values before the ReLU, of the student (behind its connector) and of the teacher, same shape. mu: the "
    "margin. A teacher's neuron fires where t > 0.",
    reference=hinge,
    cases=lambda: [
        (*by_table(), 1.0),
        (maps(1, 3, 4, 2, 5), maps(2, 3, 4, 2, 5).relu(), 0.5),
        (maps(3, 1, 3, 2, 4), maps(4, 1, 3, 2, 4), 2.0),
    ],
    mistakes={
        "The sides have changed places: where the teacher fires, a student far above 0 must cost nothing.": (
            lambda s, t, mu: F.relu(mu - turned(-s, t)) ** 2
        ),
        "The hinge is missing: what lies beyond the margin on its right side must cost nothing and get no gradient.": (
            lambda s, t, mu: (mu - turned(s, t)) ** 2
        ),
        "The cost grows with how strongly the teacher fires: use only its side.": (
            lambda s, t, mu: F.relu(mu - s * t) ** 2
        ),
        "This compares the values. AB asks on which side of 0 the teacher is, not where.": lambda s, t, mu: (
            (s - t) ** 2
        ),
        "This is the count of wrong sides itself: a step has no gradient. The hinge stands for it.": (
            lambda s, t, mu: ((s > 0) != (t > 0)).float()
        ),
    },
    hints=[
        "Two costs for every neuron: one if it should be above 0, one if it should be below.",
        "A student that should fire is right from mu on: how far below mu is it, and what turns 'above' into 0?",
        "F.relu(mu - s) where t > 0, F.relu(mu + s) elsewhere; torch.where picks; then the square.",
    ],
)

LOSS = Exercise(
    name="ab.loss",
    prompt="The AB loss of one stage: the squared hinge with margin mu, summed over channels and places, mean over the "
    "batch: one number.\ns, t: maps (N, C, H, W) before their ReLU.",
    reference=ab,
    called="ab_loss",
    cases=lambda: [
        (maps(1, 4, 3, 2, 5), maps(2, 4, 3, 2, 5), 1.0),
        (maps(3, 3, 5, 2, 4), maps(4, 3, 5, 2, 4).relu(), 2.0),
        (maps(5, 1, 2, 3, 4), maps(6, 1, 2, 3, 4), 0.5),
    ],
    steps={hinge: HINGE},
    mistakes={
        "One side only: where the teacher is silent, a student that fires costs nothing.": (
            lambda s, t, mu: summed(torch.where(t > 0, F.relu(mu - s), 0.0), s)
        ),
        "The student was rectified first: every silent neuron of the teacher then costs at least mu squared.": (
            lambda s, t, mu: summed(F.relu(mu - turned(s.relu(), t)), s)
        ),
    },
    hints=[
        "Your hinge for every neuron, then one sum and one division.",
        "Sum over all four dimensions at once; what is a mean over the batch then?",
        "Divide the sum of the squares by len(s).",
    ],
)

AGREEMENT = Exercise(
    name="ab.agreement",
    prompt="The share (0 to 1) of neurons that stand on the teacher's side of their boundary: both fire, or neither.\n"
    "s, t: maps (N, C, H, W) before their ReLU; t may be rectified. A neuron fires where its value is above 0.",
    reference=sides_agree,
    cases=lambda: [
        (maps(1, 4, 3, 2, 5), maps(2, 4, 3, 2, 5)),
        (maps(3, 3, 5, 2, 4), maps(4, 3, 5, 2, 4).relu()),
        (maps(5, 1, 5, 3, 2).relu(), maps(6, 1, 5, 3, 2).relu()),
    ],
    gradient=False,
    mistakes={
        "Only pairs that both fire are counted; both silent is the same side too.": (
            lambda s, t: ((s > 0) & (t > 0)).float().mean()
        ),
        "The product is 0 for a rectified teacher, and its silent neurons never count as equal.": (
            lambda s, t: (s * t > 0).float().mean()
        ),
        "sign knows three values: 0 and -1 are both silent, but not equal.": (
            lambda s, t: (s.sign() == t.sign()).float().mean()
        ),
    },
    hints=["s > 0 is a tensor of True and False: where does the student fire?", "Two of them can be compared with ==."],
    stars=1,
)

WEIGHTS = Exercise(
    name="ab.stage_weights",
    prompt="Weights for the given number of stages, a list: 1 for the last stage, for each stage before it half of the "
    "next one's.",
    reference=stage_weights,
    gradient=False,
    cases=lambda: [(3,), (4,), (1,)],
    mistakes={
        "The other way round: the last, deepest stage has weight 1.": lambda stages: stage_weights(stages)[::-1],
        "All stages weigh the same here: then the first, largest map decides alone.": lambda stages: [1.0] * stages,
        "Half of what is asked for: the last one must be 1.": lambda stages: [
            2.0 ** (i - stages) for i in range(stages)
        ],
        "The ratios are right, but it is the last one that must be 1, not the first.": (
            lambda stages: [2.0**i for i in range(stages)]
        ),
        "The ratios are right, but the weights need not sum to 1: the last one is 1.": (
            lambda stages: [2.0**i / (2**stages - 1) for i in range(stages)]
        ),
        "The weights fall to a half, a third, ...: each must be half of the next one.": (
            lambda stages: [1 / (stages - i) for i in range(stages)]
        ),
    },
    hints=["For three stages: 1/4, 1/2, 1.", "A power of 2 whose exponent ends at 0."],
)

FLOOR = Question(
    name="ab.floor",
    prompt="Somebody taps the student AFTER its ReLU. 60 % of the teacher's neurons are silent, and mu = 0.5. How low "
    "can the mean cost per neuron get, however long this student trains?",
    answer=lambda: 0.6 * 0.5**2,
    wrong={
        "The hinge is squared.": 0.6 * 0.5,
        "It is the silent neurons that a rectified student cannot serve.": 0.4 * 0.5**2,
        "mu is 0.5, not 1.": 0.6,
        "At 0 a rectified student stands on the boundary, mu short of where a silent neuron should be.": 0.0,
        "That is what a silent neuron costs; how many of them are there?": 0.5**2,
    },
    hints=[
        "What is the lowest value that comes out of a ReLU?",
        "What does a silent neuron cost there? And a firing one?",
    ],
    explanation="A firing neuron can reach mu and costs nothing. A silent one should go to -mu; a rectified student "
    "stops at 0 and pays mu² = 0.25 for each: 60 % of 0.25. A loss that stands still at the silent share times mu² "
    "gives this bug away.",
)

EXERCISES = [HINGE, LOSS, AGREEMENT, FLOOR, WEIGHTS]
