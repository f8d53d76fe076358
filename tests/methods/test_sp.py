"""SP against its equation, hand-computed values, and what its matrix shows."""

import pytest
import torch

from kd_teach import get_recipe
from kd_teach.methods import SPLoss, similarity_matrix


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def matrix_by_loops(f):
    rows = f.flatten(1)
    gram = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in rows] for a in rows]
    return [[entry / sum(x * x for x in row) ** 0.5 for entry in row] for row in gram]


def sp_by_loops(f_s, f_t):
    """1/N^2 sum_ij (G_t[i, j] - G_s[i, j])^2, one number at a time."""
    g_s, g_t = matrix_by_loops(f_s), matrix_by_loops(f_t)
    n = len(f_s)
    return sum((g_t[i][j] - g_s[i][j]) ** 2 for i in range(n) for j in range(n)) / n**2


LOOPS = {"paper": sp_by_loops}


@pytest.mark.parametrize(
    ("shape_s", "shape_t"), [((7, 3, 2, 5), (7, 4, 3, 1)), ((2, 1, 1, 3), (2, 5)), ((5, 6), (5, 2, 4, 3))]
)
def test_equals_the_equation_in_loops(shape_s, shape_t):
    f_s, f_t = random(*shape_s, seed=1), random(*shape_t, seed=2)
    assert SPLoss()(f_s, f_t).item() == pytest.approx(sp_by_loops(f_s, f_t).item(), rel=1e-10)
    torch.testing.assert_close(similarity_matrix(f_s), torch.tensor(matrix_by_loops(f_s), dtype=torch.float64))


E_S, E_T = [[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, 1.0], [2.0, 1.0]]


@pytest.mark.parametrize(
    ("f_s", "f_t", "value"),
    [([[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], 0.292893), (E_S, E_T, 0.142062)],
)
def test_hand_computed(f_s, f_t, value):
    f_s, f_t = torch.tensor(f_s).double(), torch.tensor(f_t).double()
    assert SPLoss()(f_s, f_t).item() == pytest.approx(value, abs=1e-6)


def test_a_gram_divided_by_its_frobenius_norm_gives_another_value():
    f_s, f_t = torch.tensor(E_S).double(), torch.tensor(E_T).double()
    wrong = [f @ f.T / (f @ f.T).norm() for f in (f_s, f_t)]  # sold as CC
    assert (wrong[0] - wrong[1]).pow(2).mean().item() == pytest.approx(0.056177, abs=1e-6)
    assert SPLoss()(f_s, f_t).item() != pytest.approx(0.056177, rel=0.1)


def test_rows_have_unit_length_and_the_matrix_is_not_symmetric():
    g = similarity_matrix(random(5, 3, 2, 2))
    torch.testing.assert_close(g.norm(dim=1), torch.ones(5).double())
    assert not torch.allclose(g, g.T)


def test_columns_instead_of_rows_give_the_same_loss():
    f_s, f_t = random(6, 4, seed=1), random(6, 3, seed=2)
    grams = [f @ f.T for f in (f_s, f_t)]
    by_columns = [gram / gram.norm(dim=0) for gram in grams]
    assert SPLoss()(f_s, f_t).item() == pytest.approx((by_columns[0] - by_columns[1]).pow(2).mean().item())


@pytest.mark.parametrize("seed", range(5))
def test_lies_between_the_bounds(seed):
    f_s, f_t = random(4, 2, seed=seed), random(4, 3, seed=seed + 100)
    assert 0 < SPLoss()(f_s, f_t) <= 4 / 4
    assert 0 < SPLoss()(f_s.abs(), f_t.abs()) <= 2 / 4


def test_comes_near_both_bounds():
    same, opposite = torch.ones(100, 1).double(), torch.ones(100, 1).double()
    opposite[::2] = -1  # rows of G: all +1 against half +1 and half -1
    assert SPLoss()(same, opposite).item() == pytest.approx(2 / 100)
    one_against_all = random(100, 1, seed=1).sign() * 1e-6
    one_against_all[0] = 1
    flipped = one_against_all.clone()
    flipped[0] = -1  # every row but the first points the other way
    assert SPLoss()(one_against_all, flipped).item() == pytest.approx(4 / 100, rel=0.02)


def test_zero_for_a_rotated_and_scaled_copy_but_not_for_a_copy_scaled_by_sample():
    f = random(5, 6)
    rotation, _ = torch.linalg.qr(random(6, 6, seed=1))
    assert SPLoss()(3 * f @ rotation, f).item() == pytest.approx(0, abs=1e-20)
    assert SPLoss()(f * torch.tensor([[1.0], [2], [1], [3], [1]]), f) > 1e-3


def test_a_sample_of_zeros_has_a_row_of_zeros():
    f = random(3, 4)
    f[1] = 0
    assert torch.equal(similarity_matrix(f)[1], torch.zeros(3).double())


def test_it_can_be_differentiated_twice():
    f_s, f_t = random(4, 5, seed=1).requires_grad_(), random(4, 3, seed=2)
    assert torch.autograd.gradcheck(lambda f: SPLoss()(f, f_t), f_s, atol=1e-8)
    assert torch.autograd.gradgradcheck(lambda f: SPLoss()(f, f_t), f_s, atol=1e-8)


def test_half_precision_maps_do_not_overflow():
    f = torch.full((2, 256, 8, 8), 2.0, dtype=torch.float16)  # an inner product of 65,536
    assert SPLoss()(f, f.neg()).item() == 0


def test_compares_the_last_stage():
    recipe = get_recipe("sp")

    class Shown:
        stages = ("first", "last")

    assert recipe.tap(Shown) == "last" and recipe.variants["paper"].weight == 3000


@pytest.mark.parametrize(
    ("f_s", "f_t", "error", "says"),
    [
        (torch.zeros(1, 3), torch.zeros(1, 3), ValueError, "at least 2"),
        (torch.zeros(3), torch.zeros(3), ValueError, "expected 4 dimensions"),
        (torch.zeros(3, 2, 2), torch.zeros(3, 2), ValueError, "expected 4 dimensions"),
        (torch.zeros(3, 2), torch.zeros(2, 2, 2, 2), ValueError, "3 and 2 samples"),
        ([torch.zeros(2, 3)], torch.zeros(2, 3), TypeError, "list"),
    ],
)
def test_bad_input(f_s, f_t, error, says):
    with pytest.raises(error, match=says):
        SPLoss()(f_s, f_t)
