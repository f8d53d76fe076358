"""Where a network puts its samples: embeddings of many numbers, brought to two."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_teach._support.errors import unknown
from kd_teach.plots import style
from kd_teach.plots._numbers import Numbers, check_finite, to_array
from kd_teach.plots.similarities import class_numbers, some

# Paul Tol's "muted" scheme and grey: nine hues that stay apart for readers with colour deficiencies. The markers help.
COLOURS = (
    *("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#777777"),
)
LEGEND_ROWS = 12


def embedding_map(
    embeddings: Numbers,
    labels: Numbers | None = None,
    classes: Sequence[str] | None = None,
    *,
    method: str = "pca",
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Samples as dots in two dimensions, coloured by class.

    Args:
        embeddings: (N, D).
        labels: (N,) class numbers; None draws all alike.
        classes: names by class number; None shows the numbers.
        method: "pca" (a projection: distances shrink, but are real), "tsne" (needs scikit-learn) or "umap" (needs
            umap-learn); the latter two keep neighbours together and say nothing of distances between groups.
        seed: for "tsne" and "umap"; "pca" has no chance in it.
        ax: where to draw; None makes a figure of 7 x 5 inches.

    Raises:
        ValueError: an unknown method, shapes that do not fit, fewer than three samples, or values that are not finite.
        ImportError: the package that the method needs is not installed; the message says which.
    """
    embeddings, labels = _check(embeddings, labels, classes, "embeddings")
    places, names = project(embeddings, method=method, seed=seed)
    ax = style.axes(ax, figsize=(7, 5))
    _dots(ax, places, labels, classes)
    ax.set(xlabel=names[0], ylabel=names[1], title="Each dot is a sample: do the classes part?")
    if labels is not None:
        columns = math.ceil(len(np.unique(labels)) / LEGEND_ROWS)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), ncols=columns, markerscale=1.5)
    return ax


def embedding_report(
    embeddings: Mapping[str, Numbers],
    labels: Numbers | None = None,
    classes: Sequence[str] | None = None,
    *,
    method: str = "pca",
    seed: int = 0,
) -> Figure:
    """Maps of several networks side by side, 9 inches wide, each in its own two dimensions; one legend below.

    Args:
        embeddings: network's name -> (N, D), the same samples in the same order.
        labels, classes, method, seed: as for `embedding_map`.

    Raises:
        ValueError, ImportError: as for `embedding_map`, or no networks.
    """
    checked = {name: _check(e, labels, classes, f"embeddings of {name!r}")[0] for name, e in some(embeddings).items()}
    projected = [project(e, method=method, seed=seed) for e in checked.values()]
    figure = plt.figure(figsize=(9, 1.6 + 7.5 / max(2, len(checked))), layout="constrained")
    panels = figure.subplots(1, len(checked), squeeze=False)[0]
    for ax, name, (places, names), colour in zip(panels, checked, projected, style.colours(checked), strict=True):
        _dots(ax, places, labels if labels is None else to_array(labels, "labels", "(N,)"), classes)
        ax.set_title(name, color=colour)
        ax.set(xlabel=names[0], ylabel=names[1])
    if labels is not None:
        handles, texts = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, texts, loc="outside lower center", ncols=min(10, len(texts)), fontsize=8, columnspacing=1
        )
    figure.suptitle("Each dot is a sample: do the classes part?", x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def project(embeddings: Numbers, *, method: str = "pca", seed: int = 0) -> tuple[np.ndarray, tuple[str, str]]:
    """Places (N, 2) of N samples (N, D), and what the two axes are called. See `embedding_map` for the methods."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    return METHODS[method](to_array(embeddings, "embeddings", "(N, D)").astype(float), seed)


def _pca(x: np.ndarray, seed: int) -> tuple[np.ndarray, tuple[str, str]]:
    x = x - x.mean(axis=0)
    _, sizes, directions = np.linalg.svd(x, full_matrices=False)
    directions = directions[:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]  # else up to chance
    places = x @ directions.T
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))  # embeddings of one number
    first, second = 100 * np.append(sizes**2, 0)[:2] / max((sizes**2).sum(), np.finfo(float).tiny)
    return places, (f"1st direction: {first:.0f} % of variance", f"2nd direction: {second:.0f} % of variance")


def _tsne(x: np.ndarray, seed: int) -> tuple[np.ndarray, tuple[str, str]]:
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError("t-SNE needs scikit-learn: pip install scikit-learn. Or pass method='pca'.") from error
    perplexity = min(30, (len(x) - 1) / 3)
    return TSNE(perplexity=perplexity, random_state=seed).fit_transform(x), ("t-SNE 1", "t-SNE 2")


def _umap(x: np.ndarray, seed: int) -> tuple[np.ndarray, tuple[str, str]]:
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError("UMAP needs umap-learn: pip install umap-learn. Or pass method='pca'.") from error
    return UMAP(n_neighbors=min(15, len(x) - 1), random_state=seed).fit_transform(x), ("UMAP 1", "UMAP 2")


METHODS = {"pca": _pca, "tsne": _tsne, "umap": _umap}


def _dots(ax: Axes, places: np.ndarray, labels: np.ndarray | None, classes: Sequence[str] | None) -> None:
    for k in [None] if labels is None else np.unique(labels):
        these = slice(None) if k is None else labels == k
        look = 0 if k is None else int(k)
        ax.plot(
            *places[these].T,
            linestyle="none",
            marker=style.MARKERS[(look + look // len(COLOURS)) % len(style.MARKERS)],
            color=COLOURS[look % len(COLOURS)],
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            label=None if k is None else str(k) if classes is None else classes[k],
        )
    ax.tick_params(labelbottom=False, labelleft=False, length=0)


def _check(embeddings: Numbers, labels: Numbers | None, classes: Sequence[str] | None, name: str):
    embeddings = to_array(embeddings, name, "(N, D)").astype(float)
    check_finite(embeddings, name)
    if len(embeddings) < 3:
        raise ValueError(f"{name} are of {len(embeddings)} samples; expected three or more.")
    return embeddings, class_numbers(labels, classes, len(embeddings))
