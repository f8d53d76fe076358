"""The fast forms of AB and OFD against the plain ones: memory layouts, what is kept, and the way back."""

import pytest
import torch

from kd_teach.methods import ab, ofd
from kd_teach.methods._fast import ab as fast_ab
from kd_teach.methods._fast import ofd as fast_ofd

M = torch.tensor([-0.3, -0.9, 0.0, -1.5, -0.1], dtype=torch.float64)
FORMS = {"ab": (ab.ab, fast_ab.ab, 0.7), "ofd": (ofd.ofd, fast_ofd.ofd, M)}
LAYOUTS = {
    "contiguous": torch.Tensor.contiguous,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "batch innermost": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "every other entry": lambda x: torch.stack([x, x], dim=-1)[..., 0],
    "expanded": lambda x: x[:1].expand_as(x),
}


def maps(seed):
    """Some of them exactly on a boundary, or where no margin reaches."""
    x = torch.randn(3, 5, 4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.where(x.abs() < 0.2, 0 * x, x)


@pytest.mark.parametrize("layout_t", LAYOUTS)
@pytest.mark.parametrize("layout_s", LAYOUTS)
@pytest.mark.parametrize("name", FORMS)
def test_value_and_gradient_equal_the_plain_form_in_any_layout(name, layout_s, layout_t):
    plain, fast, constant = FORMS[name]
    s, t = LAYOUTS[layout_s](maps(1)).requires_grad_(), LAYOUTS[layout_t](maps(2))
    before = s.detach().clone(), t.clone()
    value, expected = fast(s, t, constant), plain(s, t, constant)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(*(torch.autograd.grad(3 * x, s)[0] for x in (value, expected)))
    assert torch.equal(s, before[0]) and torch.equal(t, before[1])


@pytest.mark.parametrize("name", FORMS)
def test_one_map_waits_for_the_backward_pass_and_no_mask(name):
    _, fast, constant = FORMS[name]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        fast(maps(1).requires_grad_(), maps(2), constant)
    assert [(x.dtype, x.numel()) for x in kept if x.numel() > 1] == [(torch.float64, maps(1).numel())]


@pytest.mark.parametrize("name", FORMS)
def test_a_graph_may_be_walked_back_twice_but_has_no_second_derivative(name):
    _, fast, constant = FORMS[name]
    s = maps(1).requires_grad_()
    value = fast(s, maps(2), constant)
    first, second = (torch.autograd.grad(value, s, retain_graph=True)[0] for _ in "12")
    assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(value, s, create_graph=True)
