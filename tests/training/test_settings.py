"""Settings for benchmarks that were run otherwise: rates in steps, epochs per phase, plain momentum, decay on all."""

import pytest
import torch

from kd_teach import Alone, Distiller, Phase, Settings, create_model, train
from kd_teach.training.settings import epochs_of_phases, make_optimizer, rate_share
from tests.helpers import tiny_data

DATA = tiny_data()


@pytest.mark.parametrize("field", ["epochs", "batch_size", "initial_epochs"])
def test_counts_are_whole_numbers(field):
    with pytest.raises(ValueError, match=f"{field} is 1.5; expected a whole number"):
        Settings(**{field: 1.5})


def test_rates_fall_in_steps():
    paper = Settings(epochs=240, lr=0.05, steps=(150, 180, 210))
    shares = [rate_share((epoch + 0.5) / 240, 240, paper) for epoch in range(240)]
    assert shares[:150] == [1] * 150 and shares[150:180] == [0.1] * 30
    assert shares[180:210] == pytest.approx([0.01] * 30) and shares[210:] == pytest.approx([0.001] * 30)
    assert rate_share(150 / 240, 240, paper) == 0.1  # from its first batch on
    assert rate_share(0.99, 30, paper) == 1  # a first phase is over before the first step


def test_training_follows_the_steps():
    torch.manual_seed(0)
    settings = Settings(epochs=3, batch_size=8, lr=0.05, steps=[1, 2], device="cpu")  # a list, as TOML has it
    records = list(train(Alone(create_model("resnet8", 3), DATA), DATA, settings))
    assert [record.lr for record in records] == pytest.approx([0.05, 0.005, 0.0005])


def test_the_last_phase_has_the_epochs_for_itself():
    phases = [Phase(name, [], None, {}, share=share) for name, share in (("first", 1 / 4), ("last", 3 / 4))]
    assert epochs_of_phases(phases, Settings(epochs=240, initial_epochs=30)) == [30, 240]
    assert epochs_of_phases(phases, Settings(epochs=240)) == [60, 180]
    assert epochs_of_phases(phases[:1], Settings(epochs=240, initial_epochs=30)) == [240]
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("resnet8", 3)
    run = Distiller("fsp", student=student, teacher=teacher, data=DATA)
    records = list(train(run, DATA, Settings(epochs=2, initial_epochs=1, batch_size=8, device="cpu")))
    assert [(record.phase, record.epoch) for record in records] == [("initialise", 1), ("task", 1), ("task", 2)]


def test_momentum_and_decay():
    phase = Phase("p", [torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2)], None, {})
    plain = make_optimizer(phase, Settings(nesterov=False, decay_all=True, weight_decay=0.1)).param_groups
    assert {group["weight_decay"] for group in plain} == {0.1} and not any(group["nesterov"] for group in plain)
    usual = make_optimizer(phase, Settings(weight_decay=0.1)).param_groups
    assert [group["weight_decay"] for group in usual] == [0.1, 0.0] and all(group["nesterov"] for group in usual)


def test_a_checkpoint_with_steps_is_not_gone_on_with_without(tmp_path):
    settings = {"epochs": 2, "batch_size": 8, "device": "cpu"}
    path = tmp_path / "checkpoint.pt"
    torch.manual_seed(0)
    next(iter(train(Alone(create_model("resnet8", 3), DATA), DATA, Settings(**settings, steps=(1,)), checkpoint=path)))
    with pytest.raises(ValueError, match=r"steps: \(1,\) then, \(\) now"):
        list(train(Alone(create_model("resnet8", 3), DATA), DATA, Settings(**settings), checkpoint=path))


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"steps": (3, 2)}, "rising order"), ({"steps": (0,)}, "above 0"), ({"initial_epochs": -1}, "initial_epochs")],
)
def test_bad_settings(bad, message):
    with pytest.raises(ValueError, match=message):
        Settings(epochs=4, **bad)
