"""Points of the reliability diagram against bins counted one image at a time."""

import matplotlib.pyplot as plt
import pytest
import torch

from kd_teach import plots
from kd_teach.measures.logits import expected_calibration_error
from kd_teach.plots.calibration import reliability

N, K, BINS = 80, 4, 10


@pytest.fixture
def logits():
    return 2 * torch.randn(N, K, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels(logits):
    return torch.where(torch.arange(N) % 3 > 0, logits.argmax(1), torch.arange(N) % K)


def binned(logits, labels):
    """bin -> [(confidence, right)]"""
    bins = {}
    for z, label in zip(logits.double(), labels.tolist(), strict=True):
        p = z.softmax(0)
        here = next(b for b in range(BINS) if p.max() <= (b + 1) / BINS)
        bins.setdefault(here, []).append((p.max().item(), float(p.argmax() == label)))
    return {b: bins[b] for b in sorted(bins)}


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def test_lines_match_loops(logits, labels):
    ax = plots.reliability_diagram({"student": logits}, labels, bins=BINS, at_least=1)
    line = next(line for line in ax.lines if line.get_label() == "student")
    bins = binned(logits, labels).values()
    assert line.get_xdata() == pytest.approx([mean(c for c, _ in b) for b in bins])
    assert line.get_ydata() == pytest.approx([mean(r for _, r in b) for b in bins])
    sizes = ax.collections[0].get_sizes()
    assert (sizes - 15) / (sizes - 15).sum() == pytest.approx([len(b) / N for b in bins])


def test_small_bins_are_left_out(logits, labels):
    ax = plots.reliability_diagram({"student": logits}, labels, bins=BINS, at_least=10)
    kept = [b for b in binned(logits, labels).values() if len(b) >= 10]
    assert 0 < len(kept) < len(binned(logits, labels))
    assert len(ax.lines[1].get_xdata()) == len(kept)


def test_bins_give_the_error_of_the_metrics(logits, labels):
    confidence, accuracy, count = reliability(logits, labels, bins=BINS)
    gaps = (count / N * (accuracy - confidence).abs()).nansum().item()
    assert gaps == pytest.approx(expected_calibration_error(logits, labels, bins=BINS))


def test_title_has_every_networks_error(logits, labels):
    results = {"teacher": logits, "student alone": 3 * logits, "distilled": 0.1 * logits}
    title = plots.reliability_diagram(results, labels, bins=BINS).get_title()
    for name, z in results.items():
        assert f"{name} {100 * expected_calibration_error(z, labels, bins=BINS):.1f} %" in title


def test_no_dot_is_cut(logits, labels):
    results = {name: scale * logits for name, scale in (("teacher", 9), ("student alone", 0.2), ("distilled", 1))}
    with plt.rc_context(plots.STYLE):
        ax = plots.reliability_diagram(results, labels)
    assert not any(dots.get_clip_on() for dots in ax.collections)


def test_draws_on_the_axes_passed_in(logits, labels):
    ax = plt.subplots()[1]
    assert plots.reliability_diagram({"a": logits}, labels, ax=ax) is ax


Z, Y = torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)


@pytest.mark.parametrize(
    ("results", "labels", "options", "message"),
    [
        ({}, Y, {}, "No logits"),
        ({"a": Z[0]}, Y, {}, r"logits of 'a' has shape \(3,\)"),
        ({"a": Z / 0}, Y, {}, "logits of 'a' holds 12 of 12"),
        ({"a": Z}, Y + 3, {}, "expected 0..2"),
        ({"a": Z}, Y[:3], {}, r"Labels have shape \(3,\)"),
        ({"a": Z}, Y, {"bins": 0}, "bins is 0"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(results, labels, options, message):
    with pytest.raises(ValueError, match=message):
        plots.reliability_diagram(results, labels, **options)
    assert not plt.get_fignums()
