"""What must hold for the loss of every method and variant, on made-up features."""

import math

import pytest
import torch

from kd_teach.methods import (
    angles,
    attention_map,
    correlation_matrix,
    distance_ratios,
    fsp_matrix,
    neighbour_probabilities,
    similarity_matrix,
)
from tests.methods.losses import EVERY, Case, case, each, features, gradients, like, tensors

every = pytest.mark.parametrize(("method", "variant"), EVERY)
staged = pytest.mark.parametrize(
    ("method", "variant"), [pair for pair in EVERY if hasattr(case(*pair).loss, "per_stage")]
)


@every
def test_gradcheck(method, variant):
    made = case(method, variant, n=4)
    _, grads = gradients(made)
    scale = 1 / max(grad.abs().max() for grad in grads)  # else a small gradient would pass with any factor
    leaves = [x.detach().clone().requires_grad_() for x in tensors(made.s)]
    assert torch.autograd.gradcheck(lambda *parts: scale * made(like(made.s, list(parts))), leaves, fast_mode=True)


@every
def test_gradients_reach_the_student_and_never_the_teacher(method, variant):
    made = case(method, variant)
    s, t = (each(tap, lambda x: x.clone().requires_grad_()) for tap in (made.s, made.t))
    made(s, t).backward()
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in tensors(s))
    assert all(x.grad is None for x in tensors(t))


learnt = pytest.mark.parametrize(("method", "variant"), [pair for pair in EVERY if list(case(*pair).loss.parameters())])
CANCELLED = {  # a batch norm takes the mean away, and with it the bias of the layer in front
    ("fitnet", "repdistiller"): {"regressor.0.bias"},
    ("ab", "repdistiller"): {f"connectors.{stage}.0.bias" for stage in range(3)},
    ("ft", "repdistiller"): {f"translate.{layer}.bias" for layer in (0, 3, 6)},
}


@learnt
def test_one_step_moves_every_parameter_but_biases_that_a_batch_norm_cancels(method, variant):
    made = case(method, variant)
    parameters = dict(made.loss.named_parameters())
    before = {name: p.detach().clone() for name, p in parameters.items()}
    value = made()
    if method == "ft":  # no gradient of the loss itself reaches `encode` and `decode`
        value = value + made.loss.reconstruct(made.t)
    value.backward()
    torch.optim.SGD(made.loss.parameters(), lr=0.1).step()
    pulled = {name for name, p in parameters.items() if p.grad.abs().max() > 1e-12}
    assert parameters.keys() - pulled == CANCELLED.get((method, variant), set())
    assert not any(torch.equal(parameters[name], before[name]) for name in pulled)


@every
def test_the_value_is_one_number_and_the_same_again(method, variant):
    made = case(method, variant)
    value = made()
    assert value.ndim == 0 and value.dtype == torch.float64 and math.isfinite(value.item())
    assert made().item() == pytest.approx(value.item(), rel=1e-12)


@staged
def test_stages_add_up_to_the_loss(method, variant):
    made = case(method, variant)
    stages = made.loss.per_stage(made.s, made.t)
    assert all(stage.ndim == 0 for stage in stages)
    assert sum(stages).item() == pytest.approx(made().item(), rel=1e-9)


def zero_row(x):
    return torch.cat([torch.zeros_like(x[:1]), x[1:]])


def dead_channel(x):
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, 1:]], dim=1)


NASTY = {
    "zeros": torch.zeros_like,
    "a zero row": zero_row,
    "a dead channel": dead_channel,
    "identical samples": lambda x: x[:1].expand_as(x).clone(),
    "two identical samples": lambda x: torch.cat([x[:1], x[:1], x[2:]]),
    "saturated": lambda x: 1e4 * x.sign(),
    "tiny": lambda x: 1e-30 * x,
}


@pytest.mark.parametrize("which", ["student", "teacher", "both"])
@pytest.mark.parametrize("nasty", NASTY)
@every
def test_finite_value_and_gradient_at_nasty_points(method, variant, nasty, which):
    made = case(method, variant)
    made.loss.float()
    s = each(made.s, NASTY[nasty] if which != "teacher" else torch.clone)
    t = each(made.t, NASTY[nasty] if which != "student" else torch.clone)
    value, grads = gradients(made, each(s, torch.Tensor.float), each(t, torch.Tensor.float))
    assert value.isfinite() and all(grad.isfinite().all() for grad in grads)
    if nasty != "saturated":  # no spike: plain or clamped division at a zero row would send 1e12 and more
        assert max(grad.abs().max() for grad in grads) < 1e8


@every
def test_the_smallest_batch_is_finite(method, variant):
    smallest = next(n for n in range(1, 5) if not refuses(method, variant, n))
    value, grads = gradients(case(method, variant, n=smallest))
    assert value.isfinite() and all(grad.isfinite().all() for grad in grads)


def refuses(method, variant, n):
    """Whether a batch of n is too small; if so, the error must say how many are needed."""
    made = case(method, variant)
    try:
        made(*(each(tap, lambda x: x[:n]) for tap in (made.s, made.t)))
    except ValueError as error:
        assert "at least" in str(error)
        return True
    return False


def halved(made, half):
    """Four times the taps of a case in half precision, its loss in float32."""
    made.loss.float()
    return (each(tap, lambda x: (4 * x).to(half)) for tap in (made.s, made.t))


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@every
def test_half_precision_is_computed_in_float32(method, variant, half):
    made = case(method, variant)
    s, t = halved(made, half)
    value, grads = gradients(made, s, t)
    expected, _ = gradients(made, *(each(tap, torch.Tensor.float) for tap in (s, t)))
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(grad.dtype == half and grad.isfinite().all() for grad in grads)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert made(s, t).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@staged
def test_the_stages_of_half_precision_too_are_computed_in_float32(method, variant, half):
    made = case(method, variant)
    s, t = halved(made, half)
    expected = [stage.item() for stage in made.loss.per_stage(each(s, torch.Tensor.float), each(t, torch.Tensor.float))]
    stages = made.loss.per_stage(s, t)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        stages += made.loss.per_stage(s, t)
    assert all(stage.dtype == torch.float32 for stage in stages)
    assert [stage.item() for stage in stages] == pytest.approx(2 * expected, rel=1e-5)


SINGLE, DOUBLE = torch.float32, torch.float64


@pytest.mark.parametrize(("student", "teacher"), [(DOUBLE, DOUBLE), (DOUBLE, SINGLE), (SINGLE, DOUBLE)])
@every
def test_other_formats_than_the_loss_has_are_cast_in_one_place(method, variant, student, teacher):
    made = case(method, variant)
    made.loss.float()
    value, grads = gradients(made, each(made.s, lambda x: x.to(student)), each(made.t, lambda x: x.to(teacher)))
    learns = any(x.is_floating_point() for x in (*made.loss.parameters(), *made.loss.buffers()))
    assert value.dtype == (SINGLE if learns else DOUBLE)
    assert all(grad.dtype == student for grad in grads)
    expected = made(each(made.s, torch.Tensor.float), each(made.t, torch.Tensor.float))
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)


@every
def test_gradients_beyond_float16_saturate(method, variant):
    made = case(method, variant)
    made.loss.float()
    s, t = (each(tap, lambda x: (3e4 * x.clamp(-2, 2)).half()) for tap in (made.s, made.t))
    value, grads = gradients(made, s, t)
    assert value.isfinite() and all(grad.isfinite().all() for grad in grads)


HELPERS = {
    "attention_map": attention_map,
    "fsp_matrix": lambda f: fsp_matrix(f, f.flip(3)),
    "similarity_matrix": similarity_matrix,
    "correlation_matrix": lambda f: correlation_matrix(f.flatten(1)),
    "neighbour_probabilities": lambda f: neighbour_probabilities(f.flatten(1)),
    "distance_ratios": lambda f: distance_ratios(f.flatten(1)),
    "angles": lambda f: angles(f.flatten(1)),
}


@pytest.mark.parametrize("helper", HELPERS)
def test_the_parts_that_are_exported_take_half_precision_too(helper):
    f = torch.full((3, 4, 64, 64), 2.0, dtype=torch.float16)  # an inner product of 16,384 such numbers is 65,536
    f[1, :2], f[2, 1:] = 0.5, 600
    result = HELPERS[helper](f)
    assert result.dtype == torch.float32 and result.isfinite().all()
    assert torch.equal(result, HELPERS[helper](f.float()))


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def every_other_entry(x):
    return torch.stack([x, x], dim=-1)[..., 0]


def batch_innermost(x):
    return x.movedim(0, -1).contiguous().movedim(-1, 0)


LAYOUTS = [
    (channels_last, torch.clone),
    (torch.clone, channels_last),
    (every_other_entry, batch_innermost),
    (batch_innermost, every_other_entry),
]


@pytest.mark.parametrize(("layout_s", "layout_t"), LAYOUTS)
@every
def test_memory_layout_makes_no_difference(method, variant, layout_s, layout_t):
    made = case(method, variant)
    value, grads = gradients(made)
    other_value, other_grads = gradients(made, each(made.s, layout_s), each(made.t, layout_t))
    assert other_value.item() == pytest.approx(value.item(), rel=1e-10)
    for grad, other in zip(grads, other_grads, strict=True):
        torch.testing.assert_close(other, grad)


def nan(x):
    x = x.clone()
    x.view(-1)[3] = math.nan
    return x


BAD = {
    "NaN": (nan, ValueError, "1 NaN or infinite"),
    "wrong rank": (lambda x: x[0], ValueError, "dimensions"),
    "empty": (lambda x: x[:0], ValueError, "empty"),
    "integers": (lambda x: x.long(), TypeError, r"\.float\(\)"),
    "another batch size": (lambda x: x[:-1], ValueError, "different batches"),
    "no tensor": (lambda x: x.tolist(), (TypeError, ValueError), "expected"),
}


@pytest.mark.parametrize("which", ["student", "teacher"])
@pytest.mark.parametrize("bad", BAD)
@every
def test_bad_input_gets_one_clear_error(method, variant, bad, which):
    change, error, says = BAD[bad]
    made = case(method, variant)
    s, t = (each(made.s, change), made.t) if which == "student" else (made.s, each(made.t, change))
    with pytest.raises(error, match=says) as caught:
        made(s, t)
    assert (which in str(caught.value)) or bad == "another batch size"


@pytest.mark.parametrize("which", ["student", "teacher"])
@staged
def test_the_stages_too_name_a_nan(method, variant, which):
    made = case(method, variant)
    s, t = (each(made.s, nan), made.t) if which == "student" else (made.s, each(made.t, nan))
    with pytest.raises(ValueError, match=f"The {which}'s features hold 1 NaN or infinite"):
        made.loss.per_stage(s, t)


@learnt
def test_other_channels_than_the_learnt_parts_were_built_for_are_refused(method, variant):
    made = case(method, variant)
    wrong = each(made.s, lambda x: torch.cat([x, x[:, :1]], dim=1))
    with pytest.raises(ValueError, match=r"(?s)\d.*\d"):  # both numbers are named
        made(wrong)


@pytest.mark.parametrize(("method", "variant"), [pair for pair in EVERY if pair[1] != "paper"])
def test_an_unknown_variant_gets_the_list(method, variant):
    with pytest.raises(ValueError, match=rf"Unknown variant .*Known: .*{variant}"):
        Case(method, variant + "x", features(1), features(2))
