"""Channels stand in their order and colours; sigmas in theirs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.plots import style
from kd_teach.plots.channels import DIVERGING, colour_scale


@pytest.fixture
def maps():
    """Six channels of which channel c has the constant activation c + 1, but for a dead channel 2."""
    maps = torch.arange(1.0, 7).view(6, 1, 1).expand(6, 4, 4).clone()
    maps[2] = 0
    return maps


def titles(ax):
    return [text.get_text() for text in ax.texts]


def tile(ax, n):
    """The colour in the middle of picture n."""
    x, y = ax.texts[n].get_position()
    return tuple(ax.images[0].get_array()[int(y) + 3, int(x)] / 255)


def title(axes):
    return axes.get_title() or axes.get_title(loc="left")


def test_most_active_channels_come_first(maps):
    ax = plots.channel_grid(maps, count=3)
    assert titles(ax) == ["5", "4", "3"]
    assert "3 of 6" in title(ax)


def test_activity_is_the_size_not_the_sign(maps):
    maps[0] = -10
    assert titles(plots.channel_grid(maps))[:2] == ["0", "5"]


def test_order_given_and_titles_follow_their_channels(maps):
    assert titles(plots.channel_grid(maps, list("abcdef"))) == list("fedbac")
    assert titles(plots.channel_grid(maps, list("abcdef"), sort=False, count=4)) == list("abcd")


def test_all_channels_share_one_scale_from_zero(maps):
    ax = plots.channel_grid(maps)
    viridis = plt.colormaps[style.SEQUENTIAL]
    assert tile(ax, 0) == pytest.approx(viridis(1.0)[:3], abs=0.01)
    assert tile(ax, 1) == pytest.approx(viridis(5 / 6)[:3], abs=0.01)
    assert tile(ax, 5) == pytest.approx(viridis(0.0)[:3], abs=0.01)  # the dead one


def test_signed_maps_have_grey_at_zero(maps):
    maps[0] = -3
    ax = plots.channel_grid(maps, sort=False)
    scale = plt.colormaps[DIVERGING]
    assert tile(ax, 0) == pytest.approx(scale(0.25)[:3], abs=0.01)
    assert tile(ax, 2) == pytest.approx(scale(0.5)[:3], abs=0.01)
    assert tile(ax, 5) == pytest.approx(scale(1.0)[:3], abs=0.01)
    assert colour_scale(maps.numpy()).get_clim() == (-6, 6)
    assert colour_scale(np.zeros((1, 2, 2))).get_clim() == (0, 1)


def test_report_shows_the_image_once_and_a_grid_per_network(maps):
    image = torch.randint(0, 256, (3, 8, 8)).to(torch.uint8)
    figure = plots.channel_report(image, {"teacher": maps, "student alone": maps[:2]}, count=4)
    named = {title(ax): ax for ax in figure.axes if title(ax)}
    assert list(named) == [
        "The image",
        "teacher: 4 of 6 channels, most active first",
        "student alone: 2 of 2 channels, most active first",
    ]
    assert np.array_equal(named["The image"].images[0].get_array(), image.permute(1, 2, 0))


def test_maps_stand_beside_their_photos_in_one_scale():
    photos = torch.randint(0, 256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    teacher = torch.tensor([[[4.0, 0], [0, 0]], [[2.0, 0], [0, 0]]])  # (N, h, w): busy in the upper left
    ax = plots.maps_beside_photos(photos, {"teacher": teacher, "alone": teacher / 2}, ["cat", "dog"], title="T")
    canvas = np.asarray(ax.images[0].get_array())
    step = canvas.shape[0] - 8  # from one row to the next
    assert np.array_equal(canvas[:8, :8], photos[0].permute(1, 2, 0))
    assert np.array_equal(canvas[step:, :8], photos[1].permute(1, 2, 0))
    viridis, across = plt.colormaps[style.SEQUENTIAL], 9  # pixels from one column to the next
    for (row, column), share in {(0, 1): 1.0, (0, 2): 0.5, (1, 1): 0.5, (1, 2): 0.25}.items():
        tile = canvas[row * step :, column * across :][:8, :8] / 255
        assert tile[3, 3] == pytest.approx(viridis(share)[:3], abs=0.01)
        assert tile[3, 4] == pytest.approx(viridis(0.0)[:3], abs=0.01)
        assert tile[4, 3] == pytest.approx(viridis(0.0)[:3], abs=0.01)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["photo", "teacher", "alone"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog"]
    signed = plots.maps_beside_photos(photos, {"a": -teacher}, ["cat", "dog"], title="T")
    grey = np.asarray(signed.images[0].get_array())[3, across + 4] / 255
    assert grey == pytest.approx(plt.colormaps[DIVERGING](0.5)[:3], abs=0.01)


def test_object_is_outlined_and_the_share_on_it_is_printed(maps):
    """The left half is the object. It has half of a constant map, and little of one with a large negative right."""
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:, :4] = True
    right = maps.clone()
    right[:, :, 2:], right[0] = 0, 0
    right[0, :, 2:] = -51  # activity is the size, not the sign: three times the 17 on the left
    image = torch.randint(0, 256, (3, 8, 8)).to(torch.uint8)
    figure = plots.channel_report(image, {"even": maps, "right": right}, mask=mask)
    picture, even, right_half = [ax for ax in figure.axes if ax.images and title(ax)]
    assert title(picture) == "Object: 50 %"
    assert title(even) == "even: 6 of 6 channels, most active first, 50 % on the object"
    assert title(right_half).endswith(", 28 % on the object")  # not 25: between two places the map is linear
    for ax, tiles in ((picture, 1), (even, 6)):
        [outline] = ax.collections
        assert len(outline.get_paths()[0].to_polygons(closed_only=False)) == tiles
    assert even.images[0].get_array().shape[1] == 6 * 9 - 1  # 4 x 4 maps drawn as large as the mask, and gaps of one
    assert not plots.channel_grid(maps).collections


def test_sigmas_are_roots_sorted_with_their_spreads():
    ax = plots.channel_sigmas([4.0, 0.25, 1.0], spreads=[3.0, 0.6, 1.5])
    assert [bar.get_height() for bar in ax.patches] == [0.5, 1, 2]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "0"]
    assert list(ax.lines[0].get_ydata()) == pytest.approx([0.6, 1.5, 3.0])
    assert not plots.channel_sigmas([4.0, 0.25]).lines


def test_card_shows_both_ends(maps):
    image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    figure = plots.sigma_report([9, 1, 4, 16, 25, 36], maps, image=image, count=2)
    (grid,) = [ax for ax in figure.axes if ax.texts]
    assert titles(grid) == ["1: σ 1.00", "2: σ 2.00", "4: σ 5.00", "5: σ 6.00"]
    viridis = plt.colormaps[style.SEQUENTIAL]
    assert tile(grid, 0) == pytest.approx(viridis(2 / 6)[:3], abs=0.01)  # channel 1 has activation 2
    assert tile(grid, 3) == pytest.approx(viridis(1.0)[:3], abs=0.01)
    assert [label.get_text() for label in grid.get_yticklabels()] == ["surest", "least\nsure"]
    assert "The image" in [title(ax) for ax in figure.axes]
    figure.draw_without_rendering()
    assert all(label.get_window_extent().x0 >= 0 for label in grid.get_yticklabels())


def test_card_outlines_the_object_in_every_channel(maps):
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:, :4] = True
    plain, outlined = (plots.sigma_report([9, 1, 4, 16, 25, 36], maps, count=2, mask=m) for m in (None, mask))
    grids = [next(ax for ax in figure.axes if ax.texts) for figure in (plain, outlined)]
    assert [len(grid.collections) > 0 for grid in grids] == [False, True]


def test_draws_on_the_axes_passed_in(maps):
    left, right = plt.subplots(1, 2)[1]
    assert plots.channel_grid(maps, ax=left) is left
    assert plots.channel_sigmas([1.0], ax=right) is right
    assert len(plt.get_fignums()) == 1


IMAGE = torch.zeros(3, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: plots.channel_grid(f[0]), r"expected \(C, h, w\)"),
        (lambda f: plots.channel_grid(f / 0), "NaN or infinite"),
        (lambda f: plots.channel_grid(f, ["a"]), "1 titles came with 6 channels"),
        (lambda f: plots.channel_grid(f, count=0), "count is 0"),
        (lambda f: plots.channel_grid(f, mask=torch.ones(4, 6) > 0), r"mask is \(4, 6\), a channel \(4, 4\)"),
        (lambda f: plots.channel_grid(f, mask=torch.ones(2, 2) > 0), "whole multiple"),
        (lambda f: plots.channel_report(IMAGE, {}), "No maps"),
        (lambda f: plots.channel_report(IMAGE, {"a": f[0]}), "maps of 'a'"),
        (lambda f: plots.channel_report(IMAGE.float(), {"a": f}), "before normalisation"),
        (lambda f: plots.maps_beside_photos(IMAGE[None], {}, ["a"], title="T"), "No maps"),
        (lambda f: plots.maps_beside_photos(IMAGE[None], {"a": f}, ["a"], title="T"), "1 photos came with 1 names"),
        (lambda f: plots.maps_beside_photos(IMAGE[None], {"a": f[:1]}, [], title="T"), "with 0 names"),
        (lambda f: plots.maps_beside_photos(IMAGE[None], {"a": f[:1] / 0}, ["a"], title="T"), "NaN or infinite"),
        (lambda f: plots.channel_sigmas([1.0, 0.0]), "expected sigma"),
        (lambda f: plots.channel_sigmas([1.0, 2.0], spreads=[1.0]), "spreads has shape"),
        (lambda f: plots.sigma_report([1.0, 2.0], f), "2 variances came with 6 channels"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message, maps):
    with pytest.raises(ValueError, match=message):
        call(maps)
    assert not plt.get_fignums()
