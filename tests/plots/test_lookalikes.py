"""The heat map of mean soft targets: right numbers in right cells, look-alikes side by side."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots

FAMILY = np.array([0, 1, 2, 0, 1, 2])  # look-alikes: 0 and 3, 1 and 4, 2 and 5
NAMES = ("a1", "b1", "c1", "a2", "b2", "c2")


@pytest.fixture
def means():
    """(6, 6): 0.6 on the diagonal, 0.2 for the look-alike, a little, all different, for the rest."""
    m = np.arange(36).reshape(6, 6) / 3600 + 0.2 * (FAMILY[:, None] == FAMILY)
    np.fill_diagonal(m, 0.6)
    return torch.from_numpy(m / m.sum(axis=1, keepdims=True))


def test_cells_match_rows_and_columns(means):
    ax = plots.class_similarity(means, NAMES)
    rows = [NAMES.index(label.get_text()) for label in ax.get_yticklabels()]
    assert rows == [NAMES.index(label.get_text()) for label in ax.get_xticklabels()]
    shown = ax.images[0].get_array()
    for i, j in np.ndindex(6, 6):
        assert i == j or shown[i, j] == pytest.approx(100 * means[rows[i], rows[j]].item())
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts[(2, 1)] == f"{100 * means[rows[1], rows[2]]:.1f}"  # (x, y): column 2, row 1


def test_diagonal_is_left_out_of_the_colours(means):
    heat = plots.class_similarity(means, NAMES).images[0]
    assert heat.get_array().mask.tolist() == np.eye(6, dtype=bool).tolist()
    off = 100 * means[~torch.eye(6, dtype=torch.bool)]
    assert heat.get_clim() == pytest.approx((off.min().item(), off.max().item()))


def test_without_clustering_the_order_stays(means):
    ax = plots.class_similarity(means, NAMES, cluster=False)
    assert tuple(label.get_text() for label in ax.get_yticklabels()) == NAMES


def test_report_has_one_order_and_one_scale(means):
    mirrored = means.flip(0, 1)  # another order would suit it
    figure = plots.class_similarity_report({"teacher": means, "student alone": mirrored / 2}, NAMES)
    teacher, alone, bar = figure.axes
    order = plots.similarity_order(means.numpy())
    assert [label.get_text() for label in teacher.get_yticklabels()] == [NAMES[k] for k in order]
    off = ~np.eye(6, dtype=bool)
    for ax, given in ((teacher, means), (alone, mirrored / 2)):
        assert [label.get_text() for label in ax.get_xticklabels()] == [NAMES[k] for k in order]
        shown = ax.images[0].get_array()
        assert shown[off].data == pytest.approx(100 * given[order][:, order].numpy()[off])
        assert ax.images[0].get_clim() == pytest.approx((0, 100 * means.numpy()[off].max()))
    assert [ax.get_title() or ax.get_title(loc="left") for ax in (teacher, alone)] == ["teacher", "student alone"]
    assert not alone.get_ylabel() and bar.get_ylabel()


def test_many_classes_have_no_numbers():
    ax = plots.class_similarity(torch.rand(11, 11), [str(k) for k in range(11)])
    assert not ax.texts


def test_look_alikes_become_neighbours(means):
    order = plots.similarity_order(means.numpy())
    assert sorted(order) == list(range(6))
    assert (FAMILY[order][::2] == FAMILY[order][1::2]).all()


def test_a_shuffled_chain_is_put_back_in_line():
    shuffled = np.random.default_rng(0).permutation(12)
    distance = abs(shuffled[:, None] - shuffled)
    found = shuffled[plots.similarity_order(np.exp(-distance.astype(float)))]
    assert found.tolist() in (list(range(12)), list(range(11, -1, -1)))


def test_draws_on_the_axes_passed_in(means):
    ax = plt.subplots()[1]
    assert plots.class_similarity(means, NAMES, ax=ax) is ax


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: (m[:4], NAMES), r"\(4, 6\)"),
        (lambda m: (m[0], NAMES), r"\(6,\); expected \(K, K\)"),
        (lambda m: (m[:1, :1], NAMES[:1]), "K >= 2"),
        (lambda m: (m - 1, NAMES), "values from -"),
        (lambda m: (m.log() * 0 + torch.nan, NAMES), "36 of 36 values"),
        (lambda m: (m, NAMES[:5]), "5 class names"),
    ],
)
def test_bad_input_is_named(change, message, means):
    with pytest.raises(ValueError, match=message):
        plots.class_similarity(*change(means))
    assert not plt.get_fignums()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_report_cuts_no_text(means, count):
    with plt.rc_context(plots.STYLE):
        figure = plots.class_similarity_report({f"network {i}": means for i in range(count)}, NAMES)
        figure.draw_without_rendering()
    panel, bar = figure.axes[0].get_tightbbox(), figure.axes[-1].get_tightbbox()
    assert panel.x0 >= 0 and panel.y0 >= -0.5 and bar.x1 <= figure.bbox.x1  # half a pixel: rounding
    assert panel.y1 <= figure.texts[0].get_window_extent().y0


def test_report_names_bad_input(means):
    with pytest.raises(ValueError, match="No means"):
        plots.class_similarity_report({}, NAMES)
    with pytest.raises(ValueError, match="student has shape"):
        plots.class_similarity_report({"teacher": means, "student": means[:4]}, NAMES)
    assert not plt.get_fignums()
