"""Shares of attention are sums, and every heat map lies on its own image."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.plots import style
from kd_teach.plots.attention import overlay, upsample


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.fixture
def masks():
    masks = torch.zeros(3, 8, 8, dtype=torch.bool)
    masks[:, :, :4] = True  # the left half
    masks[2, 4:] = False  # of the last image its upper quarter only
    return masks


@pytest.fixture
def maps():
    return {"teacher": torch.rand(3, 4, 4), "student alone": torch.rand(3, 16)}


def slow_share(attention, mask):
    inside = whole = 0.0
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            whole += attention[y, x].item()
            inside += attention[y, x].item() * bool(mask[y, x])
    return inside / whole


def test_share_matches_loops(masks):
    maps = torch.rand(3, 8, 8)
    shares = plots.attention_in_mask(maps, masks)
    assert shares.tolist() == pytest.approx([slow_share(f, m) for f, m in zip(maps, masks, strict=True)])


def test_share_of_an_even_map_is_the_objects_area(masks):
    assert plots.attention_in_mask(torch.ones(3, 4), masks).tolist() == pytest.approx([0.5, 0.5, 0.25])


def test_share_ignores_scale_and_a_black_map_has_none(masks):
    maps = torch.rand(3, 4, 4)
    assert torch.allclose(plots.attention_in_mask(maps, masks), plots.attention_in_mask(7 * maps, masks))
    assert plots.attention_in_mask(0 * maps, masks).tolist() == [0, 0, 0]


def test_flat_maps_are_read_row_by_row():
    corner = torch.zeros(1, 16)
    corner[0, 3] = 1  # first row, last column
    row, column = divmod(upsample(corner, (8, 8))[0].argmax().item(), 8)
    assert row == 0 and column == 7
    assert torch.equal(upsample(torch.arange(6.0).view(1, 2, 3), (2, 3))[0], torch.arange(6.0).view(2, 3).double())


def test_overlay_is_brightest_where_attention_is(images):
    attention = np.zeros((3, 8, 8))
    attention[:, 2, 5] = 0.25
    drawn = overlay(np.full((3, 3, 8, 8), 128, np.uint8), attention).astype(int)
    light = drawn[:, :2].sum(axis=1)  # red and green: viridis ends in yellow
    assert [divmod(image.argmax(), 8) for image in light] == [(2, 5)] * 3


def test_grid_has_image_and_overlays_in_rows(images, maps, masks):
    ax = plots.attention_grid(images, maps, masks=masks)
    canvas = ax.images[0].get_array()
    first = images[0].permute(1, 2, 0).numpy()
    spots = [
        (y, x)
        for y in range(canvas.shape[0] - 7)
        for x in range(canvas.shape[1] - 7)
        if np.array_equal(canvas[y : y + 8, x : x + 8], first)
    ]
    assert len(spots) == 1 and spots[0][1] == 0
    heat = overlay(images.numpy(), upsample(maps["teacher"], (8, 8)).numpy())[0].transpose(1, 2, 0)
    y, x = spots[0][0], 9  # one picture and the gap further right
    assert np.array_equal(canvas[y : y + 8, x : x + 8], heat)


def test_grid_prints_shares_over_pictures_and_their_means_over_columns(images, maps, masks):
    ax = plots.attention_grid(images, maps, masks=masks)
    shares = [plots.attention_in_mask(f, masks) for f in maps.values()]
    expected = [
        f"{100 * v:.0f} %" for row in zip([0.5, 0.5, 0.25], *(s.tolist() for s in shares), strict=True) for v in row
    ]
    assert [text.get_text() for text in ax.texts] == expected
    headers = [" ".join(label.get_text().split()) for label in ax.get_xticklabels()]
    assert headers[0] == "image object covers 42 %"
    assert headers[1:] == [f"{n} on the object {100 * s.mean():.0f} %" for n, s in zip(maps, shares, strict=True)]
    assert ax.collections  # the outline


def test_grid_of_one_image_has_no_means_and_without_masks_no_numbers(images, maps, masks):
    one = {name: f[:1] for name, f in maps.items()}
    ax = plots.attention_grid(images[:1], one, masks=masks[:1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["image", *maps]
    assert ax.texts[0].get_text() == "object covers 50\N{NO-BREAK SPACE}%"
    ax = plots.attention_grid(images, maps)
    assert not ax.texts and not ax.collections


def test_headers_stand_over_their_columns_and_below_the_title(images, maps, masks):
    ax = plots.attention_grid(images, maps, masks=masks)
    ax.figure.draw_without_rendering()
    title = ax._left_title if ax._left_title.get_text() else ax.title
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    assert max(box.y1 for box in boxes) <= title.get_window_extent().y0 + 1
    assert title.get_window_extent().y1 <= ax.figure.bbox.y1
    for label, text in zip(ax.get_xticklabels(), ax.texts, strict=False):
        assert label.get_position()[0] == pytest.approx(text.get_position()[0], abs=1)


def test_bars_are_the_shares_and_the_line_is_the_area():
    ax = plots.attention_bars({"teacher": [0.2, 0.6], "student alone": [0.1, 0.3]}, area=0.15)
    teacher, alone = ax.containers
    assert [bar.get_height() for bar in teacher] == pytest.approx([20, 60])
    assert [bar.get_height() for bar in alone] == pytest.approx([10, 30])
    assert teacher[0].get_facecolor()[:3] == pytest.approx(plt.matplotlib.colors.to_rgb(style.TEACHER))
    assert list(ax.lines[0].get_ydata()) == pytest.approx([15, 15])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["stage 1", "stage 2"]


def test_draws_on_the_axes_passed_in(images, maps):
    left, right = plt.subplots(1, 2)[1]
    assert plots.attention_grid(images, maps, ax=left) is left
    assert plots.attention_bars({"teacher": [0.5]}, area=0.2, ax=right) is right
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, f, m: plots.attention_in_mask(f[:2], m), "2 maps came with 3 masks"),
        (lambda x, f, m: plots.attention_in_mask(-f, m), "never negative"),
        (lambda x, f, m: plots.attention_in_mask(f * torch.nan, m), "NaN"),
        (lambda x, f, m: plots.attention_in_mask(f[..., 0].repeat(1, 2)[:, :7], m), "no square"),
        (lambda x, f, m: plots.attention_in_mask(f, m.float()), "expected bool"),
        (lambda x, f, m: plots.attention_in_mask(f[None], m), r"expected \(N, h, w\)"),
        (lambda x, f, m: plots.attention_grid(x, {}), "No maps"),
        (lambda x, f, m: plots.attention_grid(x, {"a": f[:2]}), "'a' has 2 maps for 3 images"),
        (lambda x, f, m: plots.attention_grid(x.float(), {"a": f}), "before normalisation"),
        (lambda x, f, m: plots.attention_bars({}, area=0.1), "No shares"),
        (lambda x, f, m: plots.attention_bars({"a": [0.1, 0.2], "b": [0.1]}, area=0.1), "'b' has"),
        (lambda x, f, m: plots.attention_bars({"a": [54]}, area=0.1), "a share, 0..1"),
        (lambda x, f, m: plots.attention_bars({"a": [0.5]}, area=15), "area is 15"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message, images, maps, masks):
    with pytest.raises(ValueError, match=message):
        call(images, maps["teacher"], masks)
    assert not plt.get_fignums()
