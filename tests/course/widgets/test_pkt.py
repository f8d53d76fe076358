"""The query picker: bars, pictures and the cost of one row."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach.course.widgets import pkt_widget
from kd_teach.methods.pkt import PKTLoss, neighbour_probabilities

LABELS = torch.tensor([1, 0, 1, 0])
IMAGES = torch.arange(4 * 3 * 2 * 2).reshape(4, 3, 2, 2).to(torch.uint8)


@pytest.fixture
def networks():
    return torch.randn(4, 6), torch.randn(4, 3)


def test_bars_are_the_querys_row(networks):
    shown = pkt_widget(*networks, IMAGES, LABELS, ("a", "b"))
    bars, picture = shown.draw(query=2).axes
    for container, e in zip(bars.containers, networks, strict=True):
        row = neighbour_probabilities(e)[2]
        order = [int(i) for i in neighbour_probabilities(networks[0])[2].argsort(descending=True) if i != 2]
        assert [bar.get_height() for bar in container] == pytest.approx(
            ((len(row) - 1) * row[order] - 1).tolist(), abs=1e-6
        )
    assert np.array_equal(picture.images[0].get_array(), IMAGES[2].permute(1, 2, 0))


def test_title_has_the_share_of_this_row_and_the_loss(networks):
    p_t, p_s = map(neighbour_probabilities, networks)
    costs = torch.special.xlogy(p_t, p_t / p_s.clamp(min=1e-30)).sum(dim=1)
    shown = pkt_widget(*networks, IMAGES)
    for query in range(4):
        title = shown.draw(query=query).axes[0].get_title()
        assert (
            title == f"KL of this row: {costs[query]:.1e}, mean of all rows: {PKTLoss()(networks[1], networks[0]):.1e}"
        )


def test_picker_covers_the_batch_and_draws_again():
    shown = pkt_widget()
    query = shown.controls["query"]
    assert (query.min, query.max) == (0, 31)
    before = shown.image.value
    query.value = 31
    assert shown.image.value != before
    assert shown.message.value == ""
    assert not plt.get_fignums()


def test_nothing_is_cut(networks):
    figure = pkt_widget(*networks, IMAGES, LABELS, ("a", "rather long")).draw(query=0)
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height


def test_what_does_not_fit_is_refused(networks):
    with pytest.raises(ValueError, match="pass e_s and images"):
        pkt_widget(networks[0])
    with pytest.raises(ValueError, match="4"):
        pkt_widget(networks[0], networks[1][:3], IMAGES)
