"""Temperature scaling against values by hand."""

import math

import pytest
import torch

from kd_teach.measures import expected_calibration_error, fit_temperature, temperature_scaling


def sure(right: int, wrong: int, size: float = math.log(9)) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes, every image of the first says so with a logit of `size` (ln 9: 90 % sure); `wrong` are not."""
    logits = torch.tensor([[size, 0.0]]).repeat(right + wrong, 1)
    return logits, torch.tensor([0] * right + [1] * wrong)


def test_by_hand():
    """90 % sure and right in 3 of 4: sigmoid(ln 9 / T) = 3/4 at ln 9 / T = ln 3, T = 2. The error of 15 points goes."""
    assert fit_temperature(*sure(3, 1)) == pytest.approx(2, abs=1e-4)
    found = temperature_scaling(*sure(3, 1), *sure(75, 25))
    assert found == pytest.approx((2, 0.15, 0), abs=1e-4)


def test_too_unsure_is_a_temperature_below_one():
    assert fit_temperature(*sure(9, 1, size=math.log(3))) == pytest.approx(0.5, abs=1e-4)  # 75 % sure, right in 90 %


def test_what_is_judged_is_not_what_is_fitted():
    """Fitted to 3 of 4, judged on 9 of 10: says 75 %, is right in 90 %."""
    found = temperature_scaling(*sure(3, 1), *sure(9, 1))
    assert found.ece == pytest.approx(0, abs=1e-6) and found.ece_scaled == pytest.approx(0.15, abs=1e-4)


def test_the_scale_of_the_logits_goes_into_the_temperature():
    generator = torch.Generator().manual_seed(0)
    z, labels = torch.randn(500, 7, generator=generator), torch.randint(7, (500,), generator=generator)
    z[torch.arange(500), labels] += 2
    t = fit_temperature(z, labels)
    assert fit_temperature(5 * z, labels) == pytest.approx(5 * t, rel=1e-4)
    scaled = temperature_scaling(z, labels, 5 * z, labels)
    assert scaled.ece == expected_calibration_error(5 * z, labels)


def test_bounds_and_bad_input():
    assert 0.01 <= fit_temperature(*sure(4, 0)) < 0.1
    assert fit_temperature(*sure(2, 2)) == pytest.approx(100, rel=1e-3)
    with pytest.raises(ValueError, match="one class number per row"):
        fit_temperature(torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))
