"""Which layers of two networks resemble each other: linear CKA."""

import pandas as pd
from torch import Tensor

from kd_teach.models.features import Features


def layers(features: Features) -> dict[str, Tensor]:
    """The layers in order, by the names that pictures show: stem, stage 1, ..., embedding, logits."""
    stages = {f"stage {number}": stage for number, stage in enumerate(features.stages, start=1)}
    return {"stem": features.stem, **stages, "embedding": features.embedding, "logits": features.logits}


def layer_similarity(a: Features, b: Features, *, pooled: bool = True) -> pd.DataFrame:
    """Linear CKA between every layer of one network and every layer of another.

    Args:
        a, b: what the two show of the same N >= 4 images, better some hundred.
        pooled: maps are averaged over their pixels, (N, C); False flattens them to (N, C H W), where places count too.

    Returns:
        A table, a's layers in rows and b's in columns, of `linear_cka`.
    """
    pool = lambda x: x.flatten(2).mean(2) if pooled and x.ndim == 4 else x
    _check_images(a.logits, b.logits)
    of_a, of_b = ({name: _gram(pool(x)) for name, x in layers(f.detach()).items()} for f in (a, b))
    values = [[_alignment(x, y) for y in of_b.values()] for x in of_a.values()]
    return pd.DataFrame(values, index=list(of_a), columns=list(of_b))


def linear_cka(x: Tensor, y: Tensor) -> float:
    """How alike two layers arrange the same images: 1 for the same up to rotation and scale, about 0 for unrelated.

    CKA = HSIC(x x', y y') / sqrt(HSIC(x x', x x') HSIC(y y', y y')).
    Source: Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019.
    https://arxiv.org/abs/1905.00414
    With the unbiased HSIC of Song et al. (JMLR 2012, equation 5): the plain one calls any two layers alike that have
    more numbers than there are images. So a value may be a little below 0.

    Args:
        x, y: (N, ...) and (N, ...), N >= 4 images; all but the first dimension is flattened.

    Returns:
        The CKA; NaN if a layer shows all images alike.

    Raises:
        ValueError: different N, or fewer than four images.
    """
    _check_images(x, y)
    return _alignment(_gram(x), _gram(y))


def _check_images(x: Tensor, y: Tensor) -> None:
    if len(x) != len(y) or len(x) < 4:
        raise ValueError(f"The layers show {len(x)} and {len(y)} images; expected the same, at least four.")


def _gram(x: Tensor) -> Tensor:
    """Similarities (N, N) of centred images, in float64, with an empty diagonal."""
    rows = x.flatten(1).double()
    rows = rows - rows[0]  # exactly zero if all images look alike
    rows = rows - rows.mean(0)
    return (rows @ rows.T).fill_diagonal_(0)


def _alignment(a: Tensor, b: Tensor) -> float:
    spread = _hsic(a, a) * _hsic(b, b)
    return (_hsic(a, b) / spread.sqrt()).item() if spread > 0 else float("nan")


def _hsic(a: Tensor, b: Tensor) -> Tensor:
    """Unbiased, up to the factor 1 / (N (N - 3)): of (N, N) similarities with an empty diagonal."""
    n = len(a)
    return (a * b).sum() + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (a.sum(0) @ b.sum(0))
