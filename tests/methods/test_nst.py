"""NST against its equation under each kernel, its closed forms, and what it cannot see."""

import math
from functools import partial
from itertools import product

import pytest
import torch

from kd_teach.methods import NSTLoss
from kd_teach.methods.nst import gaussian, linear, nst, patterns, polynomial

A, B = (torch.tensor(rows, dtype=torch.float64)[None, :, None, :] for rows in ([[1, 2], [3, 0]], [[2, 1], [1, 1]]))
kernels = pytest.mark.parametrize("kernel", ["polynomial", "linear", "gaussian"])


def maps(n, c, h, w, seed=0):
    return torch.randn(n, c, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def channels(*rows):
    """One image whose channels are these patterns, (1, C, 1, W)."""
    return torch.tensor(rows, dtype=torch.float64)[None, :, None, :]


# --- the equation, one number at a time ------------------------------------------------------------------------------


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def square_distance(x, y):
    return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def unit(x):
    norm = math.sqrt(dot(x, x))
    return [a / norm for a in x] if norm else x


def mmd_by_loops(image_s, image_t, kernel):
    x, y = ([unit(channel.flatten().tolist()) for channel in image] for image in (image_s, image_t))
    variance = sum(square_distance(a, b) for a in x for b in y) / (len(x) * len(y))
    k = {
        "polynomial": lambda a, b: dot(a, b) ** 2,
        "linear": dot,
        "gaussian": lambda a, b: math.exp(-square_distance(a, b) / (2 * variance)),
    }[kernel]

    def mean(first, second):
        return sum(k(a, b) for a in first for b in second) / (len(first) * len(second))

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


def by_loops(f_s, f_t, kernel):
    stages = zip(f_s, f_t, strict=True)
    return sum(mmd_by_loops(s[n], t[n], kernel) / len(s) for s, t in stages for n in range(len(s)))


def nst_by_loops(x, y, k):
    """The signature of `nst`: one kernel value at a time, of one pair of patterns."""

    def mean(first, second):
        counts = range(first.shape[0]), range(first.shape[1]), range(second.shape[1])
        pairs = [k(first[n, i][None, None], second[n, j][None, None]) for n, i, j in product(*counts)]
        return sum(pair.sum() for pair in pairs) / len(pairs)

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


LOOPS = {"paper": nst_by_loops}


@kernels
@pytest.mark.parametrize("n", [1, 7])
def test_equals_the_equation_in_loops(n, kernel):
    f_s = maps(n, 3, 3, 5, seed=1), maps(n, 6, 1, 2, seed=2)  # few channels and many pixels, then the other way round
    f_t = maps(n, 4, 3, 5, seed=3), maps(n, 5, 1, 2, seed=4)
    assert NSTLoss(kernel=kernel)(f_s, f_t).item() == pytest.approx(by_loops(f_s, f_t, kernel), rel=1e-9)


@kernels
def test_the_larger_grid_is_pooled(kernel):
    f_s, f_t = maps(2, 3, 4, 6, seed=1), maps(2, 4, 2, 3, seed=2)
    pooled = f_s.reshape(2, 3, 2, 2, 3, 2).mean(dim=(3, 5))
    assert NSTLoss(kernel=kernel)([f_s], [f_t]).item() == pytest.approx(by_loops([pooled], [f_t], kernel), rel=1e-9)


# --- hand-computed values --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "value"), [("polynomial", 0.13), ("linear", 0.022840)])
def test_hand_computed(kernel, value):
    assert NSTLoss(kernel=kernel)([A], [B]).item() == pytest.approx(value, abs=1e-6)


def test_comparing_channel_grams_entry_by_entry_gives_another_value():
    x, y = (f.flatten(2)[0] / f.flatten(2)[0].norm(dim=1, keepdim=True) for f in (A, B))
    wrong = (x @ x.T - y @ y.T).pow(2).mean().item()  # it would also need equal channels
    assert wrong == pytest.approx(0.125736, abs=1e-6)
    assert NSTLoss()([A], [B]).item() != pytest.approx(wrong, rel=0.01)


def test_hand_computed_gaussian_of_variance_one():
    assert nst(patterns(A), patterns(B), partial(gaussian, variance=1.0)).item() == pytest.approx(0.055351, abs=1e-6)


@pytest.mark.parametrize(
    ("kernel", "value"), [("polynomial", 0.25), ("linear", 0.25), ("gaussian", 0.5 - 0.5 * math.exp(-1))]
)
def test_a_dead_channel_is_the_zero_vector_and_counts_in_the_means(kernel, value):
    loss = NSTLoss(kernel=kernel)
    assert loss([channels([3, 0], [0, 0])], [channels([1, 0])]).item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("kernel", "most"), [("polynomial", 2.0), ("linear", 2.0), ("gaussian", 2 - 2 * math.exp(-0.5))]
)
def test_the_largest_possible_is_reached_by_disjoint_channels(kernel, most):
    assert NSTLoss(kernel=kernel)([channels([5, 0])], [channels([0, 3])]).item() == pytest.approx(most, rel=1e-9)


# --- closed forms and facts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("c_s", "c_t", "pixels"), [(3, 4, 15), (6, 5, 2), (4, 4, 6)])
def test_the_polynomial_kernel_compares_places(c_s, c_t, pixels):
    x, y = patterns(maps(7, c_s, 1, pixels, seed=1)), patterns(maps(7, c_t, 1, pixels, seed=2))
    by_pixels = (x.mT @ x / c_s - y.mT @ y / c_t).pow(2).sum(dim=(1, 2)).mean()
    torch.testing.assert_close(nst(x, y, polynomial), by_pixels)


def test_linear_compares_mean_patterns_and_misses_all_else():
    f_s, f_t = maps(3, 4, 1, 6, seed=1).flatten(2), maps(3, 5, 1, 6, seed=2).flatten(2)
    mean_s, mean_t = ((f / f.norm(dim=2, keepdim=True)).mean(dim=1) for f in (f_s, f_t))
    value = nst(patterns(f_s[:, :, None]), patterns(f_t[:, :, None]), linear)
    torch.testing.assert_close(value, (mean_s - mean_t).pow(2).sum(dim=1).mean())
    across, upright = channels([1, 0], [-1, 0]), channels([0, 1], [0, -1])  # both means are 0
    assert NSTLoss(kernel="linear")([across], [upright]).item() == 0
    assert NSTLoss()([across], [upright]).item() == pytest.approx(2, rel=1e-9)


@kernels
@pytest.mark.parametrize("size", [(3, 5), (1, 2)])
def test_zero_for_the_same_set_of_patterns(kernel, size):
    f, loss = maps(3, 4, *size), NSTLoss(kernel=kernel)
    assert loss([f], [f]).item() == pytest.approx(0, abs=1e-12)
    assert loss([f[:, [2, 0, 3, 1]]], [f]).item() == pytest.approx(0, abs=1e-12)  # permuted
    assert loss([torch.cat([f, f], dim=1)], [f]).item() == pytest.approx(0, abs=1e-12)  # duplicated
    assert loss([f], [f.roll(1, dims=3)]).item() > 1e-3


@pytest.mark.parametrize(("kernel", "blind"), [("polynomial", True), ("linear", False), ("gaussian", False)])
@pytest.mark.parametrize("size", [(3, 5), (1, 2)])
def test_only_the_polynomial_kernel_is_blind_to_signs(kernel, blind, size):
    f_s, f_t, loss = maps(3, 4, *size, seed=1), maps(3, 4, *size, seed=2), NSTLoss(kernel=kernel)
    flipped = torch.cat([-f_s[:, :1], f_s[:, 1:]], dim=1)
    gap = abs(loss([flipped], [f_t]).item() - loss([f_s], [f_t]).item())
    assert (gap < 1e-12) if blind else (gap > 1e-4)


@kernels
@pytest.mark.parametrize("size", [(3, 5), (1, 2)])
def test_dead_channels_get_no_gradient_and_the_others_do(kernel, size):
    f_s = maps(2, 4, *size, seed=1)
    f_s[:, 1] = 0
    f_s.requires_grad_()
    NSTLoss(kernel=kernel)([f_s], [maps(2, 3, *size, seed=2)]).backward()
    assert (f_s.grad[:, 1] == 0).all() and f_s.grad[:, [0, 2, 3]].abs().sum() > 0
    # a pattern has no length: its gradient is at right angles to it
    torch.testing.assert_close((f_s.grad * f_s).sum(dim=(2, 3)), torch.zeros(2, 4, dtype=torch.float64))


def test_the_gaussian_stays_calm_when_all_patterns_are_alike():
    f = torch.rand(2, 1, 3, 5).expand(2, 6, 3, 5) * torch.rand(2, 6, 1, 1)  # float32: 2 - 2 x.y is 0 up to rounding
    assert NSTLoss(kernel="gaussian")([f], [3 * f]).item() == pytest.approx(0, abs=1e-3)


def test_the_gaussians_variance_is_a_constant():
    f_s, f_t = maps(2, 3, 2, 4, seed=1).requires_grad_(), maps(2, 4, 2, 4, seed=2)
    x, y = (f.flatten(2) / f.flatten(2).norm(dim=2, keepdim=True) for f in (f_s.detach(), f_t))
    variance = torch.cdist(x, y).pow(2).mean(dim=(1, 2), keepdim=True)
    (free,) = torch.autograd.grad(NSTLoss(kernel="gaussian")([f_s], [f_t]), f_s)
    (fixed,) = torch.autograd.grad(nst(patterns(f_s), patterns(f_t), partial(gaussian, variance=variance)), f_s)
    torch.testing.assert_close(free, fixed)


def test_unknown_kernel():
    with pytest.raises(ValueError, match="Unknown kernel of NSTLoss 'gauss'. Did you mean 'gaussian'"):
        NSTLoss(kernel="gauss")
