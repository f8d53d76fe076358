"""CC against its equations, hand-computed values, its three kernels and the live variant's oddities."""

import math
from itertools import product

import pytest
import torch
from torch import nn

from kd_teach.methods import CCLoss, correlation_matrix

KERNELS = ["rbf_taylor", "rbf", "bilinear"]


def random(n, width, seed=0):
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def kernel_by_loops(x, y, kernel, gamma, order):
    """k(x / |x|, y / |y|) of two lists of numbers."""
    x, y = ([value / math.sqrt(sum(v * v for v in row)) for value in row] for row in (x, y))
    dot = sum(a * b for a, b in zip(x, y, strict=True))
    if kernel == "bilinear":
        return dot
    if kernel == "rbf":
        return math.exp(-gamma * sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    series = sum((2 * gamma) ** p / math.factorial(p) * dot**p for p in range(order + 1))
    return math.exp(-2 * gamma) * series


def cc_by_loops(e_s, e_t, *kernel):
    """1/N^2 sum_ij (C_t[i, j] - C_s[i, j])^2, one number at a time."""
    e_s, e_t, total = e_s.tolist(), e_t.tolist(), 0.0
    for i in range(len(e_s)):
        for j in range(len(e_s)):
            total += (kernel_by_loops(e_t[i], e_t[j], *kernel) - kernel_by_loops(e_s[i], e_s[j], *kernel)) ** 2
    return total / len(e_s) ** 2


def unit_by_loops(row):
    length = sum(x * x for x in row).sqrt()
    return [x / length for x in row]


def cosine_by_loops(a, b):
    return sum(x * y for x, y in zip(unit_by_loops(a), unit_by_loops(b), strict=True))


def cc_loops(e_s, e_t, k):
    """The signature of `cc`: one pair of samples at a time."""
    pairs = list(product(range(len(e_s)), repeat=2))
    gaps = [k(cosine_by_loops(e_t[i], e_t[j])) - k(cosine_by_loops(e_s[i], e_s[j])) for i, j in pairs]
    return sum(gap**2 for gap in gaps) / len(pairs)


def neighbour_loops(e_s, e_t):
    """The signature of `neighbour_product`."""
    n, width = e_s.shape
    d = [[abs(e_s[i, c] - e_t[i, c]) for c in range(width)] for i in range(n)]
    return sum(d[i][c] * d[i + 1][c] for i in range(n - 1) for c in range(width)) / (n - 1)


LOOPS = {"paper": cc_loops, "repdistiller": neighbour_loops}


@pytest.mark.parametrize(("n", "d_s", "d_t"), [(2, 1, 3), (7, 3, 5)])
@pytest.mark.parametrize(("gamma", "order"), [(0.4, 2), (1.3, 1), (0.7, 5)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_paper_equals_the_equation_in_loops(kernel, gamma, order, n, d_s, d_t):
    e_s, e_t = random(n, d_s, 1), random(n, d_t, 2)
    loss = CCLoss(kernel=kernel, gamma=gamma, order=order)
    assert loss(e_s, e_t).item() == pytest.approx(cc_by_loops(e_s, e_t, kernel, gamma, order), rel=1e-9)


def live_by_loops(loss, e_s, e_t):
    """1/(N-1) sum_i sum_d |a[i] - b[i]|_d |a[i+1] - b[i+1]|_d with a = W_s e_s + c_s, b = W_t e_t + c_t."""

    def linear(layer, row):
        weight, bias = layer.weight.tolist(), layer.bias.tolist()
        return [b + sum(w * x for w, x in zip(ws, row, strict=True)) for ws, b in zip(weight, bias, strict=True)]

    gaps = []
    for row_s, row_t in zip(e_s.tolist(), e_t.tolist(), strict=True):
        a, b = linear(loss.embed_s, row_s), linear(loss.embed_t, row_t)
        gaps.append([abs(x - y) for x, y in zip(a, b, strict=True)])
    products = [sum(x * y for x, y in zip(gaps[i], gaps[i + 1], strict=True)) for i in range(len(gaps) - 1)]
    return sum(products) / len(products)


@pytest.mark.parametrize("n", [2, 7])
def test_repdistiller_equals_its_equation_in_loops(n):
    torch.manual_seed(0)
    loss, e_s, e_t = CCLoss(3, 5, variant="repdistiller").double(), random(n, 3, 1), random(n, 5, 2)
    assert loss(e_s, e_t).item() == pytest.approx(live_by_loops(loss, e_s, e_t), rel=1e-9)


E_S = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]).double()
E_T = torch.tensor([[1.0, 1.0], [0.0, 1.0], [2.0, 1.0]]).double()


def without_layers():
    """The live variant with layers that change nothing."""
    loss = CCLoss(2, 2, project=2, variant="repdistiller").double()
    for layer in (loss.embed_s, loss.embed_t):
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    return loss


@pytest.mark.parametrize(
    ("loss", "value"), [(CCLoss(), 0.053321), (CCLoss(kernel="bilinear"), 0.215010), (without_layers(), 1.0)]
)
def test_hand_computed(loss, value):
    assert loss(E_S, E_T).item() == pytest.approx(value, abs=1e-6)


def test_the_taylor_series_comes_to_the_exact_kernel():
    e = random(9, 3)
    exact = correlation_matrix(e, kernel="rbf")
    gaps = [(correlation_matrix(e, order=order) - exact).abs().max().item() for order in (1, 2, 3, 5, 12)]
    assert gaps[1] <= 0.8**3 / 6 + 1e-12  # exp(-2 gamma) times Lagrange's remainder, at most exp(2 gamma) 0.8^3 / 3!
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < 1e-9


def test_the_diagonal():
    assert correlation_matrix(random(3, 4)).diagonal().tolist() == pytest.approx([0.952577] * 3, abs=1e-6)
    for kernel in ("rbf", "bilinear"):
        assert correlation_matrix(random(3, 4), kernel=kernel).diagonal().tolist() == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", KERNELS)
def test_symmetric_and_positive_semidefinite(kernel, order):
    c = correlation_matrix(random(8, 3), kernel=kernel, gamma=1.5, order=order)
    torch.testing.assert_close(c, c.T)
    assert torch.linalg.eigvalsh(c).min() > -1e-12


def test_a_sample_of_zeros_is_at_right_angles_to_all():
    e = random(3, 4)
    e[1] = 0
    assert correlation_matrix(e)[1].tolist() == pytest.approx([math.exp(-0.8)] * 3)


def test_the_projection_is_the_students_only():
    torch.manual_seed(0)
    loss = CCLoss(3, project=4).double()
    e_s, e_t = random(5, 3, 1), random(5, 2, 2)
    assert [name for name, _ in loss.named_parameters()] == ["embed_s.weight", "embed_s.bias"]
    assert loss(e_s, e_t).item() == pytest.approx(CCLoss()(loss.embed_s(e_s), e_t).item())
    assert not list(CCLoss(3, 2).parameters())


def test_live_trains_a_layer_on_the_teachers_side_and_not_the_teacher():
    loss, e_s, e_t = CCLoss(3, 5, variant="repdistiller").double(), random(4, 3, 1), random(4, 5, 2).requires_grad_()
    loss(e_s, e_t).backward()
    assert loss.embed_t.weight.shape == (128, 5) and loss.embed_t.weight.grad.abs().sum() > 0
    assert loss.embed_s.weight.shape == (128, 3) and e_t.grad is None


def test_live_is_zero_once_every_second_sample_matches_and_depends_on_the_order():
    loss, e_t = without_layers(), random(6, 2)
    e_s = e_t.clone()
    e_s[::2] += 1
    assert loss(e_s, e_t).item() == 0
    order = torch.tensor([0, 2, 4, 1, 3, 5])
    assert loss(e_s[order], e_t[order]) > 0.5
    assert CCLoss()(e_s[order], e_t[order]).item() == pytest.approx(CCLoss()(e_s, e_t).item())


def test_the_two_live_layers_collapse_on_noise():
    torch.manual_seed(0)
    loss, e_s, e_t = CCLoss(3, 5, variant="repdistiller").double(), random(16, 3, 1), random(16, 5, 2)
    before, size = loss(e_s, e_t).item(), loss.embed_t.weight.norm().item()
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(e_s, e_t).backward()
        optimizer.step()
    assert loss(e_s, e_t) < 0.01 * before and loss.embed_t.weight.norm() < 0.5 * size


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kernel": "gauss"}, "Unknown kernel of CC 'gauss'.*bilinear, rbf, rbf_taylor"),
        ({"variant": "zoo"}, "Unknown variant of CCLoss 'zoo'"),
        ({"gamma": 0}, "gamma is 0"),
        ({"gamma": math.nan}, "gamma is nan"),
        ({"order": 0}, "order is 0"),
        ({"order": 1.5}, "order is 1.5"),
        ({"order": 10**9}, "order is 1000000000"),
        ({"project": 0}, "project is 0"),
        ({"project": 1.5}, "project is 1.5"),
        ({"project": 8}, "needs student_width"),
        ({"student_width": 3, "variant": "repdistiller"}, "needs teacher_width"),
    ],
)
def test_bad_options(options, says):
    with pytest.raises(ValueError, match=says):
        CCLoss(**options)


@pytest.mark.parametrize(
    ("d_s", "d_t", "says"), [(4, 5, "student's embedding has 4.*built for 3"), (3, 4, "teacher's embedding has 4")]
)
def test_other_widths_than_announced(d_s, d_t, says):
    with pytest.raises(ValueError, match=says):
        CCLoss(3, 5, variant="repdistiller")(torch.rand(2, d_s), torch.rand(2, d_t))


def test_one_sample_has_no_relation():
    with pytest.raises(ValueError, match="at least 2"):
        CCLoss()(torch.rand(1, 3), torch.rand(1, 3))
