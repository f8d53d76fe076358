"""The walk in blocks against the same sums in one piece: values, gradients, memory layouts."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kd_teach.methods import _blocks
from kd_teach.methods._blocks import sum_of_squares
from kd_teach.methods.ab import ABLoss
from kd_teach.methods.ofd import OFDLoss

SHAPES = [(3, 5, 3, 7), (1, 4, 2, 2), (6, 3, 1, 1), (2, 1, 5, 5), (1, 2, 9, 10)]


def maps(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scaled_difference(s, t, c, *, out):
    """Positive parts of s - t - c: the gradient of the square is 2 r."""
    torch.sub(s, t, out=out).sub_(c).clamp_(min=0)


def plain(s, t, c):
    return (s - t - c[:, None, None]).clamp(min=0).square().sum()


LAYOUTS = {
    "contiguous": torch.Tensor.contiguous,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "batch innermost": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "every other entry": lambda x: torch.stack([x, x], dim=-1)[..., 0],
    "expanded": lambda x: x[:1].expand_as(x),
}


@pytest.mark.parametrize("layout_t", LAYOUTS)
@pytest.mark.parametrize("layout_s", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradient_equal_the_plain_form_in_any_layout(shape, layout_s, layout_t, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 48)  # several blocks, the last one ragged; a row may be larger than that
    s, t = LAYOUTS[layout_s](maps(*shape, seed=1)).requires_grad_(), LAYOUTS[layout_t](maps(*shape, seed=2))
    c = maps(shape[1], seed=3)
    value, expected = sum_of_squares(scaled_difference, s, t, c), plain(s, t, c)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    ours, theirs = (torch.autograd.grad(3 * x, s)[0] for x in (value, expected))
    torch.testing.assert_close(ours, theirs)


def test_large_maps_are_walked_in_blocks_and_small_rows_share_one(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    sizes = []

    def note(s, t, *, out):
        sizes.append(s.numel())
        torch.sub(s, t, out=out)

    s = torch.randn(3, 8, 100, 100)
    value = sum_of_squares(note, s, torch.zeros_like(s))
    assert sizes == [130_000, 110_000]  # 13 rows of 10,000 fit into 2^17
    assert value.item() == pytest.approx(s.double().square().sum().item(), rel=1e-6)


def test_without_a_gradient_nothing_is_kept():
    s, t = maps(2, 3, 4, 4, seed=1), maps(2, 3, 4, 4, seed=2)
    c = torch.zeros(3, dtype=torch.float64)
    with torch.no_grad():
        quiet = sum_of_squares(scaled_difference, s.clone().requires_grad_(), t, c)
    assert not quiet.requires_grad and not sum_of_squares(scaled_difference, s, t, c).requires_grad
    assert quiet.item() == pytest.approx(plain(s, t, c).item(), rel=1e-12)


def test_a_graph_may_be_walked_back_twice_but_has_no_second_derivative():
    s, t, c = maps(2, 3, 4, 4, seed=1).requires_grad_(), maps(2, 3, 4, 4, seed=2), maps(3)
    value = sum_of_squares(scaled_difference, s, t, c)
    first, second = (torch.autograd.grad(value, s, torch.tensor(2.0).double(), retain_graph=True)[0] for _ in "12")
    assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(value, s, create_graph=True)


class Allocations(TorchDispatchMode):
    """The dtypes and sizes of all that operations return while it is on, views aside."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        old = {x.untyped_storage().data_ptr() for x in torch.utils._pytree.tree_leaves((args, kwargs)) if is_tensor(x)}
        for x in torch.utils._pytree.tree_leaves(result):
            if is_tensor(x) and x.untyped_storage().data_ptr() not in old:
                self.made.append((x.dtype, x.numel()))
        return result


def is_tensor(x):
    return isinstance(x, torch.Tensor) and x.device.type == "cpu"


@pytest.mark.parametrize("name", ["ab", "ofd"])
def test_two_maps_are_allocated_and_no_mask(name, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 512 // torch.get_num_threads())
    shape = (4, 8, 16, 16)
    s, t = torch.randn(shape, requires_grad=True), torch.randn(shape)
    loss = ABLoss([shape[1:]], [shape[1:]]) if name == "ab" else OFDLoss([shape[1:]], [-torch.ones(8)])
    loss.connectors = torch.nn.ModuleList([torch.nn.Identity()])
    with Allocations() as seen:
        torch.autograd.grad(loss([s], [t]), s)
    assert sum(size == s.numel() for _, size in seen.made) == 2  # what the forward pass keeps, and the gradient
    assert all(size <= 512 for _, size in seen.made if size != s.numel())
    assert all(size == 1 for dtype, size in seen.made if dtype == torch.bool)
