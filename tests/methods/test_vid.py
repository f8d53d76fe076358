"""VID against its equation, what the variances must learn, and that nothing hides them from the optimiser."""

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach import Distiller, Settings, create_model, train
from kd_teach.methods.vid import VARIANTS, VIDLoss
from kd_teach.training.settings import make_optimizer
from tests.helpers import tiny_data
from tests.methods.loops import chain_by_loops, with_offsets

variants = pytest.mark.parametrize("variant", ["paper", "repdistiller"])


def maps(n, c, h, w, seed=0):
    return torch.randn(n, c, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def one_stage(c_s, c_t, variant, *, variance=None):
    """A loss in float64 on one stage; its sigma^2, one number or (c_t,), is set through alpha if given."""
    torch.manual_seed(0)
    loss = VIDLoss([(c_s, 3, 5)], [(c_t, 3, 5)], variant=variant).double()
    if variance is not None:
        above = torch.as_tensor(variance, dtype=torch.float64) - VARIANTS[variant]["floor"]
        with torch.no_grad():
            loss.stages[0].alpha.copy_(above.expm1().log().expand(c_t))
    return loss


# --- the equation, one number at a time ------------------------------------------------------------------------------


def vid_by_loops(mu, f_t, variance):
    """1/(N C H W) sum_nchw [ log sigma_c + (t - mu)^2 / (2 sigma_c^2) ]."""
    total = 0.0
    for n, c, y, x in product(*map(range, f_t.shape)):
        sigma = variance[c].sqrt()
        total += sigma.log() + (f_t[n, c, y, x] - mu[n][c][y][x]) ** 2 / (2 * sigma**2)
    return total / f_t.numel()


LOOPS = dict.fromkeys(VARIANTS, vid_by_loops)


def by_loops(stage, floor, f_s, f_t):
    """What is learnt taken to pieces as well."""
    sigma2 = [math.log(1 + math.exp(alpha)) + floor for alpha in stage.alpha.tolist()]
    variance = torch.tensor(sigma2, dtype=torch.float64)
    return vid_by_loops(chain_by_loops(stage.mean, f_s.tolist()), f_t, variance).item()


@variants
@pytest.mark.parametrize(("n", "size"), [(1, (3, 5)), (7, (2, 3))])
def test_equals_the_equation_in_loops(variant, n, size):
    channels = [(3, 5), (4, 2)]
    f_s = [maps(n, c, *size, seed=i) for i, (c, _) in enumerate(channels)]
    f_t = [maps(n, c, *size, seed=9 + i) for i, (_, c) in enumerate(channels)]
    loss = VIDLoss([f.shape[1:] for f in f_s], [f.shape[1:] for f in f_t], variant=variant).double()
    with_offsets(loss)  # also another variance in every channel
    floor = {"paper": 1e-2, "repdistiller": 1e-5}[variant]
    expected = [by_loops(stage, floor, s, t) for stage, s, t in zip(loss.stages, f_s, f_t, strict=True)]
    assert [term.item() for term in loss.per_stage(f_s, f_t)] == pytest.approx(expected, rel=1e-9)
    assert loss(f_s, f_t).item() == pytest.approx(sum(expected), rel=1e-9)


@variants
@pytest.mark.parametrize(
    ("residual", "variance", "value"), [(0, 5, 0.804719), (1, 5, 0.904719), (1, 1, 0.5), (0.25, 0.25, -0.193147)]
)
def test_hand_values(variant, residual, variance, value):
    loss, f_s = one_stage(3, 4, variant, variance=variance), maps(2, 3, 3, 5)
    f_t = loss.stages[0].mean(f_s) + math.sqrt(residual)
    assert loss([f_s], [f_t]).item() == pytest.approx(value, abs=1e-6)


# --- the variances ---------------------------------------------------------------------------------------------------


@variants
def test_starts_at_a_variance_of_five(variant):
    loss, f_s = one_stage(3, 4, variant), maps(2, 3, 3, 5)
    torch.testing.assert_close(loss.variances(), [torch.full((4,), 5.0).double()], rtol=1e-6, atol=0)
    assert not loss.variances()[0].requires_grad
    assert loss([f_s], [loss.stages[0].mean(f_s)]).item() == pytest.approx(0.5 * math.log(5), rel=1e-6)


def test_repdistillers_alpha_is_the_inverse_softplus():
    assert one_stage(3, 4, "repdistiller").stages[0].alpha[0].item() == pytest.approx(4.993229, abs=1e-6)


@variants
def test_the_best_variance_is_the_residual(variant):
    f_s = maps(3, 3, 3, 5, seed=1)
    mean = one_stage(3, 4, variant).stages[0].mean(f_s).detach()
    f_t = mean + maps(3, 4, 3, 5, seed=2) * torch.tensor([0.3, 1, 2, 4]).double()[:, None, None]
    residual = (f_t - mean).square().mean(dim=(0, 2, 3))
    loss = one_stage(3, 4, variant, variance=residual)
    loss([f_s], [f_t]).backward()
    assert loss.stages[0].alpha.grad.abs().max() < 1e-9
    best = (0.5 * (1 + residual.log())).mean().item()
    assert loss([f_s], [f_t]).item() == pytest.approx(best, rel=1e-9)
    for factor in (0.9, 1.1):
        assert one_stage(3, 4, variant, variance=factor * residual)([f_s], [f_t]) > best


@variants
def test_channels_do_not_share_a_variance(variant):
    loss, f_s = one_stage(3, 4, variant), maps(3, 3, 3, 5, seed=1)
    gap = torch.tensor([0.0, 1, 5, 10]).double()[:, None, None]  # sigma^2 = 5 is best at a gap of sqrt(5)
    loss([f_s], [loss.stages[0].mean(f_s) + gap]).backward()
    assert (loss.stages[0].alpha.grad.sign() == torch.tensor([1, 1, -1, -1])).all()


@variants
def test_variances_are_trained(variant):
    # mdistiller keeps them in a plain list: never registered, never optimised, stuck at 5.
    data = tiny_data()
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("resnet14", 3)
    run = Distiller("vid", student=student, teacher=teacher, data=data, variant=variant)
    start = run.loss.variances()
    (phase,) = run.phases()
    decay = {
        id(p): group["weight_decay"]
        for group in make_optimizer(phase, Settings()).param_groups
        for p in group["params"]
    }
    assert all(decay[id(stage.alpha)] == 0 for stage in run.loss.stages)  # weight decay would pull sigma^2 to ln 2
    assert sum(name.endswith("alpha") for name in run.loss.state_dict()) == 3
    list(train(run, data, Settings(epochs=1, batch_size=8)))
    for before, after in zip(start, run.loss.variances(), strict=True):
        assert (before != after).all()


@variants
def test_lower_bound_and_no_overflow(variant):
    loss, f_s = one_stage(3, 4, variant), maps(2, 3, 3, 5)
    f_t = loss.stages[0].mean(f_s).detach()
    nn.init.constant_(loss.stages[0].alpha, -1000.0)
    bound = {"paper": -2.302585, "repdistiller": -5.756463}[variant]  # 1/2 ln floor
    assert loss([f_s], [f_t]).item() == pytest.approx(bound, abs=1e-6)
    nn.init.constant_(loss.stages[0].alpha, 1000.0)  # log(1 + exp(1000)) is infinite
    assert loss([f_s], [f_t]).item() == pytest.approx(0.5 * math.log(1000), rel=1e-4)
    assert loss.float()([f_s.float()], [f_t.float()]).isfinite()


@variants
def test_the_floor_bounds_the_gradient_of_a_dead_channel(variant):
    loss, f_s = one_stage(4, 4, variant), maps(2, 4, 3, 5).requires_grad_()
    loss.stages[0].mean = nn.Identity()
    nn.init.constant_(loss.stages[0].alpha, -1000.0)  # as after many steps on a channel that is always zero
    loss([f_s], [torch.zeros(2, 4, 3, 5).double()]).backward()
    steepest = (f_s.grad / f_s).abs().max().item() * f_s.numel()
    assert steepest == pytest.approx({"paper": 100, "repdistiller": 100_000}[variant], rel=1e-6)


# --- the regressor and the sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("widths", "count"), [((64, 128, 256), 258_496), ((32, 64, 128), 64_736)])
def test_repdistillers_parameter_count(widths, count):
    shapes = [(c, 8, 8) for c in widths]
    with torch.device("meta"):
        loss = VIDLoss(shapes, shapes, variant="repdistiller")
        paper = VIDLoss(shapes, shapes)
    assert sum(p.numel() for p in loss.parameters()) == count
    assert sum(p.numel() for p in paper.parameters()) == count + 4 * sum(widths)  # two batch norms


@variants
@pytest.mark.parametrize(("size_s", "size_t"), [((6, 10), (3, 5)), ((3, 5), (6, 10)), ((6, 5), (3, 10))])
def test_the_larger_grid_is_pooled(variant, size_s, size_t):
    loss, f_s, f_t = one_stage(3, 4, variant), maps(2, 3, *size_s, seed=1), maps(2, 4, *size_t, seed=2)
    pooled = [F.adaptive_avg_pool2d(f, (3, 5)) for f in (f_s, f_t)]
    assert loss([f_s], [f_t]).item() == pytest.approx(loss(pooled[:1], pooled[1:]).item(), rel=1e-12)


def test_bad_input():
    with pytest.raises(ValueError, match="variant of VIDLoss 'papre'"):
        VIDLoss([(3, 8, 8)], [(5, 8, 8)], variant="papre")
    with pytest.raises(ValueError, match="1 shapes of the student and 2 of the teacher"):
        VIDLoss([(3, 8, 8)], [(5, 8, 8), (6, 4, 4)])
    with pytest.raises(ValueError, match="0 shapes"):
        VIDLoss([], [])
    with pytest.raises(ValueError, match=r"channels \[\(3, 6\)\].*built for \[\(3, 5\)\]"):
        VIDLoss([(3, 8, 8)], [(5, 8, 8)])([torch.rand(2, 3, 8, 8)], [torch.rand(2, 6, 8, 8)])
