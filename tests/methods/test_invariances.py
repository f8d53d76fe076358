"""The table of invariances against the losses: every "yes" and every "no", on random features."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from kd_teach import get_recipe, invariances
from kd_teach.methods.changes import CHANGES
from tests.methods.losses import EVERY, Case, each, features, tensors

# What the table says by default may need an option: exact negatives are drawn anew for every order of a batch.
OPTIONS = {"crd": {"sampling": "all"}}


def rolled(x: Tensor, random) -> Tensor:
    return x.roll(1, dims=1)


def mixed(x: Tensor, random) -> Tensor:
    rotation, _ = torch.linalg.qr(torch.randn(x.shape[1], x.shape[1], dtype=x.dtype, generator=random))
    return torch.einsum("dc,nc...->nd...", rotation, x)


def flipped(x: Tensor, random) -> Tensor:
    return torch.cat([-x[:, :1], x[:, 1:]], dim=1)


def positive(shape, x: Tensor, random) -> Tensor:
    return 0.5 + 2 * torch.rand(shape, dtype=x.dtype, generator=random)


def along(x: Tensor, dim: int) -> list[int]:
    """A shape that broadcasts against x and differs along `dim` only."""
    return [x.shape[d] if d == dim else 1 for d in range(x.ndim)]


def shuffled_pixels(x: Tensor, random) -> Tensor:
    if x.ndim == 2:
        return x
    order = torch.randperm(x[0, 0].numel(), generator=random)  # the same in all maps
    return x.flatten(2)[..., order].reshape(x.shape)


HOW = {
    "channel permutation": rolled,
    "orthogonal channel mix": mixed,
    "channel sign flip": flipped,
    "per-sample scale": lambda x, random: x * positive(along(x, 0), x, random),
    "global scale": lambda x, random: x * positive((), x, random),
    "per-channel scale": lambda x, random: x * positive(along(x, 1), x, random),
    "translation": lambda x, random: x + torch.randn(along(x, 1), dtype=x.dtype, generator=random),
    "per-sample shift": lambda x, random: x + torch.randn(along(x, 0), dtype=x.dtype, generator=random),
    "pixel permutation": shuffled_pixels,
}


def test_the_table_knows_every_variant_and_every_change():
    assert set(HOW) | {"batch permutation"} == set(CHANGES)
    assert all(get_recipe(method).variants[variant].blind_to <= set(CHANGES) for method, variant in EVERY)


def test_the_table_prints():
    table = invariances()
    assert table.shape == (len(EVERY), len(CHANGES))
    assert table.loc[("rkd", "paper"), "translation"] == "yes"
    assert table.loc[("sp", "paper"), "per-sample scale"] == "–"


def made(method: str, variant: str, seed: int) -> Case:
    s, t = features(seed), features(seed + 1)
    case = Case(method, variant, s, t, **OPTIONS.get(method, {}))
    if hasattr(case.loss, "translate"):  # FT is judged on its factors: what the translator answers
        case.s = each(case.t, lambda x: torch.randn_like(case.loss.encode(x)))
        case.loss.translate = nn.Identity()
        case.loss.student_shape = case.s.shape[1:]
    case.loss.eval()
    return case


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("method", "variant"), EVERY)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_entry_of_the_table(method, variant, change, seed):
    case = made(method, variant, seed)
    if change == "batch permutation":
        order = torch.arange(len(tensors(case.s)[0])).roll(2)
        before, after = case(), case.permuted(order)
    else:
        before = case()
        after = case(each(case.s, lambda x: HOW[change](x, torch.Generator().manual_seed(seed))))
    gap = ((after - before).abs() / before.abs()).item()
    if change in get_recipe(method).variants[variant].blind_to:
        assert gap < 1e-9
    else:
        assert gap > 1e-7
