"""PKT against its equations, hand-computed values, and float32 near a divergence of zero."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from kd_teach.methods import PKTLoss, neighbour_probabilities

VARIANTS = ["paper", "repdistiller"]


def random(n, width, seed=0):
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def probabilities_by_loops(e, self_pairs):
    rows = e.tolist()
    lengths = [math.sqrt(sum(x * x for x in row)) for row in rows]
    p = []
    for i, a in enumerate(rows):
        kernel = []
        for j, b in enumerate(rows):
            cosine = sum(x * y for x, y in zip(a, b, strict=True)) / (lengths[i] * lengths[j])
            kernel.append((cosine + 1) / 2 if self_pairs or i != j else 0.0)
        p.append([k / sum(kernel) for k in kernel])
    return p


def pkt_by_loops(e_s, e_t, variant):
    """Paper: 1/N sum_i sum_{j != i} p_t log(p_t / p_s); the copied code: 1/N^2 and every j."""
    n, self_pairs = len(e_s), variant == "repdistiller"
    p_s, p_t = (probabilities_by_loops(e, self_pairs) for e in (e_s, e_t))
    total = 0.0
    for i in range(n):
        for j in range(n):
            if self_pairs or i != j:
                total += p_t[i][j] * math.log(p_t[i][j] / p_s[i][j])
    return total / (n**2 if self_pairs else n)


def picks_loops(e, others):
    """p[i][j], one number at a time; `others(i)` are the samples that i may pick."""
    norm = [sum(x * x for x in row).sqrt() for row in e]

    def kernel(i, j):
        return (sum(a * b for a, b in zip(e[i], e[j], strict=True)) / (norm[i] * norm[j]) + 1) / 2

    return lambda i, j: kernel(i, j) / sum(kernel(i, k) for k in others(i))


def pkt_loops(e_s, e_t, *, self_pairs=False):
    """The signature of `pkt`."""
    n = len(e_s)
    others = lambda i: [k for k in range(n) if self_pairs or k != i]
    p_s, p_t = picks_loops(e_s, others), picks_loops(e_t, others)
    terms = [p_t(i, j) * torch.log(p_t(i, j) / p_s(i, j)) for i in range(n) for j in others(i)]
    return sum(terms) / (n**2 if self_pairs else n)


LOOPS = {"paper": pkt_loops, "repdistiller": partial(pkt_loops, self_pairs=True)}


@pytest.mark.parametrize(("n", "d_s", "d_t"), [(3, 2, 4), (7, 5, 3)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_equation_in_loops(variant, n, d_s, d_t):
    e_s, e_t = random(n, d_s, 1), random(n, d_t, 2)
    assert PKTLoss(variant=variant)(e_s, e_t).item() == pytest.approx(pkt_by_loops(e_s, e_t, variant), rel=1e-9)


E_S = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]).double()
E_T = torch.tensor([[1.0, 1.0], [0.0, 1.0], [2.0, 1.0]]).double()


@pytest.mark.parametrize(
    ("e_s", "e_t", "value"), [(E_S, E_T, 0.012128), (torch.eye(2).double(), torch.ones(2, 2).double(), 0.029446)]
)
def test_hand_computed(e_s, e_t, value):
    assert PKTLoss(variant="repdistiller")(e_s, e_t).item() == pytest.approx(value, abs=1e-6)


def test_the_copied_mean_is_the_batch_mean_of_the_divergence_over_n():
    p_s, p_t = (neighbour_probabilities(e, self_pairs=True) for e in (E_S, E_T))
    batchmean = F.kl_div(p_s.log(), p_t, reduction="batchmean").item()
    assert PKTLoss(variant="repdistiller")(E_S, E_T).item() * 3 == pytest.approx(batchmean)


@pytest.mark.parametrize("self_pairs", [False, True])
def test_rows_sum_to_one_and_may_hold_the_sample_itself(self_pairs):
    p = neighbour_probabilities(random(5, 3), self_pairs=self_pairs)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(5).double())
    assert p.min() >= 0 and bool((p.diagonal() > 0).all()) == self_pairs
    assert self_pairs or not p.diagonal().any()


def test_an_even_kernel_spreads_evenly():
    p = neighbour_probabilities(torch.eye(5).double())  # all at right angles
    torch.testing.assert_close(p, (1 - torch.eye(5).double()) / 4)


def test_a_sample_of_zeros_has_all_others_equally_near():
    e = random(4, 3)
    e[2] = 0
    assert neighbour_probabilities(e)[2].tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3])


@pytest.mark.parametrize("variant", VARIANTS)
def test_zero_for_equal_relations_only_and_never_negative(variant):
    loss, e = PKTLoss(variant=variant), random(6, 4)
    rotation, _ = torch.linalg.qr(random(4, 4, 1))
    assert loss(torch.linspace(1, 3, 6)[:, None] * e @ rotation, e).item() == pytest.approx(0, abs=1e-15)
    assert all(loss(random(6, 4, seed), e) > 1e-4 for seed in range(1, 6))


def test_the_order_of_student_and_teacher_matters():
    assert PKTLoss()(E_S, E_T).item() != pytest.approx(PKTLoss()(E_T, E_S).item(), rel=1e-3)


def test_two_samples_have_no_choice():
    assert PKTLoss()(random(2, 3, 1), random(2, 3, 2)).item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("apart", [1.0, 0.1, 0.01])
def test_float32_keeps_its_digits_down_to_tiny_divergences(apart):
    e_t = random(64, 128, 1).abs().float()  # as after a ReLU: nearly even rows
    e_s = e_t + apart * random(64, 128, 2).abs().float()
    expected = PKTLoss()(e_s.double(), e_t.double()).item()
    assert expected < 1e-3 and PKTLoss()(e_s, e_t).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("which", ["student", "teacher", "both"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_opposite_directions_stay_finite(variant, which):
    opposite, plain = torch.tensor([[1.0, 2], [-1, -2], [0, 1], [3, 1]]), random(4, 2).float()
    e_s = (plain if which == "teacher" else opposite).clone().requires_grad_()
    value = PKTLoss(variant=variant)(e_s, plain if which == "student" else opposite)
    value.backward()
    assert 0 <= value < 20 and e_s.grad.isfinite().all() and e_s.grad.abs().max() < 100


def test_a_neighbour_that_the_teacher_rules_out_costs_what_the_student_gives_it():
    e_t, e_s = torch.tensor([[1.0, 0], [-1, 0], [0, 1]]), torch.eye(3)
    # Rows of p_t: (-, 0, 1), (0, -, 1), (1/2, 1/2, -) against one half everywhere: twice log 2, once nothing.
    assert PKTLoss()(e_s, e_t).item() == pytest.approx(2 * math.log(2) / 3, rel=1e-5)


def test_a_neighbour_that_only_the_student_rules_out_has_a_kernel_of_1e_7():
    e_s, e_t = torch.tensor([[1.0, 0], [-1, 0], [0, 1]]), torch.eye(3)
    row = 0.5 * math.log(0.5 / 2e-7) + 0.5 * math.log(0.5 / 1)  # p_s = (-, 2e-7, 1) in the first row, and the second
    assert PKTLoss()(e_s, e_t).item() == pytest.approx(2 * row / 3, rel=1e-5)


def test_stays_finite_where_student_and_teacher_exclude_each_others_neighbours():
    e_s, e_t = torch.tensor([[1.0], [1], [-1], [-1], [-1], [-1]]), torch.tensor([[1.0], [-1], [1], [1], [1], [1]])
    value = PKTLoss()(e_s.requires_grad_(), e_t)  # p_t / p_s - 1 rounds to -1, whose log1p is infinite
    value.backward()
    assert 5 < value < 20 and e_s.grad.isfinite().all()


def test_bad_input():
    with pytest.raises(ValueError, match="Unknown variant of PKTLoss 'copied'"):
        PKTLoss(variant="copied")
    with pytest.raises(ValueError, match="at least 2"):
        PKTLoss()(torch.rand(1, 3), torch.rand(1, 3))
