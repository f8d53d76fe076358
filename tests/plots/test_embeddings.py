"""Maps show every sample once, in the look of its class; PCA finds the widest directions."""

import sys
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach import plots
from kd_teach.plots.embeddings import project

CLASSES = tuple("abcdefghijkl")
LABELS = torch.arange(24) % 12


@pytest.fixture
def cloud():
    """(24, 5), widest by far in its fourth number, then in its second."""
    return torch.randn(24, 5) * torch.tensor([0.1, 3, 0.1, 20, 0.1]) + 7


def test_pca_keeps_the_widest_directions(cloud):
    places, names = project(cloud)
    centred = (cloud - cloud.mean(dim=0)).numpy()
    for found, axis in zip(places.T, (3, 1), strict=True):
        assert np.corrcoef(found, centred[:, axis])[0, 1] > 0.95  # and not minus that
    shares = np.sort(np.linalg.eigvalsh(np.cov(centred.T)))[::-1]
    assert f" {100 * shares[0] / shares.sum():.0f} %" in names[0]
    assert f" {100 * shares[1] / shares.sum():.0f} %" in names[1]


def test_pca_of_one_number_or_of_a_single_place():
    assert project(torch.arange(4.0)[:, None])[0][:, 1].tolist() == [0, 0, 0, 0]
    assert np.array_equal(project(torch.ones(4, 3))[0], np.zeros((4, 2)))


def test_each_class_has_its_dots_and_its_look(cloud):
    ax = plots.embedding_map(cloud, LABELS, CLASSES)
    places = project(cloud)[0]
    assert [line.get_label() for line in ax.lines] == list(CLASSES)
    for k, line in enumerate(ax.lines):
        assert np.allclose(line.get_xydata(), places[k == LABELS])
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines}) == 12
    assert len({line.get_color() for line in ax.lines[:10]}) == 10
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(CLASSES)


def test_a_class_keeps_its_look_where_others_are_missing(cloud):
    all_of_them = plots.embedding_map(cloud, LABELS, CLASSES).lines
    few = plots.embedding_map(cloud[LABELS > 8], LABELS[LABELS > 8], CLASSES).lines
    assert [line.get_color() for line in few] == [line.get_color() for line in all_of_them[9:]]


def test_without_labels_all_look_alike(cloud):
    ax = plots.embedding_map(cloud)
    [line] = ax.lines
    assert len(line.get_xydata()) == 24
    assert ax.get_legend() is None


def test_report_has_a_map_per_network_and_one_legend(cloud):
    figure = plots.embedding_report({"teacher": cloud, "student alone": 2 * cloud[:, :4]}, LABELS, CLASSES)
    teacher, alone = figure.axes
    assert [ax.get_title() for ax in (teacher, alone)] == ["teacher", "student alone"]
    assert np.allclose(alone.lines[3].get_xydata(), project(2 * cloud[:, :4])[0][LABELS == 3])
    [legend] = figure.legends
    assert len(legend.get_texts()) == 12


def fake(monkeypatch, module: str, name: str) -> list:
    """A stand-in for a package that may not be installed; notes the options and gives back the first two numbers."""
    calls = []

    class Fake:
        def __init__(self, **options):
            calls.append(options)

        def fit_transform(self, x):
            return x[:, :2]

    for part in (module.split(".")[0], module):
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    setattr(sys.modules[module], name, Fake)
    return calls


@pytest.mark.parametrize(("method", "module", "name"), [("tsne", "sklearn.manifold", "TSNE"), ("umap", "umap", "UMAP")])
def test_optional_methods_get_seed_and_a_size_that_fits(method, module, name, cloud, monkeypatch):
    calls = fake(monkeypatch, module, name)
    ax = plots.embedding_map(cloud[:10], method=method, seed=5)
    assert np.allclose(ax.lines[0].get_xydata(), cloud[:10, :2])
    [options] = calls
    assert options["random_state"] == 5
    assert options["perplexity" if method == "tsne" else "n_neighbors"] < 10


@pytest.mark.parametrize(
    ("method", "module", "package"), [("tsne", "sklearn", "scikit-learn"), ("umap", "umap", "umap-learn")]
)
def test_missing_package_is_named(method, module, package, cloud, monkeypatch):
    for name in [module, *(loaded for loaded in sys.modules if loaded.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"pip install {package}"):
        plots.embedding_map(cloud, method=method)
    assert not plt.get_fignums()


def test_draws_on_the_axes_passed_in(cloud):
    ax = plt.subplots()[1]
    assert plots.embedding_map(cloud, ax=ax) is ax


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: {"embeddings": x, "method": "tnse"}, "Did you mean 'tsne'"),
        (lambda x: {"embeddings": x[0]}, r"\(5,\); expected \(N, D\)"),
        (lambda x: {"embeddings": x[:2]}, "2 samples"),
        (lambda x: {"embeddings": x * torch.nan}, "120 of 120"),
        (lambda x: {"embeddings": x, "labels": LABELS[:3]}, "expected 24 class numbers"),
        (lambda x: {"embeddings": x, "labels": LABELS, "classes": CLASSES[:5]}, "5 class names"),
    ],
)
def test_bad_input_is_named_and_leaves_no_empty_figure(change, message, cloud):
    with pytest.raises(ValueError, match=message):
        plots.embedding_map(**change(cloud))
    assert not plt.get_fignums()


def test_report_of_nothing(cloud):
    with pytest.raises(ValueError, match="at least one"):
        plots.embedding_report({})
    with pytest.raises(ValueError, match="embeddings of 'b'"):
        plots.embedding_report({"a": cloud, "b": cloud[0]})
