"""Exercises of `01_kd`."""

import math

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.kd import kd, soften


def kd_total(z_s, z_t, y, T, alpha, gamma):
    return gamma * F.cross_entropy(z_s, y) + alpha * kd(z_s, z_t, T)


def logits(seed, n, k=10, size=3.0):
    return size * noise(seed, n, k)


def divergence(log_p_s, p_t, T, **how):
    return T**2 * F.kl_div(log_p_s, p_t, **{"reduction": "batchmean", **how})


SOFTEN = Exercise(
    name="kd.soften",
    prompt="Class probabilities (N, K) of logits z (N, K) at temperature T.",
    reference=soften,
    cases=lambda: [(logits(1, 4), 3.0), (logits(2, 3, k=5), 0.5), (logits(3, 1, k=7), 6.0)],
    hints=[
        "At T = 1 this is the ordinary softmax over the classes.",
        "A large T must bring all probabilities near 1/K: what can T do to the logits so that they come closer?",
        "Divide the logits by T, then take the softmax over dim=1.",
    ],
    stars=1,
)

LOSS = Exercise(
    name="kd.loss",
    prompt="T^2 times the mean over the batch of KL(teacher || student) at temperature T: one number.\n"
    "z_s, z_t: logits (N, K) of student and teacher. No gradient may reach z_t.",
    reference=kd,
    called="kd_loss",
    cases=lambda: [
        (logits(1, 8), logits(2, 8), 3.0),
        (logits(3, 5, k=4), logits(4, 5, k=4), 2.0),
        (logits(5, 1, k=6), logits(6, 1, k=6), 0.5),
    ],
    detached=("z_t",),
    mistakes={
        "T² is missing: without it the gradient fades as T grows.": lambda s, t, T: kd(s, t.detach(), T) / T**2,
        "Student and teacher have changed places: kl_div(input, target) takes the student's log-probabilities first.": (
            lambda s, t, T: divergence(F.log_softmax(t.detach() / T, 1), F.softmax(s / T, 1), T)
        ),
        "This is the cross-entropy with soft targets: its gradient is right, its value too large by the teacher's "
        "entropy. Subtract that, or use kl_div.": (
            lambda s, t, T: -(T**2) * (F.softmax(t.detach() / T, 1) * F.log_softmax(s / T, 1)).sum(1).mean()
        ),
    },
    hints=[
        "Four lines: the student's log-probabilities, the teacher's probabilities, their divergence, the T².",
        "F.log_softmax(z_s / T, dim=1) for the student; F.softmax for the teacher, whose logits are detached.",
        'F.kl_div(student_log_probabilities, teacher_probabilities, reduction="batchmean"), then times T**2.',
    ],
)

TOTAL = Exercise(
    name="kd.total",
    prompt="gamma times the cross-entropy with the labels y (N), plus alpha times the KD loss at temperature T.\n"
    "The labels' term sees the student's logits at T = 1. No gradient may reach z_t.",
    reference=kd_total,
    cases=lambda: [
        (logits(1, 6), logits(2, 6), torch.tensor([0, 3, 9, 1, 1, 5]), 3.0, 0.9, 0.1),
        (logits(5, 3, k=4), logits(6, 3, k=4), torch.tensor([2, 0, 3]), 2.0, 0.3, 1.0),
        (logits(7, 1, k=5), logits(8, 1, k=5), torch.tensor([4]), 4.0, 0.5, 0.7),
    ],
    detached=("z_t",),
    steps={kd: LOSS},
    mistakes={
        "The labels' term was softened too: it wants the student's logits at T = 1.": (
            lambda s, t, y, T, alpha, gamma: gamma * F.cross_entropy(s / T, y) + alpha * kd(s, t.detach(), T)
        ),
    },
    hints=["F.cross_entropy(z_s, y) takes raw logits.", "Add your KD loss, each term times its own weight."],
)

SMOOTHING = Question(
    name="kd.uniform_teacher",
    prompt="A teacher gives all classes the same probability. With T = 1, gamma = 0.9 and alpha = 0.1, training the "
    "student equals training with F.cross_entropy(z, y, label_smoothing=e). What is e?",
    answer=lambda: 0.1,
    wrong={
        "That is the labels' share; e is what goes to all classes alike.": 0.9,
        "The smoothing e is the mass spread over all classes together, not per class.": 0.01,
    },
    hints=[
        "Write both losses as a cross-entropy against one target vector.",
        "Label smoothing's target is (1 - e) one-hot + e uniform; yours is gamma one-hot + alpha uniform.",
    ],
    explanation="KD with a uniform teacher is cross-entropy against the uniform distribution, up to a constant. "
    "gamma CE(y) + alpha CE(uniform) is a cross-entropy against gamma one-hot + alpha uniform: label smoothing.",
    stars=2,
)

FADE = Question(
    name="kd.without_t2",
    prompt="How many times smaller is the KD loss at T = 4 when T² is forgotten?",
    answer=lambda: 4.0**2,
    wrong={
        "That is T; the loss holds T².": 4.0,
        "That is the factor, not how many times smaller.": 1 / 16,
    },
    hints=["The rest of the loss is the same.", "Only the factor T² at T = 4 is missing."],
    explanation=f"T² = {math.pow(4, 2):.0f} stands in front of everything else.",
)

EXERCISES = [SOFTEN, LOSS, TOTAL, FADE, SMOOTHING]
