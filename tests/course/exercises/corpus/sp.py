"""Right and wrong programs for the exercises of `sp`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.sp import gap, gram, mean_square
from kd_teach.methods.sp import similarity


def with_loops(f):
    rows = []
    for a in f:
        row = torch.stack([(a * b).sum() for b in f])
        rows.append(row / row.square().sum().sqrt())
    return torch.stack(rows)


def from_cosines(f_s, f_t):
    """Rows of unit length: ||a - b||^2 = 2 - 2 a.b."""
    alike = F.cosine_similarity(gram(f_s), gram(f_t.detach()), dim=1)
    return (2 - 2 * alike).mean() / len(f_s)


def weighted(g, mask):
    return (g * mask).sum() / mask.sum()


RIGHT = {
    "sp.similarity": {
        "with loops": with_loops,
        "columns of the transpose": (lambda f: F.normalize(gram(f), dim=0).T),
        "divided by hand": (lambda f: gram(f) / gram(f).norm(dim=1, keepdim=True)),
        "einsum": (lambda f: F.normalize(torch.einsum("ichw,jchw->ij", f, f), dim=1)),
    },
    "sp.loss": {
        "columns instead of rows": (mean_square(lambda f: F.normalize(gram(f), dim=0))),
        "with loops": (mean_square(with_loops)),
        "squared norm over N²": (lambda s, t: torch.linalg.matrix_norm(gap(s, t)) ** 2 / len(s) ** 2),
        "mse_loss": (lambda s, t: F.mse_loss(similarity(s), similarity(t.detach()))),
        "from the cosines of the rows": from_cosines,
    },
    "sp.contrast": {
        "with sums": (
            lambda g, y: weighted(g, (y[:, None] == y).float().fill_diagonal_(0)) - weighted(g, y[:, None] != y)
        ),
    },
}
