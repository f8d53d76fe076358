"""Hints against their equation, the regressor's size cases, and the paper's two phases."""

import pytest
import torch
from torch import nn

from kd_teach import Distiller, Settings, create_model, train
from kd_teach.methods import HintLoss
from tests.helpers import same_weights, tiny_data
from tests.methods.loops import chain_by_loops, numbers, with_offsets


def maps(n, c, h, w, seed=0):
    return torch.randn(n, c, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def squares(guess, u_t):
    """(u - r)^2 of every entry, one at a time."""
    return [(u - r) ** 2 for u, r in zip(numbers(u_t), numbers(guess), strict=True)]


LOOPS = {
    "paper": lambda guess, u_t: sum(squares(guess, u_t)) / (2 * len(u_t)),  # 1/N sum_n 1/2 ||u - r||^2
    "repdistiller": lambda guess, u_t: sum(squares(guess, u_t)) / len(numbers(u_t)),
}


def by_loops(loss, v_s, u_t, variant):
    """r = relu(W v + b) in the paper, relu(batch norm(W v + b)) in the copied code."""
    return LOOPS[variant](chain_by_loops(loss.regressor, v_s.tolist()), u_t.tolist())


SIZES = [(1, (3, 5), (3, 5)), (7, (2, 3), (2, 3)), (2, (4, 6), (2, 3)), (2, (2, 3), (4, 6))]


@pytest.mark.parametrize("variant", ["paper", "repdistiller"])
@pytest.mark.parametrize(("n", "size_s", "size_t"), SIZES)
def test_equals_the_equation_in_loops(n, size_s, size_t, variant):
    v_s, u_t = maps(n, 3, *size_s, seed=1), maps(n, 5, *size_t, seed=2)
    loss = with_offsets(HintLoss((3, *size_s), (5, *size_t), variant=variant).double())
    kinds = [type(layer) for layer in loss.regressor[1:]]
    assert kinds == {"paper": [nn.ReLU], "repdistiller": [nn.BatchNorm2d, nn.ReLU]}[variant]
    assert loss(v_s, u_t).item() == pytest.approx(by_loops(loss, v_s, u_t, variant), rel=1e-9)


@pytest.mark.parametrize("variant", ["paper", "repdistiller"])
@pytest.mark.parametrize(
    ("size_s", "size_t"), [((8, 8), (8, 8)), ((16, 16), (8, 8)), ((4, 4), (8, 8)), ((9, 7), (5, 6))]
)
def test_four_size_cases(variant, size_s, size_t):
    loss = HintLoss((3, *size_s), (5, *size_t), variant=variant)
    assert loss.regressor(torch.rand(2, 3, *size_s)).shape == (2, 5, *size_t)


def test_strides_save_weights_only_in_the_copied_code():
    paper, copied = (HintLoss((3, 16, 16), (5, 8, 8), variant=v).regressor[0] for v in ("paper", "repdistiller"))
    assert paper.kernel_size == (9, 9) and copied.kernel_size == (3, 3)


def test_zero_when_the_regressor_hits_the_hint():
    loss = HintLoss((3, 4, 4), (5, 4, 4))
    v_s = torch.rand(2, 3, 4, 4)
    assert loss(v_s, loss.regressor(v_s)).item() == 0


def test_a_linear_regressor_reaches_the_least_squares_residual():
    v_s, u_t = maps(4, 2, 3, 3, seed=1), maps(4, 3, 3, 3, seed=2)
    loss = HintLoss((2, 3, 3), (3, 3, 3), rectified=False).double()
    design = torch.cat([v_s.movedim(1, -1).reshape(-1, 2), torch.ones(36, 1).double()], dim=1)
    target = u_t.movedim(1, -1).reshape(-1, 3)
    residual = target - design @ torch.linalg.lstsq(design, target).solution
    best = 0.5 * residual.pow(2).sum() / len(v_s)
    optimizer = torch.optim.LBFGS(loss.parameters(), line_search_fn="strong_wolfe", max_iter=100)

    def closure():
        optimizer.zero_grad()
        value = loss(v_s, u_t)
        value.backward()
        return value

    optimizer.step(closure)
    assert loss(v_s, u_t).item() == pytest.approx(best.item(), rel=1e-6)


def test_a_relu_cannot_reach_a_signed_hint():
    u_t = maps(3, 5, 4, 4)
    loss = HintLoss((3, 4, 4), (5, 4, 4), variant="repdistiller").double()
    assert loss(maps(3, 3, 4, 4, seed=1), u_t) >= u_t.clamp(max=0).pow(2).mean()


def test_gradients_reach_student_and_regressor_but_not_the_teacher():
    v_s, u_t = maps(2, 3, 4, 4, seed=1).requires_grad_(), maps(2, 5, 4, 4, seed=2).requires_grad_()
    loss = HintLoss((3, 4, 4), (5, 4, 4)).double()
    loss(v_s, u_t).backward()
    assert v_s.grad.abs().sum() > 0 and all(p.grad.abs().sum() > 0 for p in loss.parameters())
    assert u_t.grad is None
    linear = HintLoss((3, 4, 4), (5, 4, 4), rectified=False).double()
    assert torch.autograd.gradcheck(lambda v: linear(v, u_t.detach()), v_s)


def test_bad_input():
    with pytest.raises(ValueError, match="No regressor from a 3x3 map to a 8x8 hint"):
        HintLoss((3, 3, 3), (5, 8, 8))
    with pytest.raises(ValueError, match="Unknown variant of HintLoss 'papre'"):
        HintLoss((3, 8, 8), (5, 8, 8), variant="papre")
    with pytest.raises(ValueError, match="built for"):
        HintLoss((3, 8, 8), (5, 8, 8))(torch.rand(2, 4, 8, 8), torch.rand(2, 5, 8, 8))
    with pytest.raises(ValueError, match="2 and 3 samples"):
        HintLoss((3, 8, 8), (5, 8, 8))(torch.rand(2, 3, 8, 8), torch.rand(3, 5, 8, 8))


def distiller(data, **options):
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("wrn_16_2", 3).eval()
    return Distiller("fitnet", student=student, teacher=teacher, data=data, **options)


def test_first_phase_moves_the_guided_half_and_the_regressor_only():
    data = tiny_data()
    run, untouched = distiller(data), distiller(data)
    records = train(run, data, Settings(epochs=4, batch_size=8))
    assert next(records).phase == "hint"
    student, start = run.student, untouched.student
    assert not same_weights(student.stem, start.stem) and not same_weights(student.stages[0], start.stages[0])
    assert not same_weights(student.stages[1], start.stages[1]) and not same_weights(run.loss, untouched.loss)
    assert same_weights(student.stages[2], start.stages[2])  # running statistics too
    assert same_weights(student.classifier, start.classifier)

    regressor = {name: value.clone() for name, value in run.loss.state_dict().items()}
    assert {record.phase for record in records} == {"distil"}
    assert not same_weights(student.stages[2], start.stages[2])
    assert all(torch.equal(value, regressor[name]) for name, value in run.loss.state_dict().items())
    assert same_weights(run.teacher, untouched.teacher)


def test_the_hint_stage_is_an_option():
    data = tiny_data()
    assert distiller(data, stage=2).loss.student_shape == (64, 4, 4)
    assert len(distiller(data, stage=0).phases()[0].trains) == 3  # stem, first stage, regressor
    with pytest.raises(ValueError, match="stage is 3; expected a whole number from 0 to 2"):
        distiller(data, stage=3)


def test_a_signed_hint_gets_a_regressor_without_relu():
    assert not any(isinstance(layer, nn.ReLU) for layer in distiller(tiny_data()).loss.regressor)  # WRN
