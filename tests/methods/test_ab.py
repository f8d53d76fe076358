"""Activation boundaries against their equation, the sides of a boundary, and the two phases."""

from itertools import product

import pytest
import torch
from torch import nn

from kd_teach import Distiller, Settings, create_model, train
from kd_teach.methods.ab import RECIPE, ABLoss, sign_agreement
from tests.helpers import same_weights, tiny_data
from tests.methods.loops import chain_by_loops, with_offsets


def maps(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def double(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def by_loops(s, t, mu):
    """1/N sum of max(0, mu -+ s)^2, one neuron at a time."""
    total = 0.0
    for place in product(*map(range, s.shape)):
        wrong = mu - s[place] if t[place] > 0 else mu + s[place]
        if wrong > 0:
            total = total + wrong**2 / len(s)
    return total


LOOPS = {"paper": by_loops, "repdistiller": by_loops}
WEIGHTS = {"paper": [1, 1, 1], "repdistiller": [0.003 / 4, 0.003 / 2, 0.003]}


@pytest.mark.parametrize("variant", WEIGHTS)
@pytest.mark.parametrize("margin", [1.0, 0.4])
@pytest.mark.parametrize(("n", "channels_t"), [(1, (3, 4, 5)), (7, (3, 4, 5)), (7, (6, 4, 10)), (1, (2, 3, 7))])
def test_equals_the_equation_in_loops(n, channels_t, margin, variant):
    shapes_s = [(3, 3, 5), (4, 2, 3), (5, 1, 2)]
    shapes_t = [(c, *shape[1:]) for c, shape in zip(channels_t, shapes_s, strict=True)]
    p_s = [maps(n, *shape, seed=1) for shape in shapes_s]
    p_t = [maps(n, *shape, seed=2) for shape in shapes_t]
    loss = with_offsets(ABLoss(shapes_s, shapes_t, margin=margin, variant=variant).double())
    connected = [double(chain_by_loops([r], s.tolist())) for r, s in zip(loss.connectors, p_s, strict=True)]
    stages = zip(WEIGHTS[variant], connected, p_t, strict=True)
    expected = sum(weight * LOOPS[variant](s, t, margin) for weight, s, t in stages)
    assert loss(p_s, p_t).item() == pytest.approx(expected.item(), rel=1e-9)


STEPS = (-2.0, -0.5, 0.0, 0.5, 2.0)
SIDES = {"fires": (1.0, (9, 2.25, 1, 0.25, 0)), "silent": (-1.0, (0, 0.25, 1, 2.25, 9))}
SIDES |= {"zero": (0.0, SIDES["silent"][1]), "minus zero": (-0.0, SIDES["silent"][1])}
SIDES |= {"just fires": (1e-300, SIDES["fires"][1]), "just silent": (-1e-300, SIDES["silent"][1])}


@pytest.mark.parametrize(("t", "values"), SIDES.values(), ids=SIDES)
def test_hand_values(t, values):
    loss = ABLoss([(1, 1, 1)], [(1, 1, 1)])
    for s, value in zip(STEPS, values, strict=True):
        x = torch.full((1, 1, 1, 1), s, dtype=torch.float64, requires_grad=True)
        result = loss([x], [torch.full_like(x, t)])
        (slope,) = torch.autograd.grad(result, x)
        assert result.item() == value
        assert slope.item() == (-2 if t > 0 else 2) * value**0.5  # the hinge pulls to the teacher's side


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zeros_of_a_rectified_teacher_are_silent_in_long_float32_rows(zero):
    """Vectorised kernels treat the body and the tail of a row by different code."""
    t = torch.full((1, 3, 5, 7), zero)
    assert ABLoss([(3, 5, 7)], [(3, 5, 7)])([torch.full_like(t, -1.0)], [t]).item() == 0


def test_a_rectified_teacher_draws_the_same_boundaries():
    p_s, p_t = [maps(4, 3, 5, 5, seed=1)], [maps(4, 3, 5, 5, seed=2)]
    loss = ABLoss([(3, 5, 5)], [(3, 5, 5)])
    assert loss(p_s, p_t) == loss(p_s, [p_t[0].relu()]) == loss(p_s, [1000 * p_t[0]])


def test_zero_exactly_where_every_neuron_is_beyond_its_margin():
    t = maps(2, 3, 4, 4)
    loss = ABLoss([(3, 4, 4)], [(3, 4, 4)], margin=0.5)
    right = torch.where(t > 0, 0.5, -0.5).double().requires_grad_()
    value = loss([right], [t])
    assert value.item() == 0 and torch.autograd.grad(value, right)[0].abs().sum() == 0
    short = right.detach().clone()
    short[0, 0, 0, 0] *= 0.99
    assert loss([short], [t]).item() > 0


def test_an_undecided_student_pays_the_squared_margin_per_neuron():
    t = maps(2, 3, 4, 4)
    assert ABLoss([(3, 4, 4)], [(3, 4, 4)], margin=2.0)([0 * t], [t]).item() == 4 * 48


def test_a_rectified_student_keeps_the_squared_margin_of_silent_neurons():
    t = maps(2, 3, 4, 4)
    best = torch.where(t > 0, 5.0, 0.0).double()  # no non-negative map does better
    assert ABLoss([(3, 4, 4)], [(3, 4, 4)])([best], [t]).item() == pytest.approx((t <= 0).sum().item() / 2)


X4 = [(64, 32, 32), (128, 16, 16), (256, 8, 8)]


def test_weights_of_the_variants_meet_on_the_boundary():
    p_s, p_t = [torch.zeros(1, *shape) for shape in X4], [torch.ones(1, *shape) for shape in X4]
    copied = ABLoss(X4, X4, variant="repdistiller")
    assert [term.item() for term in copied.per_stage(p_s, p_t)] == pytest.approx([49.152] * 3)
    assert copied(p_s, p_t).item() == pytest.approx(147.456)
    paper = RECIPE.variants["paper"].weight * ABLoss(X4, X4)(p_s, p_t)
    assert paper.item() == pytest.approx(RECIPE.variants["repdistiller"].weight * 147.456)


def test_float32_agrees_with_float64_on_large_maps():
    p_s, p_t = [torch.randn(3, *shape) for shape in X4], [torch.randn(3, *shape) for shape in X4]
    exact = ABLoss(X4, X4)([s.double() for s in p_s], [t.double() for t in p_t])
    assert ABLoss(X4, X4)(p_s, p_t).item() == pytest.approx(exact.item(), rel=1e-6)


def test_connectors_stand_where_the_sizes_differ():
    paper = ABLoss([(3, 4, 4), (3, 4, 4)], [(3, 4, 4), (5, 4, 4)])
    assert isinstance(paper.connectors[0], nn.Identity)
    conv, norm = paper.connectors[1]
    assert conv.kernel_size == (1, 1) and conv.bias is None and norm.num_features == 5
    copied = ABLoss([(3, 4, 4), (3, 8, 8), (3, 4, 4)], [(3, 4, 4), (3, 4, 4), (5, 4, 4)], variant="repdistiller")
    assert isinstance(copied.connectors[0], nn.Identity)
    assert copied.connectors[1][0].stride == (2, 2) and copied.connectors[2][0].bias is not None
    assert not any(isinstance(layer, nn.ReLU) for layer in copied.modules())


@pytest.mark.parametrize(("size_s", "size_t"), [((4, 6), (2, 3)), ((2, 3), (4, 6))])
def test_unequal_grids_are_compared_on_the_smaller_one(size_s, size_t):
    s, t = maps(3, 2, *size_s, seed=1), maps(3, 2, *size_t, seed=2)
    pooled = [x.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5)) if x.shape[2] == 4 else x for x in (s, t)]
    loss = ABLoss([(2, *size_s)], [(2, *size_t)])
    assert loss([s], [t]).item() == pytest.approx(by_loops(*pooled, 1.0).item(), rel=1e-12)
    assert ABLoss([(2, *size_s)], [(2, *size_t)], variant="repdistiller").double()([s], [t]).isfinite()


def test_sign_agreement_counts_neurons_on_the_same_side():
    s = torch.tensor([1.0, -1.0, 0.0, 0.5]).reshape(1, 4, 1, 1)
    t = torch.tensor([2.0, 1.0, -3.0, -0.1]).reshape(1, 4, 1, 1)
    assert sign_agreement([s, t, -t], [t, 5 * t, t]).tolist() == [0.5, 1.0, 0.0]
    loss = ABLoss([(3, 2, 2)], [(4, 4, 4)])
    agreement = sign_agreement(*loss.connect([torch.randn(2, 3, 2, 2)], [torch.randn(2, 4, 4, 4)]))
    assert agreement.shape == (1,) and 0 <= agreement.item() <= 1
    with pytest.raises(ValueError, match="3 channels in the student and 4 in the teacher"):
        sign_agreement([torch.randn(2, 3, 2, 2)], [torch.randn(2, 4, 2, 2)])


def test_following_the_gradient_puts_all_neurons_on_their_sides():
    s, t = maps(2, 3, 4, 4, seed=1).requires_grad_(), maps(2, 3, 4, 4, seed=2)
    loss = ABLoss([(3, 4, 4)], [(3, 4, 4)])
    assert sign_agreement([s], [t]) < 0.8
    for _ in range(20):
        (slope,) = torch.autograd.grad(loss([s], [t]), s)
        s = (s - 0.5 * slope).detach().requires_grad_()
    assert sign_agreement([s], [t]) == 1


def test_bad_input():
    with pytest.raises(ValueError, match=r"Unknown variant of ABLoss 'papre'. Did you mean 'paper'"):
        ABLoss([(3, 8, 8)], [(5, 8, 8)], variant="papre")
    for margin in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="margin is .* above 0"):
            ABLoss([(3, 8, 8)], [(5, 8, 8)], margin=margin)
    for student, teacher in (([], []), ([(3, 8, 8)], [(3, 8, 8)] * 2)):
        with pytest.raises(ValueError, match="the same number, at least one"):
            ABLoss(student, teacher)
    with pytest.raises(ValueError, match=r"\(4, 5\).*built for.*\(3, 5\)"):
        ABLoss([(3, 2, 2)], [(5, 2, 2)])([torch.rand(2, 4, 2, 2)], [torch.rand(2, 5, 2, 2)])
    with pytest.raises(ValueError, match="1 feature maps and the teacher 2"):
        ABLoss([(3, 2, 2)], [(3, 2, 2)])([torch.rand(2, 3, 2, 2)], [torch.rand(2, 3, 2, 2)] * 2)


def distiller(data, **options):
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("wrn_16_2", 3).eval()
    return Distiller("ab", student=student, teacher=teacher, data=data, **options)


@pytest.mark.parametrize("variant", WEIGHTS)
def test_first_phase_moves_body_and_connectors_the_second_the_student_alone(variant):
    data = tiny_data(16)
    run, start = distiller(data, variant=variant), distiller(data, variant=variant)
    records = train(run, data, Settings(epochs=4, batch_size=8, device="cpu"))
    first = next(records)
    assert first.phase == "initialise" and set(first.terms) == {"distil"}
    for part in ("stem", "stages"):
        assert not same_weights(getattr(run.student, part), getattr(start.student, part))
    assert not same_weights(run.loss, start.loss) and same_weights(run.student.classifier, start.student.classifier)

    connectors = {name: value.clone() for name, value in run.loss.state_dict().items()}
    rest = list(records)
    assert [record.phase for record in rest] == ["task"] * 3 and set(rest[-1].terms) == {"task"}
    assert not same_weights(run.student.classifier, start.student.classifier)
    assert all(torch.equal(value, connectors[name]) for name, value in run.loss.state_dict().items())
    assert same_weights(run.teacher, start.teacher)


def test_the_last_norm_of_a_wide_student_learns_in_the_first_phase():
    data = tiny_data(16)
    student, teacher = create_model("wrn_16_1", 3), create_model("wrn_16_2", 3).eval()
    run = Distiller("ab", student=student, teacher=teacher, data=data)
    moving = {id(p) for module in run.phases()[0].trains for p in module.parameters()}
    assert all(id(p) in moving for p in student.norm.parameters())
    assert not any(id(p) in moving for p in student.classifier.parameters())
