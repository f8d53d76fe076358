"""Matrices and rows are those of which the method's own MMD is made; the picture shows them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.methods.nst import NSTLoss
from kd_teach.plots.selectivity import KERNELS

IMAGE = torch.randint(0, 256, (3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def title(ax):
    return ax.get_title() or ax.get_title(loc="left")


@pytest.fixture
def maps():
    f_t, f_s = torch.randn(5, 4, 4), torch.randn(3, 4, 4)
    f_s[1] = 0  # a dead channel
    return f_t, f_s


@pytest.mark.parametrize("kernel", KERNELS)
def test_blocks_make_the_methods_mmd(kernel, maps):
    f_t, f_s = maps
    matrix = plots.kernel_matrix(f_t, f_s, kernel)
    means = plots.block_means(matrix, 5)
    mmd = means[0, 0] + means[1, 1] - 2 * means[0, 1]
    assert mmd == pytest.approx(NSTLoss(kernel=kernel)([f_s[None]], [f_t[None]]).item(), abs=1e-5)
    assert matrix.shape == (8, 8) and torch.allclose(matrix, matrix.T)
    ax = plots.kernel_blocks(matrix, 5)
    assert title(ax) == f"MMD² = {mmd:.4f}"
    assert np.array_equal(ax.images[0].get_array(), matrix.numpy())


def test_blocks_are_named_divided_and_have_their_means():
    matrix = torch.zeros(4, 4)
    matrix[:1, :1], matrix[1:, 1:] = 0.5, 0.25
    ax = plots.kernel_blocks(matrix, 1, names=("a", "b"))
    assert [text.get_text() for text in ax.texts] == ["0.500", "0.000", "0.000", "0.250"]
    assert [(label.get_text(), x) for label, x in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True)] == [
        ("a", 0),
        ("b", 2),
    ]
    assert {line.get_xdata()[0] for line in ax.lines} & {0.5}
    assert title(ax) == "MMD² = 0.7500"


def test_order_brings_twins_together_and_leaves_the_mmd_alone(maps):
    a, b = torch.rand(2, 4, 4)
    f = torch.stack([a, b, 2 * a, 3 * b])
    order = plots.channel_order(f).tolist()
    assert sorted(order) == [0, 1, 2, 3]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_report_has_a_panel_per_kernel(maps):
    figure = plots.kernels_report({k: plots.kernel_matrix(*maps, k) for k in KERNELS}, 5)
    panels = [ax for ax in figure.axes if ax.images]
    assert [title(ax).split(":")[0] for ax in panels] == list(KERNELS)
    means = plots.block_means(plots.kernel_matrix(*maps, "linear"), 5)
    assert title(panels[0]).endswith(f"{means[0, 0] + means[1, 1] - 2 * means[0, 1]:.4f}")
    assert len({ax.images[0].get_clim() for ax in panels}) == 1 and len(figure.axes) == len(panels) + 1  # one bar
    assert "MMD²" in figure.get_suptitle()


def test_rows_make_the_gram_that_the_polynomial_kernel_compares(maps):
    f_t, f_s = maps
    grams = []
    for f in maps:
        rows = [plots.gram_row(f, (y, x)).flatten() for y in range(4) for x in range(4)]
        grams.append(torch.stack(rows))
    assert torch.allclose(grams[0], grams[0].T)
    mmd = (grams[0] - grams[1]).square().sum()
    assert mmd.item() == pytest.approx(NSTLoss()([f_s[None]], [f_t[None]]).item(), abs=1e-5)


def test_the_row_lies_over_the_grey_image_and_the_place_is_marked():
    row = torch.rand(4, 2)
    ax = plots.similar_regions(row, IMAGE, (3, 1), most=2.0)
    grey, heat = ax.images
    assert np.array_equal(heat.get_array(), row.double().numpy())
    assert grey.get_array().shape == (8, 8) and grey.get_extent() == heat.get_extent()
    assert heat.norm.vmax == 2
    (mark,) = ax.patches
    assert (*mark.get_xy(), mark.get_width(), mark.get_height()) == (4, 6, 4, 2)  # row 3 of 4, column 1 of 2


def test_report_puts_all_networks_into_the_same_colours():
    rows = {"teacher": torch.rand(4, 4), "student alone": 3 + torch.rand(4, 4)}
    figure = plots.similar_regions_report(rows, IMAGE, (0, 0))
    image, teacher, student = figure.axes[:3]
    assert np.array_equal(image.images[0].get_array(), IMAGE.permute(1, 2, 0))
    assert [title(ax) for ax in (teacher, student)] == list(rows)
    assert teacher.images[1].norm.vmax == student.images[1].norm.vmax == pytest.approx(rows["student alone"].max())


def test_draws_on_the_axes_passed_in():
    left, right = plt.subplots(1, 2)[1]
    assert plots.kernel_blocks(torch.eye(2), 1, ax=left) is left
    assert plots.similar_regions(torch.eye(2), IMAGE, (0, 0), ax=right) is right
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.kernel_matrix(torch.rand(2, 4, 4), torch.rand(2, 2, 2)), "same grid"),
        (lambda: plots.kernel_matrix(torch.rand(2, 4, 4), torch.rand(2, 4, 4), "poly"), "'poly'.*polynomial"),
        (lambda: plots.kernel_blocks(torch.rand(3, 4), 1), "expected \\(C, C\\)"),
        (lambda: plots.kernel_blocks(torch.rand(3, 3), 3), "split is 3"),
        (lambda: plots.kernels_report({}, 1), "No matrices"),
        (lambda: plots.kernels_report({"a": torch.rand(3, 3)}, 0), "split is 0"),
        (lambda: plots.gram_row(torch.rand(2, 4, 4), (4, 0)), "the place is \\(4, 0\\)"),
        (lambda: plots.similar_regions(torch.rand(4, 4), IMAGE, (0, 4)), "place is \\(0, 4\\)"),
        (lambda: plots.similar_regions(torch.rand(4, 4), IMAGE.float(), (0, 0)), "uint8"),
        (lambda: plots.similar_regions_report({}, IMAGE, (0, 0)), "No rows"),
        (lambda: plots.similar_regions_report({"a": torch.rand(4, 4)}, IMAGE, (9, 0)), "place is"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
