"""Linear CKA against its definition as slow loops, and what it must and must not see."""

import math

import pytest
import torch

from kd_teach import Features
from kd_teach.measures import layer_similarity, linear_cka
from kd_teach.measures.cka import layers


def test_cka_matches_loops():
    x, y = torch.randn(6, 3).double(), torch.randn(6, 5).double()

    def hsic(a, b):
        """Equation 5 of Song et al., up to its factor."""
        n = len(a)
        a, b = a.clone().fill_diagonal_(0), b.clone().fill_diagonal_(0)
        one = torch.ones(n, dtype=a.dtype)
        first = sum(a[i, j] * b[i, j] for i in range(n) for j in range(n))
        return first + (one @ a @ one) * (one @ b @ one) / (n - 1) / (n - 2) - 2 / (n - 2) * (one @ a @ b @ one)

    kernels = x @ x.T, y @ y.T  # not centred: the estimator centres by itself
    expected = hsic(*kernels) / (hsic(kernels[0], kernels[0]) * hsic(kernels[1], kernels[1])).sqrt()
    assert linear_cka(x, y) == pytest.approx(expected.item())


def test_cka_sees_no_rotation_and_scale_but_is_low_for_noise():
    x = torch.randn(60, 8)
    rotation = torch.linalg.qr(torch.randn(8, 8))[0]
    assert linear_cka(x, 3 * x @ rotation + 1) == pytest.approx(1, abs=1e-5)
    assert linear_cka(x, x * torch.tensor([5.0] + [0.1] * 7)) < 0.9
    assert abs(linear_cka(torch.randn(60, 4000), torch.randn(60, 4000))) < 0.1  # the plain estimate is 0.98
    assert math.isnan(linear_cka(x, torch.full((60, 2), 0.1)))


@pytest.mark.parametrize("count", [(3, 3), (5, 6)])
def test_cka_needs_four_images_of_both(count):
    with pytest.raises(ValueError, match=f"show {count[0]} and {count[1]} images"):
        linear_cka(torch.randn(count[0], 2), torch.randn(count[1], 2))


def noise(n=12):
    maps = tuple(torch.randn(n, c, 4, 4) for c in (2, 3))
    return Features(torch.randn(n, 2, 8, 8), maps, maps, torch.randn(n, 3), torch.randn(n, 5))


def test_similarity_of_all_layers():
    a, b = noise(), noise()
    table = layer_similarity(a, b)
    assert list(table.index) == list(table.columns) == list(layers(a))
    expected = linear_cka(a.stages[0].mean((2, 3)), b.stages[1].mean((2, 3)))
    assert table.loc["stage 1", "stage 2"] == pytest.approx(expected)
    flat = layer_similarity(a, b, pooled=False)
    assert flat.loc["stage 1", "stage 2"] == pytest.approx(linear_cka(a.stages[0], b.stages[1]))
    assert flat.loc["embedding", "logits"] == pytest.approx(table.loc["embedding", "logits"])
    assert layer_similarity(a, a).to_numpy().diagonal() == pytest.approx(1)
    with pytest.raises(ValueError, match="12 and 10 images"):
        layer_similarity(a, noise(10))
