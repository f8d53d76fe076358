"""The overhaul's distance and margins against their equations, and where the margins come from."""

import math
from itertools import product

import pytest
import torch
from torch import nn

from kd_teach import Distiller, create_model
from kd_teach.methods.ofd import OFDLoss, batch_margin, bn_margin, partial_distance
from tests.helpers import tiny_data
from tests.methods.loops import chain_by_loops, with_offsets


def maps(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def norm(bias, weight):
    bn = nn.BatchNorm2d(len(bias)).double()
    with torch.no_grad():
        bn.bias.copy_(torch.tensor(bias)), bn.weight.copy_(torch.tensor(weight))
    return bn


def double(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def without_connectors(loss):
    loss.connectors = nn.ModuleList(nn.Identity() for _ in loss.connectors)
    return loss


def by_loops(s, t, m):
    """1/N sum of d(S, max(t, m)), one entry at a time."""
    total = 0.0
    for n, c, y, x in product(*map(range, s.shape)):
        target = max(t[n, c, y, x], m[c])
        if not s[n, c, y, x] <= target <= 0:
            total = total + (s[n, c, y, x] - target) ** 2 / len(s)
    return total


LOOPS = {"paper": by_loops, "batch": by_loops}


def mean_of_negatives(t, c):
    negatives = [x for x in t[:, c].flatten().tolist() if x < 0]
    return sum(negatives) / len(negatives) if negatives else 0.0


SHAPES_S = [(3, 3, 5), (4, 2, 3), (5, 1, 2)]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("variant", ["paper", "batch"])
@pytest.mark.parametrize(("n", "channels_t"), [(1, (3, 4, 5)), (7, (6, 4, 10))])
def test_equals_the_equation_in_loops(n, channels_t, variant, layout):
    p_s = [maps(n, *shape, seed=1) for shape in SHAPES_S]
    p_t = [maps(n, c, *shape[1:], seed=2) for c, shape in zip(channels_t, SHAPES_S, strict=True)]
    margins = [-maps(c, seed=3).abs() for c in channels_t]
    loss = with_offsets(OFDLoss(SHAPES_S, margins, variant=variant).double())
    connected = [double(chain_by_loops(r, s.tolist())) for r, s in zip(loss.connectors, p_s, strict=True)]
    if variant == "batch":
        margins = [double([mean_of_negatives(t, c) for c in range(t.shape[1])]) for t in p_t]
    stages = [LOOPS[variant](s, t, m).item() for s, t, m in zip(connected, p_t, margins, strict=True)]
    weights = [1 / t[0].numel() for t in p_t] if variant == "batch" else (1 / 4, 1 / 2, 1)
    expected = sum(weight * stage for weight, stage in zip(weights, stages, strict=True))
    p_s, p_t = ([x.contiguous(memory_format=layout) for x in side] for side in (p_s, p_t))
    assert loss(p_s, p_t).item() == pytest.approx(expected, rel=1e-9)


CASES = [(0.5, -2.0, 2.25), (-3.0, -2.0, 0.0), (-0.5, -0.2, 0.0), (0.1, -0.2, 0.09), (-1.0, 1.0, 4.0)]
CASES += [(-1.0, 0.0, 0.0), (-1.0, -0.0, 0.0), (0.5, 0.0, 0.25), (-1.0, -2.0, 0.0), (-0.9, -2.0, 0.01)]


@pytest.mark.parametrize(("s", "t", "value"), CASES)
def test_hand_values_at_a_margin_of_minus_one(s, t, value):
    x = torch.full((1, 1, 1, 1), s, dtype=torch.float64, requires_grad=True)
    loss = without_connectors(OFDLoss([(1, 1, 1)], [torch.tensor([-1.0]).double()]))
    result = loss([x], [torch.full_like(x, t)])
    assert result.item() == pytest.approx(value)
    assert partial_distance(x, torch.tensor(max(t, -1.0))).item() == pytest.approx(value)
    slope = 2 * (s - max(t, -1.0)) if value else 0.0
    assert torch.autograd.grad(result, x)[0].item() == pytest.approx(slope)


MARGINS = [(0, 1, -0.797885), (0.5, 1, -0.641078), (-1, 0.5, -1.027624), (2, 1, -0.373216), (0, -2, -1.595769)]


@pytest.mark.parametrize(("bias", "weight", "margin"), MARGINS)
def test_margins_by_hand(bias, weight, margin):
    assert bn_margin(norm([bias], [weight])).item() == pytest.approx(margin, abs=5e-7)


@pytest.mark.parametrize("ratio", [-6.0, -1.5, 0.3, 2.0, 3.0, 3.2, 8.0, 25.0])
def test_margin_is_the_mean_of_the_negative_part_of_a_gaussian(ratio):
    """By adding up density and density times x below 0, in 200,000 steps."""
    s = 0.7
    edge = min(0.0, ratio * s) - 12 * s
    x = torch.linspace(edge, 0.0, 200_001, dtype=torch.float64)
    density = (-((x / s - ratio) ** 2 - max(ratio, 0.0) ** 2) / 2).exp()  # the largest is 1: nothing underflows
    expected = torch.trapezoid(x * density, x) / torch.trapezoid(density, x)
    assert bn_margin(norm([ratio * s], [s])).item() == pytest.approx(expected.item(), rel=1e-6)


def test_margin_and_batch_margin_agree_on_samples():
    bias, weight = [0.5, -1.0, 1.5], [1.0, 0.5, 2.0]
    x = torch.tensor(bias)[:, None, None] + torch.tensor(weight)[:, None, None] * maps(64, 3, 32, 32)
    torch.testing.assert_close(batch_margin(x), bn_margin(norm(bias, weight)), atol=0.01, rtol=0)


def test_margin_has_no_jump_and_no_division_by_zero():
    ratio = torch.linspace(-50, 2000, 41_001).double()
    margin = bn_margin(norm(ratio.tolist(), [1.0] * len(ratio)))
    assert (margin < 0).all() and (margin.diff() > 0).all()  # the authors' code jumps from -0.28 to -3 at 3.09
    assert margin.diff().max() < 0.06
    # -1/x + 2/x^3 far out, where phi and Phi are both 0 in floating point
    assert margin[-1].item() == pytest.approx(-1 / 2000 + 2 / 2000**3, rel=1e-6)
    dead = bn_margin(norm([-2.0, 0.0, 3.0, 1.0], [0.0, 0.0, 0.0, 1e-20]))
    assert dead.tolist() == pytest.approx([-2.0, 0.0, 0.0, 0.0])
    assert (dead <= 0).all()
    assert (bn_margin(norm([1e9, -1e9, 1e30], [1.0, 1.0, 1e-30])) <= 0).all()


def test_margin_of_a_norm_without_weights_is_the_standard_one():
    assert bn_margin(nn.BatchNorm2d(3, affine=False)).tolist() == pytest.approx([-math.sqrt(2 / math.pi)] * 3)


def test_batch_margin_of_a_channel_without_negatives_is_zero():
    t = maps(3, 2, 4, 4)
    t[:, 0] = t[:, 0].abs()
    assert batch_margin(t).tolist() == pytest.approx([0.0, mean_of_negatives(t, 1)])
    assert batch_margin(t.relu()).tolist() == [0.0, 0.0]


def test_entries_that_are_left_in_peace_get_no_gradient():
    s, t, m = maps(2, 3, 4, 4, seed=1).requires_grad_(), maps(2, 3, 4, 4, seed=2), torch.tensor([-0.3, -0.8, -1.5])
    loss = without_connectors(OFDLoss([(3, 4, 4)], [m]).double())
    (slope,) = torch.autograd.grad(loss([s], [t]), s)
    target = torch.maximum(t, m.double()[:, None, None])
    ignored = (target <= 0) & (s <= target)
    assert 0 < ignored.sum() < ignored.numel()
    torch.testing.assert_close(slope, torch.where(ignored, 0.0, 2 * (s - target) / len(s)).detach())


def test_zero_where_positive_targets_are_met_and_the_rest_lies_low():
    t = maps(2, 3, 4, 4)
    loss = without_connectors(OFDLoss([(3, 4, 4)], [torch.tensor([-0.5] * 3).double()]))
    met = torch.where(t > 0, t, t.clamp(min=-0.5))
    assert loss([met], [t]).item() == 0
    assert loss([torch.where(t > 0, t, met - maps(2, 3, 4, 4, seed=1).abs())], [t]).item() == 0
    assert loss([met + 0.1], [t]).item() == pytest.approx(0.01 * 48)


def test_positive_targets_are_plain_squares():
    s, t = maps(2, 3, 4, 4, seed=1), maps(2, 3, 4, 4, seed=2).abs()
    loss = without_connectors(OFDLoss([(3, 4, 4)], [torch.tensor([-1.0] * 3)]))
    assert loss([s], [t]).item() == pytest.approx(((s - t) ** 2).sum().item() / 2)


def test_scales_of_the_variants():
    """Per stage the authors' 1/1000 is a mean times 16.384 on resnet32x4's maps, 4.096 on resnet20's."""
    for width, ratio in ((64, 16.384), (16, 4.096)):
        shapes = [(width, 32, 32), (2 * width, 16, 16), (4 * width, 8, 8)]
        margins = [torch.full((c,), -1.0) for c, *_ in shapes]
        p_s, p_t = [torch.zeros(1, *shape) for shape in shapes], [torch.ones(1, *shape) for shape in shapes]
        paper, batch = (without_connectors(OFDLoss(shapes, margins, variant=v)) for v in ("paper", "batch"))
        assert [x.item() / 1000 for x in paper.per_stage(p_s, p_t)] == pytest.approx([ratio] * 3)
        assert [x.item() for x in batch.per_stage(p_s, p_t)] == pytest.approx([1.0] * 3)


@pytest.mark.parametrize(("size_s", "size_t"), [((4, 6), (2, 3)), ((2, 3), (4, 6))])
def test_the_larger_grid_is_pooled(size_s, size_t):
    s, t, m = maps(3, 2, *size_s, seed=1), maps(3, 2, *size_t, seed=2), torch.tensor([-0.1, -0.2])
    pooled = [x.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5)) if x.shape[2] == 4 else x for x in (s, t)]
    loss = without_connectors(OFDLoss([(2, *size_s)], [m]).double())
    assert loss([s], [t]).item() == pytest.approx(by_loops(*pooled, m.double()).item(), rel=1e-6)


def test_connectors_stand_at_every_stage_and_margins_travel_with_the_loss():
    loss = OFDLoss([(3, 4, 4), (5, 2, 2)], [-torch.ones(3), -torch.ones(7)])
    assert [conv.weight.shape for conv, _ in loss.connectors] == [(3, 3, 1, 1), (7, 5, 1, 1)]
    assert all(conv.bias is None and isinstance(bn, nn.BatchNorm2d) for conv, bn in loss.connectors)
    assert {"margin_0", "margin_1"} <= loss.state_dict().keys()
    assert all(margin.dtype == torch.float64 for margin in loss.double().margins())


def test_float32_agrees_with_float64_on_large_maps():
    shape = (64, 32, 32)
    s, t, m = torch.randn(5, *shape), torch.randn(5, *shape), -torch.rand(64)
    loss = without_connectors(OFDLoss([shape], [m]))
    value = loss([s], [t]).item()
    assert value == pytest.approx(loss.double()([s.double()], [t.double()]).item(), rel=1e-6)


@pytest.mark.parametrize("teacher", ["wrn_16_2", "resnet14"])
def test_the_recipe_reads_the_teachers_norms(teacher):
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model(teacher, 3)
    for bn in teacher.preact_norms():
        nn.init.normal_(bn.bias), nn.init.normal_(bn.weight)
    run = Distiller("ofd", student=student, teacher=teacher, data=tiny_data(16))
    for margin, bn in zip(run.loss.margins(), teacher.preact_norms(), strict=True):
        assert torch.equal(margin, bn_margin(bn)) and (margin < 0).any()
    assert all(phase.teacher_mode == "eval" for phase in run.phases())


def test_a_teacher_without_statistics_is_refused_but_may_use_batch_margins():
    data = tiny_data(16)
    student, teacher = create_model("resnet8", 3), create_model("shufflenet_v2", 3)
    with pytest.raises(ValueError, match=r"OFD reads its margins.*ShuffleNet V2.*variant='batch'") as caught:
        Distiller("ofd", student=student, teacher=teacher, data=data)
    assert "\n" not in str(caught.value)
    assert Distiller("ofd", student=student, teacher=teacher, data=data, variant="batch").loss.variant == "batch"


def test_bad_input():
    m = -torch.ones(5)
    with pytest.raises(ValueError, match=r"Unknown variant of OFDLoss 'bach'. Did you mean 'batch'"):
        OFDLoss([(3, 8, 8)], [m], variant="bach")
    for shapes, margins in (([], []), ([(3, 8, 8)], [m, m])):
        with pytest.raises(ValueError, match="the same number, at least one"):
            OFDLoss(shapes, margins)
    for margin in (-m, m[None], torch.full((5,), math.nan)):
        with pytest.raises(ValueError, match=r"margins of stage 0.*expected one number <= 0 per channel"):
            OFDLoss([(3, 8, 8)], [margin])
    with pytest.raises(ValueError, match=r"\(4, 5\).*built for.*\(3, 5\)"):
        OFDLoss([(3, 2, 2)], [m])([torch.rand(2, 4, 2, 2)], [torch.rand(2, 5, 2, 2)])
    with pytest.raises(ValueError, match=r"\(3, 6\).*built for.*\(3, 5\)"):
        OFDLoss([(3, 2, 2)], [m])([torch.rand(2, 3, 2, 2)], [torch.rand(2, 6, 2, 2)])
    with pytest.raises(TypeError, match="not from a Conv2d"):
        bn_margin(nn.Conv2d(3, 3, 1))


@pytest.mark.parametrize("which", ["student", "teacher"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_single_nan_is_found_wherever_the_target_is(which, value, sign):
    p = {"student": [maps(2, 3, 2, 2).float()], "teacher": [sign * maps(2, 5, 2, 2, seed=1).abs().float()]}
    p[which][0][1, 2, 0, 1] = value
    with pytest.raises(ValueError, match=rf"The {which}'s features hold 1 NaN or infinite"):
        OFDLoss([(3, 2, 2)], [-torch.ones(5)])(p["student"], p["teacher"])
