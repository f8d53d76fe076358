"""Right and wrong programs for the exercises of `own`."""

from kd_teach.course.exercises.own import centre

RIGHT = {
    "own.centred": {
        "centre the difference": (lambda s, t: centre(s - t.detach(), 1).pow(2).mean()),
        "variance of the difference": (lambda s, t: (s - t.detach()).var(dim=1, unbiased=False).mean()),
    },
}
