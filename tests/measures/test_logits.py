"""Metrics against the same numbers counted one sample at a time."""

import math

import pytest
import torch

from kd_teach.measures.logits import accuracy, agreement, confusion, expected_calibration_error, mean_soft_targets

N, K = 60, 4


@pytest.fixture
def logits():
    return 2 * torch.randn(N, K, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels():
    return torch.arange(N).sqrt().long() % K  # not as many of each class


def largest(row):
    return max(range(len(row)), key=lambda k: row[k].item())


def soften(row, temperature=1.0):
    e = [math.exp(z.item() / temperature) for z in row]
    return [v / sum(e) for v in e]


def test_accuracy_matches_loops(logits, labels):
    right = sum(largest(z) == y for z, y in zip(logits, labels.tolist(), strict=True))
    assert 0 < right < N
    assert accuracy(logits, labels) == pytest.approx(right / N)


def test_agreement_matches_loops(logits):
    other = logits + torch.randn(N, K, generator=torch.Generator().manual_seed(1))
    same = sum(largest(a) == largest(b) for a, b in zip(logits, other, strict=True))
    assert 0 < same < N
    assert agreement(logits, other) == pytest.approx(same / N)
    assert agreement(logits, 5 * logits + 1) == 1


@pytest.mark.parametrize("bins", [1, 5, 15])
def test_calibration_matches_loops(logits, labels, bins):
    error = 0.0
    for b in range(bins):
        inside = [
            (max(soften(z)), largest(z) == y)
            for z, y in zip(logits, labels.tolist(), strict=True)
            if b / bins < max(soften(z)) <= (b + 1) / bins
        ]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            right = sum(r for _, r in inside) / len(inside)
            error += len(inside) / N * abs(right - confidence)
    assert expected_calibration_error(logits, labels, bins=bins) == pytest.approx(error, abs=1e-6)


def test_calibration_extremes():
    sure = torch.tensor([[100.0, 0.0]]).repeat(10, 1)
    assert expected_calibration_error(sure, torch.zeros(10, dtype=torch.long)) == pytest.approx(0)
    assert expected_calibration_error(sure, torch.ones(10, dtype=torch.long)) == pytest.approx(1)
    unsure = torch.tensor([[0.1, 0.0]]).repeat(10, 1)  # says 52 %, and is right in half of the cases
    assert expected_calibration_error(unsure, torch.arange(10) % 2) == pytest.approx(0.025, abs=1e-3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_mean_soft_targets_match_loops(logits, labels, temperature):
    mean = mean_soft_targets(logits, labels, temperature)
    assert mean.shape == (K, K)
    for true in range(K):
        rows = [soften(z, temperature) for z, y in zip(logits, labels.tolist(), strict=True) if y == true]
        for given in range(K):
            expected = sum(row[given] for row in rows) / len(rows)
            assert mean[true, given].item() == pytest.approx(expected, abs=1e-6)
    assert torch.allclose(mean.sum(dim=1), torch.ones(K))


def test_confusion_matches_loops(logits, labels):
    counts = torch.zeros(K, K, dtype=torch.long)
    for z, y in zip(logits, labels.tolist(), strict=True):
        counts[y, largest(z)] += 1
    assert torch.equal(confusion(logits, labels, K), counts)
    assert confusion(logits, labels, K).diagonal().sum().item() == pytest.approx(N * accuracy(logits, labels))


WITH_LABELS = [accuracy, expected_calibration_error, mean_soft_targets, lambda z, y: confusion(z, y, K)]


@pytest.mark.parametrize("metric", WITH_LABELS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z, y: (z[0], y), r"\(4,\); expected \(N, K\)"),
        (lambda z, y: (z[:0], y[:0]), r"\(0, 4\); expected \(N, K\)"),
        (lambda z, y: (z, y[:-1]), r"\(59,\); expected \(60,\)"),
        (lambda z, y: (z, y[:, None]), r"\(60, 1\); expected \(60,\)"),
        (lambda z, y: (z, y.float()), "float32; expected whole class numbers"),
        (lambda z, y: (z, y + 1), r"from 1 to 4; expected 0\.\.3"),
        (lambda z, y: (z, y - 1), r"from -1 to 2; expected 0\.\.3"),
    ],
)
def test_bad_input_is_named(metric, change, message, logits, labels):
    with pytest.raises(ValueError, match=message):
        metric(*change(logits, labels))


def test_other_bad_input_is_named(logits, labels):
    with pytest.raises(ValueError, match="differ in shape"):
        agreement(logits, logits[:, :3])
    with pytest.raises(ValueError, match="bins is 0"):
        expected_calibration_error(logits, labels, bins=0)
    with pytest.raises(ValueError, match="temperature is 0"):
        mean_soft_targets(logits, labels, 0)
    with pytest.raises(ValueError, match="No samples of class 1, 3"):
        mean_soft_targets(logits, labels - labels % 2, 1.0)
    with pytest.raises(ValueError, match="for 4 classes, but the data has 10"):
        confusion(logits, labels, 10)
