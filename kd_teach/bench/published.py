"""Forms in which a loss is commonly published and which cost another order than its equation needs.

Each gets the package's loss, whose learnt parts and memories it shares, and the two taps; its value is the same.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kd_teach.methods.crd import EPSILON
from kd_teach.methods.nst import square_distances

Maps = Sequence[Tensor]  # (N, C, H, W), one per stage


def nst(loss: Any, f_s: Maps, f_t: Maps) -> Tensor:
    """Products of all pairs of channels, place by place, from (N, C, C', HW)."""

    def k(x: Tensor, y: Tensor, kernel: Callable[..., Tensor]) -> Tensor:
        both = torch.broadcast_tensors(x.unsqueeze(2), y.unsqueeze(1))
        return kernel((both[0] * both[1]).sum(dim=3), (both[0] - both[1]).square().sum(dim=3))

    total = torch.zeros(())
    for s, t in zip(f_s, f_t, strict=True):
        x, y = F.normalize(s.flatten(2), dim=2), F.normalize(t.flatten(2), dim=2)
        kernel = of_pairs(loss.kernel, x, y)
        total = total + k(x, x, kernel).mean() + k(y, y, kernel).mean() - 2 * k(x, y, kernel).mean()
    return total


def of_pairs(name: str, x: Tensor, y: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The kernel as a function of x.y and |x - y|^2 of all pairs."""
    if name == "gaussian":
        variance = square_distances(x.detach(), y).mean(dim=(1, 2), keepdim=True)
        return lambda product, distance: torch.exp(-distance / (2 * variance))
    return lambda product, distance: product ** {"linear": 1, "polynomial": 2}[name]


def fsp(loss: Any, f_s: Maps, f_t: Maps, *, pool: Callable[..., Tensor], mean: bool) -> Tensor:
    """Flow matrices as means over places of (N, m, n, hw)."""

    def flows(maps: Maps) -> list[Tensor]:
        found = []
        for first, second in pairwise(maps):
            grid = tuple(map(min, first.shape[2:], second.shape[2:]))
            rows, columns = pool(first, grid).flatten(2).unsqueeze(2), pool(second, grid).flatten(2).unsqueeze(1)
            found.append((rows * columns).mean(dim=3))
        return found

    adapted = [adapter(f) for adapter, f in zip(loss.adapters, f_s, strict=True)] if loss.adapters else f_s
    gaps = [(t - s).square() for s, t in zip(flows(adapted), flows(f_t), strict=True)]
    return torch.stack([gap.mean() if mean else gap.sum() / len(gap) for gap in gaps]).sum()


def crd(loss: Any, e_s: Tensor, e_t: Tensor, rows: Tensor) -> Tensor:
    """Every anchor gathers its own K + 1 rows of the bank, (N, K + 1, dim); `rows` (N, K + 1), the positive first."""
    v_s, v_t = F.normalize(loss.embed_s(e_s)), F.normalize(loss.embed_t(e_t))
    z = loss.log_z.exp()
    return crd_side(loss, v_s, loss.bank_t.rows, rows, z[0]) + crd_side(loss, v_t, loss.bank_s.rows, rows, z[1])


def crd_side(loss: Any, anchors: Tensor, bank: Tensor, rows: Tensor, z: Tensor) -> Tensor:
    (batch, columns), (n, dim) = rows.shape, bank.shape
    gathered = bank.index_select(0, rows.flatten()).reshape(batch, columns, dim)
    scores = torch.exp(torch.bmm(gathered, anchors.unsqueeze(2)).squeeze(2) / loss.temperature) / z  # (N, K + 1)
    noise, eps = (columns - 1) / n, EPSILON if loss.critic.normalised else 0.0
    positive = torch.log(scores[:, 0] / (scores[:, 0] + noise + eps))
    negative = torch.log(noise / (scores[:, 1:] + noise + eps))
    return -(positive.sum() + negative.sum()) / batch


average, largest = F.adaptive_avg_pool2d, F.adaptive_max_pool2d
PUBLISHED: dict[tuple[str, str], Callable[..., Tensor]] = {
    ("nst", "paper"): nst,
    ("fsp", "paper"): partial(fsp, pool=largest, mean=False),
    ("fsp", "repdistiller"): partial(fsp, pool=average, mean=True),
    ("fsp", "adapter"): partial(fsp, pool=largest, mean=False),
    ("crd", "paper"): crd,
    ("crd", "repdistiller"): crd,
}
