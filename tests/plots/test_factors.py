"""The squeeze is PCA, and the tiles are the maps they claim to be."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.plots.channels import colour_scale


def heads(ax):
    return [text.get_text() for text in ax.texts]


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def tiles(ax, size):
    """The pictures of the canvas in reading order, as a set of bytes."""
    canvas = np.asarray(ax.images[0].get_array())
    windows = np.lib.stride_tricks.sliding_window_view(canvas, (size, size, 3))[:, :, 0]
    return {window.tobytes() for row in windows for window in row}


def coloured(maps, like):
    scale = colour_scale(np.asarray(like, float))
    return scale.cmap(scale.norm(np.asarray(maps, float)), bytes=True)[..., :3]


def test_all_directions_rebuild_everything():
    f = torch.randn(3, 4, 5, 5)
    rebuilt, kept = plots.project_channels(f, 1.0)
    assert torch.allclose(rebuilt, f, atol=1e-5) and kept == pytest.approx(1)
    assert rebuilt.dtype == f.dtype


def test_share_kept_is_one_minus_the_error_of_the_rebuilt_map():
    f = torch.randn(3, 8, 5, 5) * torch.arange(1, 9).view(8, 1, 1) + 7
    rebuilt, kept = plots.project_channels(f, 0.25)
    spread = (f - f.mean(dim=(0, 2, 3), keepdim=True)).square().sum()
    assert kept == pytest.approx(1 - ((f - rebuilt).square().sum() / spread).item(), abs=1e-5)
    assert torch.linalg.matrix_rank((rebuilt - rebuilt.mean(dim=(0, 2, 3), keepdim=True)).movedim(1, -1).reshape(-1, 8),
                                    atol=1e-2) == 2  # fmt: skip


def test_no_other_two_channels_keep_more():
    f = torch.randn(3, 8, 5, 5)
    _, kept = plots.project_channels(f, 0.25)
    samples = (f - f.mean(dim=(0, 2, 3), keepdim=True)).movedim(1, -1).reshape(-1, 8)
    for _ in range(20):
        basis = torch.linalg.qr(torch.randn(8, 2))[0]
        assert (samples @ basis).square().sum() / samples.square().sum() <= kept + 1e-6


def test_two_patterns_need_two_channels():
    f = torch.einsum("cb,nbhw->nchw", torch.randn(8, 2), torch.rand(3, 2, 5, 5))
    assert plots.project_channels(f, 0.25)[1] == pytest.approx(1)
    assert plots.project_channels(f, 0.125)[1] < 0.999


def test_reconstructions_tell_r_squared_and_share_the_originals_colours():
    original = torch.tensor([[[0.0, 2.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    guess = torch.stack([original[0] * 0 + 1, original[1]])  # the mean of the first
    ax = plots.reconstructions(original, {"same": original, "mean": guess}, ["a", "b"])
    assert heads(ax) == ["a", "b", "R² 1.00", "constant", "R² 0.00", "constant"]
    assert rows(ax) == ["original", "same", "mean"]
    drawn = tiles(ax, 2)
    assert coloured(original[0], original[0]).tobytes() in drawn
    assert coloured(guess[0], original[0]).tobytes() in drawn
    assert coloured(guess[0], guess[0]).tobytes() not in drawn


def test_factors_have_length_one_and_the_strongest_come_first():
    teacher = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1) * torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    ax = plots.factor_maps({"teacher": teacher, "student": 5 * teacher}, count=2)
    assert heads(ax) == ["factor 2", "factor 1", "cos 1.00", "cos 1.00"]
    assert rows(ax) == ["teacher", "student"]
    unit = teacher / teacher.norm()
    assert coloured(unit[1], unit[1]).tobytes() in tiles(ax, 2)
    assert coloured(unit[1], unit).tobytes() not in tiles(ax, 2)  # as it would be in the loudest factor's colours
    turned = plots.factor_maps({"teacher": teacher, "student": -teacher}, count=1)
    assert heads(turned) == ["factor 2", "cos -1.00"]


def test_draws_on_the_axes_passed_in():
    left, right = plt.subplots(1, 2)[1]
    f = torch.rand(2, 4, 4)
    assert plots.reconstructions(f, {"a": f}, ax=left) is left
    assert plots.factor_maps({"a": f}, ax=right) is right
    assert len(plt.get_fignums()) == 1


F = torch.rand(2, 4, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.project_channels(F, 0.5), "expected \\(N, C, H, W\\)"),
        (lambda: plots.project_channels(F[None], 0.1), "keeps 0 of 2"),
        (lambda: plots.project_channels(F[None], 2), "keeps 4 of 2"),
        (lambda: plots.project_channels(F[None] * 0, 0.5), "constant"),
        (lambda: plots.reconstructions(F, {}), "No rebuilt maps"),
        (lambda: plots.reconstructions(F, {"k": F[:1]}), "'k' has shape"),
        (lambda: plots.reconstructions(F, {"k": F}, ["one"]), "titles"),
        (lambda: plots.factor_maps({}), "No factors"),
        (lambda: plots.factor_maps({"a": F, "b": F[:1]}), "'b' has shape"),
        (lambda: plots.factor_maps({"a": F}, count=0), "count is 0"),
        (lambda: plots.factor_maps({"a": F * float("inf")}), "infinite"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()
