"""RKD against its equations, hand-computed values, and the geometry that it must see or ignore."""

import math
from itertools import permutations

import pytest
import torch
import torch.nn.functional as F

from kd_teach.methods import RKDLoss, angles, distance_ratios

VARIANTS = ["paper", "repdistiller"]


def random(n, width, seed=0):
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_outlier(n, width, seed=0):
    """The last sample is far away: gaps beyond 1, where Huber's loss is linear."""
    e = random(n, width, seed)
    e[-1] *= 40
    return e


def huber(x, y):
    gap = abs(x - y)
    return gap**2 / 2 if gap <= 1 else gap - 0.5


def distance(a, b):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def ratios_by_loops(e):
    e = e.tolist()
    n = len(e)
    mean = sum(distance(e[i], e[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return [[distance(e[i], e[j]) / mean for j in range(n)] for i in range(n)]


def angle_by_loops(e, i, j, k):
    """Cosine of the angle at j; 0 where one of its legs has no length."""
    legs = [[x - y for x, y in zip(e[end], e[j], strict=True)] for end in (i, k)]
    lengths = math.prod(math.sqrt(sum(x * x for x in leg)) for leg in legs)
    return sum(x * y for x, y in zip(*legs, strict=True)) / lengths if lengths else 0.0


def rkd_by_loops(e_s, e_t, variant):
    """(L_D, L_A), one number at a time."""
    n = len(e_s)
    r_s, r_t = ratios_by_loops(e_s), ratios_by_loops(e_t)
    e_s, e_t = e_s.tolist(), e_t.tolist()
    pairs, triples = [], []
    for i in range(n):
        for j in range(n):
            if variant == "repdistiller" or i != j:
                pairs.append(huber(r_s[i][j], r_t[i][j]))
            for k in range(n):
                if variant == "repdistiller" or len({i, j, k}) == 3:
                    triples.append(huber(angle_by_loops(e_s, i, j, k), angle_by_loops(e_t, i, j, k)))
    return sum(pairs) / len(pairs), sum(triples) / max(len(triples), 1)


def gaps(of_s, of_t, places):
    """l of the numbers at these places of two functions."""
    return [F.huber_loss(of_s(*place), of_t(*place)) for place in places]


def length_loops(e, i, j):
    return sum((a - b) ** 2 for a, b in zip(e[i], e[j], strict=True)).sqrt()


def ratio_loops(e):
    pairs = list(permutations(range(len(e)), 2))
    mu = sum(length_loops(e, *pair) for pair in pairs) / len(pairs)
    return lambda i, j: length_loops(e, i, j) / mu


def cosine_loops(e):
    def at(i, j, k):
        legs = sum((a - b) * (c - b) for a, b, c in zip(e[i], e[j], e[k], strict=True))
        return legs / (length_loops(e, i, j) * length_loops(e, k, j))

    return at


def rkd_loops(e_s, e_t, w_d, w_a):
    """The signature of `rkd`: one pair, one triple of distinct samples at a time."""
    pairs, triples = (list(permutations(range(len(e_s)), size)) for size in (2, 3))
    l_d, l_a = gaps(ratio_loops(e_s), ratio_loops(e_t), pairs), gaps(cosine_loops(e_s), cosine_loops(e_t), triples)
    return w_d * sum(l_d) / len(pairs) + w_a * sum(l_a) / len(triples)


def rkd_over_all_loops(e_s, e_t, w_d, w_a):
    """RepDistiller's: what the distinct samples have not, adds nothing but to the numbers divided by."""
    n = len(e_s)
    return rkd_loops(e_s, e_t, w_d * (n - 1) / n, w_a * (n - 1) * (n - 2) / n**2)


LOOPS = {"paper": rkd_loops, "repdistiller": rkd_over_all_loops}


def terms(e_s, e_t, variant):
    return [RKDLoss(distance=d, angle=a, variant=variant)(e_s, e_t).item() for d, a in ((1.0, 0.0), (0.0, 1.0))]


@pytest.mark.parametrize("make", [random, with_outlier])
@pytest.mark.parametrize(("n", "d_s", "d_t"), [(3, 1, 2), (7, 3, 5)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_equations_in_loops(variant, n, d_s, d_t, make):
    e_s, e_t = make(n, d_s, 1), random(n, d_t, 2)
    assert terms(e_s, e_t, variant) == pytest.approx(rkd_by_loops(e_s, e_t, variant), rel=1e-9)


def test_the_outlier_reaches_the_linear_part():
    assert (distance_ratios(with_outlier(7, 3, 1)) - distance_ratios(random(7, 5, 2))).abs().max() > 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_equations_with_coinciding_samples(variant):
    e_s, e_t = random(6, 3, 1), random(6, 4, 2)
    e_s[4] = e_s[1]
    assert terms(e_s, e_t, variant) == pytest.approx(rkd_by_loops(e_s, e_t, variant), rel=1e-9)


E_S = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]).double()
E_T = torch.tensor([[1.0, 1.0], [0.0, 1.0], [2.0, 1.0]]).double()


@pytest.mark.parametrize(
    ("weights", "value"),
    [({"distance": 1, "angle": 0}, 0.092883), ({"distance": 0, "angle": 1}, 0.192804), ({}, 11.962273)],
)
def test_hand_computed(weights, value):
    assert RKDLoss(variant="repdistiller", **weights)(E_S, E_T).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("n", [3, 8])
def test_the_variants_differ_by_the_entries_that_count_nothing(n):
    e_s, e_t = random(n, 4, 1), random(n, 4, 2)
    (d, a), (d_copied, a_copied) = (terms(e_s, e_t, variant) for variant in VARIANTS)
    assert d_copied / d == pytest.approx((n - 1) / n) and a_copied / a == pytest.approx((n - 1) * (n - 2) / n**2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_zero_for_a_similar_figure_in_another_space(variant):
    e_t = random(6, 3)
    into_five, _ = torch.linalg.qr(random(5, 3, 1))  # (5, 3), orthonormal columns
    assert terms(3 * e_t @ into_five.T + 7, e_t, variant) == pytest.approx([0, 0], abs=1e-20)
    stretched = e_t * torch.linspace(1, 3, 6)[:, None]
    assert min(terms(stretched, e_t, variant)) > 1e-3


def test_the_ratios_of_three_points_on_a_line():
    r = distance_ratios(torch.tensor([[0.0], [1.0], [3.0]]).double())
    torch.testing.assert_close(r, torch.tensor([[0.0, 0.5, 1.5], [0.5, 0, 1], [1.5, 1, 0]]).double())


def test_the_angles_of_known_triangles():
    right = angles(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).double())
    assert right[1, 0, 2].item() == pytest.approx(0) and right[0, 1, 2].item() == pytest.approx(math.sqrt(0.5))
    equilateral = angles(torch.eye(3).double())
    assert [equilateral[i, j, k].item() for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))] == pytest.approx([0.5] * 3)
    line = angles(torch.tensor([[0.0], [1.0], [3.0]]).double())
    assert line[0, 1, 2].item() == pytest.approx(-1) and line[0, 2, 1].item() == pytest.approx(1)


def test_the_angles_of_every_triangle_add_up_to_half_a_turn():
    a = angles(random(5, 3)).clamp(-1, 1).acos()
    for i, j, k in ((0, 1, 2), (4, 2, 3)):
        assert (a[i, j, k] + a[j, k, i] + a[k, i, j]).item() == pytest.approx(math.pi)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_float32_keeps_its_digits_far_from_the_origin(offset):
    e_s, e_t = (random(16, 32, seed).float() + offset for seed in (1, 2))  # the same float32 numbers in both tests
    assert RKDLoss()(e_s, e_t).item() == pytest.approx(RKDLoss()(e_s.double(), e_t.double()).item(), rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_coinciding_samples_get_a_moderate_gradient(variant, noise):
    e_s = random(8, 64, 1).float()
    e_s[3] = e_s[5] * (1 + noise)  # 1e-7: the same image, rounded otherwise
    e_s.requires_grad_()
    RKDLoss(variant=variant)(e_s, random(8, 64, 2).float()).backward()
    assert e_s.grad.isfinite().all() and e_s.grad.abs().max() < 10


def test_samples_that_all_coincide_have_neither_distances_nor_angles():
    e = torch.ones(4, 3)
    assert not distance_ratios(e).any() and not angles(e).any()


def test_two_samples_are_enough_for_distances_only():
    e = torch.rand(2, 3)
    assert RKDLoss(angle=0)(e, torch.rand(2, 3)).item() == 0  # one pair: its ratio is 1
    with pytest.raises(ValueError, match="at least 3"):
        RKDLoss(distance=0)(e, e)
    with pytest.raises(ValueError, match="at least 2"):
        RKDLoss(angle=0)(e[:1], e[:1])


@pytest.mark.parametrize(
    "weights",
    [
        {"distance": -1},
        {"angle": -1},
        {"distance": 0, "angle": 0},
        {"angle": math.nan},
        {"distance": math.inf},
        {"angle": math.inf},
    ],
)
def test_bad_weights(weights):
    with pytest.raises(ValueError, match="(distance|angle) is .* at least 0|both 0"):
        RKDLoss(**weights)


def test_an_unknown_variant():
    with pytest.raises(ValueError, match="Unknown variant of RKDLoss 'papre'. Did you mean 'paper'"):
        RKDLoss(variant="papre")


@pytest.mark.parametrize("variant", ["paper", "repdistiller"])
@pytest.mark.parametrize("exponent", range(-44, 0, 2))
def test_embeddings_of_any_small_size_give_finite_values_and_gradients(variant, exponent):
    e_s = (10.0**exponent * torch.randn(8, 16)).requires_grad_()
    for e_t in (torch.randn(8, 16), 10.0**exponent * torch.randn(8, 16)):
        value = RKDLoss(variant=variant)(e_s, e_t)
        (grad,) = torch.autograd.grad(value, e_s)
        assert value.isfinite() and grad.isfinite().all()
        assert grad.abs().max() < 1e13  # not one over a length that is all underflow
