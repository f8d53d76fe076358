"""Exercises of `16_your_own`."""

from kd_teach.course.exercises.exercise import Exercise
from kd_teach.course.exercises.inputs import noise


def centred_loss(z_s, z_t):
    z_t = z_t.detach()
    difference = (z_s - z_s.mean(dim=1, keepdim=True)) - (z_t - z_t.mean(dim=1, keepdim=True))
    return difference.pow(2).mean()


def logits(seed, n, k):
    return 3 * noise(seed, n, k) + 1


CENTRED = Exercise(
    name="own.centred",
    prompt="Mean over samples and classes of the squared difference of logits, each sample's logits centred first.\n"
    "z_s, z_t: (N, K). One number; no gradient may reach z_t.",
    reference=centred_loss,
    cases=lambda: [
        (logits(1, 6, 10), logits(2, 6, 10)),
        (logits(3, 3, 4), logits(4, 3, 4)),
        (logits(5, 1, 7), logits(6, 1, 7)),
    ],
    detached=("z_t",),
    hints=[
        "z.mean(dim=1, keepdim=True) is (N, 1): subtract it from z.",
        "Centre both, subtract, square, average over everything. Detach the teacher's logits first.",
    ],
)

EXERCISES = [CENTRED]
