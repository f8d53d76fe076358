"""Exercises of `08_pkt`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.exercise import Exercise, Question
from kd_teach.course.exercises.inputs import noise
from kd_teach.methods.pkt import neighbour_probabilities, pkt


def probabilities(e):
    return neighbour_probabilities(e)


def cloud(seed, n, d):
    """Inner products above -1, so that a kernel of them is positive and its mistake is no NaN."""
    return 0.4 * noise(seed, n, d)


def cosines(e):
    return F.normalize(e, dim=1) @ F.normalize(e, dim=1).T


def picks(e, *, kernel=lambda e: (cosines(e) + 1) / 2, self_pairs=False):
    """The reference, with another kernel, or with samples that pick themselves."""
    k = kernel(e)
    if not self_pairs:
        k = k * (1 - torch.eye(len(e)))
    return k / k.sum(dim=1, keepdim=True)


def softmax_of_others(e):
    return cosines(e).masked_fill(torch.eye(len(e), dtype=torch.bool), -torch.inf).softmax(dim=1)


def late_diagonal(e):
    return picks(e, self_pairs=True) * (1 - torch.eye(len(e)))


def off_diagonal(p):
    """(N, N) without its diagonal: (N, N-1)."""
    return p[~torch.eye(len(p), dtype=torch.bool)].view(len(p), -1)


def with_picks(pick, s, t):
    """Mean over the rows of KL(p_t || p_s)."""
    p_s, p_t = off_diagonal(pick(s)), off_diagonal(pick(t.detach()))
    return (p_t * (p_t / p_s).log()).sum() / len(p_s)


PROBABILITIES = Exercise(
    name="pkt.probabilities",
    prompt="How likely each row of e (N, D) picks each other row as its neighbour: (N, N), zero on the diagonal. "
    "The kernel is (cosine + 1) / 2, and every row sums to one.",
    reference=probabilities,
    cases=lambda: [(cloud(1, 5, 3),), (cloud(2, 4, 6),), (cloud(3, 3, 2),)],
    mistakes={
        "The diagonal was removed after the division, so the rows no longer sum to one.": late_diagonal,
        "This is a softmax of the cosines over the others. PKT divides the kernel by its sum; no exponential.": (
            softmax_of_others
        ),
        "This is a softmax of the cosines, self-pairs included. PKT divides the kernel by its sum; no exponential.": (
            lambda e: cosines(e).softmax(dim=1)
        ),
        "The cosines were not moved from -1..1 to 0..1: some of your probabilities are negative.": (
            lambda e: picks(e, kernel=cosines)
        ),
        "Your kernel uses inner products; set the rows to length 1 first.": (
            lambda e: picks(e, kernel=lambda e: (e @ e.T + 1) / 2)
        ),
        "Far samples get the most here: a minus sign in front of the cosine.": (
            lambda e: picks(e, kernel=lambda e: (1 - cosines(e)) / 2)
        ),
    },
    hints=[
        "Four steps: rows of length 1, their inner products, the kernel without its diagonal, a division.",
        "Once every row has length 1, the inner products of all rows are the cosines. What maps -1..1 to 0..1?",
        "Multiply by 1 - torch.eye(N), then divide by .sum(dim=1, keepdim=True).",
    ],
)

LOSS = Exercise(
    name="pkt.loss",
    prompt="Mean over the N samples of KL(teacher's row || student's row), rows without the sample itself: a number.\n"
    "e_s (N, D_s), e_t (N, D_t): embeddings of student and teacher. No gradient may reach e_t.",
    reference=pkt,
    called="pkt_loss",
    cases=lambda: [(cloud(1, 5, 3), cloud(2, 5, 4)), (cloud(3, 4, 6), cloud(4, 4, 8))],
    detached=("e_t",),
    steps={neighbour_probabilities: PROBABILITIES},
    mistakes={
        "This is the sum over the rows, as the paper writes it: it grows with the batch. Divide by N.": (
            lambda s, t: pkt(s, t) * len(s)
        ),
        "kl_div got the student's probabilities; it wants their logarithms.": lambda s, t: F.kl_div(
            off_diagonal(picks(s)), off_diagonal(picks(t.detach())), reduction="batchmean"
        ),
        "This is the cross-entropy: its gradient is right, its value too large by the entropy of the teacher's rows.": (
            lambda s, t: -(off_diagonal(picks(t.detach())) * off_diagonal(picks(s)).log()).sum() / len(s)
        ),
        "These are squared differences of the probabilities; the exercise asks for the divergence.": (
            lambda s, t: (picks(s) - picks(t.detach())).square().sum() / len(s)
        ),
        "The logarithm of a negative number: the cosines were not moved from -1..1 to 0..1.": (
            lambda s, t: with_picks(lambda e: picks(e, kernel=cosines), s, t)
        ),
        "The diagonal was removed after the division, so the rows do not sum to one and this is no divergence.": (
            lambda s, t: with_picks(late_diagonal, s, t)
        ),
        "The value is right, but the gradient is NaN: nan_to_num hides the diagonal's 0 log(0 / 0) in the value only. "
        "Leave the diagonal out before the logarithm.": lambda s, t: (
            (picks(t.detach()) * (picks(t.detach()) / picks(s)).log()).nan_to_num().sum() / len(s)
        ),
    },
    hints=[
        "Your function gives p_s and p_t; detach the teacher's embeddings. Then the divergence of each row.",
        "The diagonal is zero in both, and 0 log(0 / 0) is NaN: select the other entries of both with a boolean mask.",
        "Sum p_t times the logarithm of p_t / p_s over all that is left, and divide by N.",
    ],
)

WEIGHT = Question(
    name="pkt.weight",
    prompt="RepDistiller gives PKT the weight 30000, at batch 64, on a mean over all N² entries. Which weight does the "
    "same on a mean over the N rows of their sums?",
    answer=lambda: 30000 / 64,
    wrong={
        "The other way round: the sum of a row is larger than the mean of its entries.": 30000 * 64.0,
        "That divides by N twice. One of the two divisions is in both means.": 30000 / 64**2,
    },
    hints=["How many entries has a row?", "The mean over all entries is 1/N of the mean of the rows' sums."],
    explanation="The library's default is 469. A weight made for a mean over N² halves when the batch doubles.",
)

RATIO = Question(
    name="pkt.ratio",
    prompt="All embeddings come out of a ReLU: no entry is negative. At most how many times likelier than its least "
    "likely neighbour can a sample pick its most likely one?",
    answer=lambda: 2.0,
    wrong={
        "That is the other way round: the least likely against the most likely.": 0.5,
        "Rows are nearly even, not quite: two cosines may differ.": 1.0,
    },
    hints=["Between which two values do the cosines of such embeddings lie?", "And (cosine + 1) / 2?"],
    explanation="Cosines lie in 0..1, kernels in 1/2..1, and a row's sum is the same for both neighbours.",
    stars=2,
)

EXERCISES = [PROBABILITIES, LOSS, WEIGHT, RATIO]
