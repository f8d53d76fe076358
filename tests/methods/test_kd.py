"""KD against its equation, hand-computed values, invariances and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from kd_teach.methods import KDLoss, soften


def kd_by_loops(z_s, z_t, temperature):
    """T^2 / N sum_n KL(p_t || p_s), one number at a time."""
    total = 0.0
    for row_s, row_t in zip(z_s, z_t, strict=True):
        p_s = [torch.exp(z / temperature) for z in row_s]
        p_t = [torch.exp(z / temperature) for z in row_t]
        for s, t in zip(p_s, p_t, strict=True):
            total += t / sum(p_t) * torch.log((t / sum(p_t)) / (s / sum(p_s)))
    return temperature**2 * total / len(z_s)


LOOPS = {"paper": kd_by_loops}


def logits(n, k, seed=0):
    return torch.randn(n, k, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.mark.parametrize(("n", "k", "temperature"), [(1, 2, 1.0), (7, 5, 4.0), (3, 11, 0.5)])
def test_equals_the_equation_in_loops(n, k, temperature):
    z_s, z_t = logits(n, k, 1), logits(n, k, 2)
    expected = kd_by_loops(z_s, z_t, temperature).item()
    assert KDLoss(temperature)(z_s, z_t).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("temperature", "value"), [(2.0, 0.443776), (1.0, 0.327813)])
def test_hand_computed(temperature, value):
    z_s, z_t = torch.zeros(1, 2).double(), torch.tensor([[2.0, 0.0]]).double()
    assert KDLoss(temperature)(z_s, z_t).item() == pytest.approx(value, abs=1e-6)


def test_common_mistakes_give_other_values():
    z_s, z_t = torch.zeros(1, 2).double(), torch.tensor([[2.0, 0.0]]).double()
    entries = F.kl_div(F.log_softmax(z_s / 2, dim=1), soften(z_t, 2.0), reduction="none")
    assert entries.sum().item() == pytest.approx(0.110944, abs=1e-6)  # "batchmean" without T^2
    assert 4 * entries.mean().item() == pytest.approx(0.221888, abs=1e-6)  # "mean", over N K
    assert KDLoss(2.0)(z_s, z_t).item() == pytest.approx(4 * entries.sum().item(), rel=1e-12)
    z = torch.tensor([[1.0, 2.0, 3.0]]).double()
    p = soften(z, 2.0)
    assert F.kl_div(p, p, reduction="batchmean").item() == pytest.approx(-1.405800, abs=1e-6)  # not log-probabilities
    assert KDLoss(2.0)(z, z).item() == 0


def test_the_order_of_student_and_teacher_matters():
    z_s, z_t = torch.zeros(1, 2).double(), torch.tensor([[2.0, 0.0]]).double()
    assert KDLoss(2.0)(z_t, z_s).item() == pytest.approx(0.480458, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 20), st.floats(-50, 50))
def test_blind_to_a_shift_of_one_samples_logits_and_to_nothing_else_here(seed, temperature, shift):
    z_s, z_t, loss = logits(4, 6, seed), logits(4, 6, seed + 1), KDLoss(temperature)
    shifted, scaled = z_s.clone(), z_s.clone()
    shifted[2] += shift
    scaled[2] *= 2
    assert loss(shifted, z_t).item() == pytest.approx(loss(z_s, z_t).item(), rel=1e-9)
    assert loss(scaled, z_t).item() != pytest.approx(loss(z_s, z_t).item(), rel=1e-9)
    assert loss(z_t + shift, z_t).item() == pytest.approx(0, abs=1e-12)
    assert loss(z_s.repeat(2, 1), z_t.repeat(2, 1)).item() == pytest.approx(loss(z_s, z_t).item())


def test_gradient_is_temperature_times_the_gap_and_spares_the_teacher():
    z_s, z_t, temperature = logits(5, 4, 1).requires_grad_(), logits(5, 4, 2).requires_grad_(), 3.0
    KDLoss(temperature)(z_s, z_t).backward()
    expected = temperature * (soften(z_s, temperature) - soften(z_t, temperature)) / len(z_s)
    torch.testing.assert_close(z_s.grad, expected.detach())
    assert z_t.grad is None


def test_gradcheck():
    assert torch.autograd.gradcheck(lambda z: KDLoss(2.0)(z, logits(3, 4, 2)), logits(3, 4, 1).requires_grad_())


def test_high_temperature_matches_centred_logits():
    z_s, z_t = logits(6, 5, 1), logits(6, 5, 2)
    centred = [z - z.mean(dim=1, keepdim=True) for z in (z_s, z_t)]
    limit = (centred[0] - centred[1]).pow(2).sum(dim=1).mean() / (2 * z_s.shape[1])
    assert KDLoss(1e4)(z_s, z_t).item() == pytest.approx(limit.item(), rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_saturated_logits_stay_finite(dtype):
    z_s = torch.tensor([[1e4, -1e4, 0.0]], dtype=dtype, requires_grad=True)
    loss = KDLoss(1.0)(z_s, -z_s.detach())
    loss.backward()
    assert loss.isfinite() and z_s.grad.isfinite().all()


@pytest.mark.parametrize(
    ("z_s", "z_t", "error", "says"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 4), ValueError, "3 logits against 4"),
        (torch.zeros(2, 3), torch.zeros(1, 3), ValueError, "2 and 1 samples"),
        (torch.zeros(3), torch.zeros(3), ValueError, r"x\[None\]"),
        (torch.zeros(0, 3), torch.zeros(0, 3), ValueError, "empty"),
        (torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3), TypeError, r"\.float\(\)"),
        ((torch.zeros(2, 3),), torch.zeros(2, 3), TypeError, "tuple"),
    ],
)
def test_bad_input(z_s, z_t, error, says):
    with pytest.raises(error, match=says):
        KDLoss()(z_s, z_t)


@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match="temperature is .* above 0"):
        KDLoss(temperature)
