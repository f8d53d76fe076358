"""The grid holds every picture once, untouched, under its own title."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots


@pytest.fixture
def images():
    values = torch.randint(0, 200, (5, 3, 12, 10), generator=torch.Generator().manual_seed(0))
    return values.to(torch.uint8)  # no white pixel, so that white is the grid's own


def places(canvas, images):
    """(top, left) of each picture, found by comparing pixels."""
    height, width = images.shape[2:]
    found = []
    for image in images.permute(0, 2, 3, 1).numpy():
        found += [
            (top, left)
            for top in range(canvas.shape[0] - height + 1)
            for left in range(canvas.shape[1] - width + 1)
            if np.array_equal(canvas[top : top + height, left : left + width], image)
        ]
    return found


def test_pictures_stand_in_rows_untouched(images):
    canvas = plots.image_grid(images, columns=3).images[0].get_array()
    found = places(canvas, images)
    assert len(found) == 5
    tops, lefts = zip(*found, strict=True)
    assert tops[0] == tops[1] == tops[2] < tops[3] == tops[4]
    assert lefts[0] == lefts[3] < lefts[1] == lefts[4] < lefts[2]
    covered = (canvas != 255).any(axis=2).sum()
    assert covered == 5 * 12 * 10


def test_titles_stand_over_their_pictures_in_reading_order(images):
    ax = plots.image_grid(images, [f"picture {n}" for n in range(5)], columns=3)
    for text, (top, left) in zip(ax.texts, places(ax.images[0].get_array(), images), strict=True):
        x, y = text.get_position()
        assert x == left + 5 and y < top
    assert [text.get_text() for text in ax.texts] == [f"picture {n}" for n in range(5)]


@pytest.mark.parametrize(
    "titles",
    [["short"] * 5, ["a title that is very much longer than its picture is wide"] * 5, ["true: cat\nsaid: dog"] * 5],
)
def test_titles_touch_neither_each_other_nor_pictures(titles, images):
    ax = plots.image_grid(images, titles, columns=3)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    tops = [top for top, _ in places(ax.images[0].get_array(), images)]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    for box in boxes:
        (_, low), (_, high) = ax.transData.inverted().transform([(box.x0, box.y0), (box.x1, box.y1)])
        assert not any(top < low and high < top + 12 for top in tops)
        assert box.y1 <= ax.get_window_extent().y1 + 1  # the grid has room for the first row's titles


def test_masks_are_outlined_where_they_are(images):
    masks = torch.zeros(5, 12, 10, dtype=torch.bool)
    masks[4, 2:6, 3:8] = True
    ax = plots.image_grid(images, columns=3, masks=masks)
    top, left = places(ax.images[0].get_array(), images)[4]
    (outline,) = ax.collections
    box = outline.get_paths()[0].get_extents()
    assert (box.x0, box.x1) == (left + 2.5, left + 7.5)  # between pixel centres
    assert (box.y0, box.y1) == (top + 1.5, top + 5.5)


def test_empty_masks_draw_nothing(images):
    assert not plots.image_grid(images, masks=torch.zeros(5, 12, 10, dtype=torch.bool)).collections


def test_draws_on_the_axes_passed_in(images):
    ax = plt.subplots()[1]
    assert plots.image_grid(images, ["a"] * 5, ax=ax) is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: plots.image_grid(x[0]), r"\(3, 12, 10\); expected \(N, 3, H, W\)"),
        (lambda x: plots.image_grid(x[:0]), "nothing empty"),
        (lambda x: plots.image_grid(x.float() / 255), "before normalisation"),
        (lambda x: plots.image_grid(x.permute(0, 2, 3, 1)), r"uint8 \(5, 12, 10, 3\)"),
        (lambda x: plots.image_grid(x, ["a"]), "1 titles came with 5 images"),
        (lambda x: plots.image_grid(x, columns=0), "columns is 0"),
        (lambda x: plots.image_grid(x, masks=x[:, 0]), "expected bool"),
        (lambda x: plots.image_grid(x, masks=x[:4, 0] > 9), r"expected bool \(5, 12, 10\)"),
    ],
)
def test_bad_input_is_named(call, message, images):
    with pytest.raises(ValueError, match=message):
        call(images)
    assert not plt.get_fignums()
