"""Right and wrong programs for the exercises of `sp`."""

import torch
import torch.nn.functional as F

from kd_teach.course.exercises.sp import contrast, gap, gram, others_of_class
from kd_teach.methods.sp import similarity


def mean_square(matrix):
    return lambda f_s, f_t: (matrix(f_s) - matrix(f_t.detach())).pow(2).mean()


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
        "by weights": (
            lambda g, y: (
                (g * ((y[:, None] == y).float() - torch.eye(len(y))) / ((y[:, None] == y).sum() - len(y))).sum()
                - g[y[:, None] != y].mean()
            )
        ),
        "the diagonal subtracted": (
            lambda g, y: (
                ((g * (y[:, None] == y)).sum() - g.diagonal().sum()) / ((y[:, None] == y).sum() - len(y))
                - g[y[:, None] != y].mean()
            )
        ),
    },
}


WRONG = {
    "sp.similarity": [
        ("the scaling to length 1 of the part with f is missing", gram),
        (
            "the scaling to length 1 runs over the dimensions (0, 1), not over the last dimension",
            lambda f: gram(f) / gram(f).norm(),
        ),
        ("the mean over the places is taken (pooled) of f first", lambda f: similarity(f.mean(dim=(2, 3)))),
        (
            "divided by the squared length, not by the length (a root is missing)",
            lambda f: gram(f) / gram(f).square().sum(dim=1, keepdim=True),
        ),
        (
            "the scaling to length 1 runs over the batch (dim=0), not over the last dimension",
            lambda f: F.normalize(gram(f), dim=0),
        ),
    ],
    "sp.loss": [
        (
            "You normalised the samples before multiplying: these are cosines, the matrix of CC.",
            mean_square(lambda f: gram(F.normalize(f.flatten(1), dim=1))),
        ),
        (
            "The rows sum to 1 instead of having length 1",
            mean_square(lambda f: F.normalize(gram(f), p=1, dim=1)),
        ),
        ("the sum stands where the mean belongs", lambda s, t: gap(s, t).pow(2).sum()),
        (
            "the mean runs over dim=1, then the sum over the rest: mean and sum are mixed differently (a",
            lambda s, t: gap(s, t).pow(2).sum(dim=1).mean(),
        ),
        (
            "a root is applied to the result; and the result is then too small by the factor N",
            lambda s, t: gap(s, t).norm() / len(s) ** 2,
        ),
        ("the absolute value stands where the square belongs", lambda s, t: gap(s, t).abs().mean()),
        ("the scaling to length 1 is missing", mean_square(gram)),
        (
            "the scaling to length 1 runs over the dimensions (0, 1), not over the last dimension",
            mean_square(lambda f: gram(f) / gram(f).norm()),
        ),
        (
            "the mean over the places is taken (pooled) of f_s and f_t first",
            mean_square(lambda f: similarity(f.mean(dim=(2, 3)))),
        ),
        (
            "divided by the squared length, not by the length (a root is missing)",
            mean_square(lambda f: gram(f) / gram(f).square().sum(dim=1, keepdim=True)),
        ),
        (
            "the scaling to length 1 is missing, for f_t alone",
            lambda s, t: (similarity(s) - gram(t.detach())).pow(2).mean(),
        ),
    ],
    "sp.contrast": [
        (
            "the diagonal, a condition beside the part with y, is missing",
            lambda g, y: g[y[:, None] == y].mean() - g[y[:, None] != y].mean(),
        ),
        (
            "the mean of the part with g and y and the mean of the part with g and y have changed places,",
            lambda g, y: -contrast(g, y),
        ),
        (
            "the mean of the part with g and y, what is subtracted from the mean of the part with g and y,",
            lambda g, y: others_of_class(g, y).mean(),
        ),
        (
            "the part with y is compared with the part with y the wrong way round (not = for =)",
            lambda g, y: g[y[:, None] != y].mean() - g[y[:, None] == y].mean(),
        ),
    ],
}
