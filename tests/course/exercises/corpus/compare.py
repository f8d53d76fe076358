"""Right and wrong programs for the exercises of `compare`."""

from kd_teach.course.exercises.compare import holm, ranks

RIGHT = {
    "compare.paired_t": {
        "by sums": (
            lambda a, b: (a - b).sum() / (len(a) * ((a - b) - (a - b).mean()).square().sum() / (len(a) - 1)).sqrt()
        ),
        "as the root of F": (lambda a, b: (a - b).mean() * (len(a) / (a - b).var()).sqrt()),
    },
    "compare.holm": {
        "by ranks": (lambda p: holm(p.sort().values)[ranks(p)]),
    },
}
