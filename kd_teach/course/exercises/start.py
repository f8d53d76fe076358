"""Exercises of `00_start_here`."""

from torch import nn

from kd_teach.course.exercises.exercise import Exercise


def share_of_weights(student, teacher):
    count = [sum(p.numel() for p in network.parameters()) for network in (student, teacher)]
    return count[0] / count[1]


def count(network):
    return sum(p.numel() for p in network.parameters())


SHARE = Exercise(
    name="start.share",
    prompt="How many parameters the student has, as a share of the teacher's: a number.",
    reference=share_of_weights,
    cases=lambda: [(nn.Linear(3, 2), nn.Linear(9, 7, bias=False)), (nn.Conv2d(3, 4, 3), nn.Linear(30, 40))],
    gradient=False,
    stars=1,
    mistakes={
        "That counts tensors: a weight tensor holds many parameters, p.numel() of them.": (
            lambda s, t: len(list(s.parameters())) / len(list(t.parameters()))
        ),
        "That is the difference; a share is a fraction.": lambda s, t: count(t) - count(s),
        "That is the student's number alone; divide by the teacher's.": lambda s, t: count(s),
    },
    hints=[
        "network.parameters() gives the weight tensors, p.numel() the numbers in one of them.",
        "Sum p.numel() over each network's parameters, then divide the student's sum by the teacher's.",
    ],
)

EXERCISES = [SHARE]
