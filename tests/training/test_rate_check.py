"""What would spoil a student is named before training, and looking leaves no trace."""

import copy
import re
import signal
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from kd_teach import Distiller, create_model, distill, load_data, train_alone
from kd_teach.data import training_batches
from kd_teach.training import experiment
from kd_teach.training.gradients import gradient_norms
from kd_teach.training.rate_check import (
    AUDIBLE,
    warn_if_labels_drown,
    warn_if_rate_is_high,
    warn_if_statistics_lag,
    well_tried,
)
from kd_teach.training.settings import Settings
from tests.helpers import same_weights, tiny_data

DATA = tiny_data(96, val=48)
HOW = Settings(epochs=8, batch_size=16, device="cpu", precision="float32")
BUDGET = {"data": DATA, "epochs": 4, "batch_size": 16, "device": "cpu", "precision": "float32"}


def fresh(seed=0):
    torch.manual_seed(seed)
    return create_model("resnet8", 3)


@pytest.fixture(scope="module")
def trained():
    return train_alone(fresh, **BUDGET | {"epochs": 8, "lr": 0.05}).student


def test_a_trained_network_is_warned_of_a_rate_that_would_spoil_it(trained):
    with pytest.warns(
        UserWarning, match=r"lr=3 looks too high for this student: 20 trial steps .* try lr=0\.3\."
    ) as seen:
        for _ in range(2):
            warn_if_rate_is_high(trained, DATA, replace(HOW, lr=3.0))
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_rate_is_high(trained, DATA, replace(HOW, lr=0.01))


@pytest.mark.parametrize("model", ["resnet8", "mobilenet_v2"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fresh_network_is_content_with_the_default(model, seed, recwarn):
    torch.manual_seed(seed)
    warn_if_rate_is_high(create_model(model, 3), DATA, replace(HOW, seed=seed))
    assert not recwarn.list


def test_a_loss_that_is_not_finite_is_named():
    with pytest.warns(UserWarning, match="loss of nan"):
        warn_if_rate_is_high(fresh(), DATA, replace(HOW, lr=1e30))


def test_the_run_is_the_same_bit_for_bit(monkeypatch):
    student = fresh()
    before = copy.deepcopy(student)
    looked = train_alone(student, **BUDGET)
    assert same_weights(student, before)
    monkeypatch.setattr(experiment, "warn_if_rate_is_high", lambda *a: None)
    plain = train_alone(student, **BUDGET)
    assert same_weights(looked.student, plain.student)
    assert looked.history.drop(columns="seconds").equals(plain.history.drop(columns="seconds"))


class Dropping(nn.Module):
    """A network that draws random numbers in train mode."""

    def __init__(self):
        super().__init__()
        self.network, self.drop = fresh(), nn.Dropout(0.2)

    def forward(self, images):
        return self.network(self.drop(images))


def test_random_numbers_and_statistics_stay_where_they_were():
    student = Dropping()
    random, before = torch.get_rng_state(), copy.deepcopy(student)
    warn_if_rate_is_high(student, DATA, HOW)
    assert torch.equal(torch.get_rng_state(), random) and same_weights(student, before)
    assert student.training == before.training


def test_who_is_looked_at_and_only_once(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(experiment, "warn_if_rate_is_high", lambda student, data, how: seen.append(how.lr))

    def stop(record):
        signal.raise_signal(signal.SIGINT)

    kept = BUDGET | {"out": tmp_path / "run"}
    assert not train_alone(fresh, on_epoch=stop, **kept).complete
    assert train_alone(fresh, resume=True, **kept).complete  # goes on
    assert train_alone(fresh, resume=True, **kept).complete  # is read
    distill("kd", student=fresh, teacher=fresh(1), **BUDGET)
    assert seen == [0.1, 0.1]


def test_lessons_are_well_tried():
    data = load_data("shapes10", samples=20, val=0)
    assert well_tried("resnet8", data, Settings())
    assert not well_tried("resnet8", data, Settings(lr=0.2))
    assert not well_tried("resnet8", DATA, Settings()) and not well_tried(fresh(), data, Settings())


def test_a_training_as_short_as_the_trial_is_not_looked_at(recwarn):
    warn_if_rate_is_high(fresh(), DATA, replace(HOW, lr=1e30, epochs=3))
    assert not recwarn.list


def with_momentum(momentum, seed=0):
    network = fresh(seed)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = momentum
    return network


def test_statistics_that_lag_are_named_and_how_far():
    steps = HOW.epochs * (96 // HOW.batch_size)  # 48
    with pytest.warns(
        UserWarning, match=rf"a momentum of 0\.01: after {steps} steps {0.99**steps:.0%} of .* m\.momentum"
    ):
        warn_if_statistics_lag(with_momentum(0.01), DATA, HOW)


@pytest.mark.parametrize(
    ("momentum", "epochs"),
    [(0.1, 8), (0.1, 1), (None, 8), (0.01, 60)],
    ids=["usual", "usual but short", "a plain mean", "long enough"],
)
def test_other_statistics_are_passed_over(momentum, epochs, recwarn):
    warn_if_statistics_lag(with_momentum(momentum), DATA, replace(HOW, epochs=epochs))
    assert not recwarn.list


def test_the_statistics_of_a_trained_network_do_not_lag(trained, recwarn):
    network = copy.deepcopy(trained)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.001
    warn_if_statistics_lag(network, DATA, HOW)
    assert not recwarn.list


def test_both_kinds_of_training_name_statistics_that_lag():
    slow, budget = lambda: with_momentum(0.001), BUDGET | {"epochs": 1}
    with pytest.warns(UserWarning, match="running statistics"):
        train_alone(slow, **budget)
    with pytest.warns(UserWarning, match="running statistics"):
        distill("kd", student=slow, teacher=fresh(1), **budget)


def under(method, **options):
    """A small pair of networks at the start."""
    return Distiller(method, student=fresh(), teacher=fresh(1), data=DATA, **options)


def test_a_weight_that_drowns_the_labels_is_named_with_one_that_does_not():
    with pytest.warns(UserWarning, match=r"gradient of sp is [\d,]+ times as large as the labels'") as seen:
        warn_if_labels_drown(under("sp", weight=1e6), DATA, HOW)
    gentle = float(re.search(r"weight=(\S+) would leave", str(seen[0].message))[1])
    batch = next(iter(training_batches(DATA, HOW.batch_size, seed=HOW.seed, epoch=0)))
    pulls = gradient_norms(under("sp", weight=gentle), batch)["weighted"]
    assert pulls["distil"] / pulls["task"] == pytest.approx(AUDIBLE, rel=0.05)


@pytest.mark.parametrize(
    ("method", "options"),
    [("kd", {}), ("sp", {"weight": 1.0}), ("sp", {"weight": 0}), ("kd", {"task_weight": 0, "weight": 1e6})],
)
def test_other_weights_are_passed_over(method, options, recwarn):
    warn_if_labels_drown(under(method, **options), DATA, HOW)
    assert not recwarn.list


def test_a_network_of_ones_own_is_looked_at():
    how = {"teacher": fresh(1), "data": DATA, "epochs": 1, "batch_size": 16, "device": "cpu"}
    with pytest.warns(UserWarning, match="times as large as the labels'"):
        distill("sp", student=fresh, options={"weight": 1e6}, **how)


def test_what_fails_on_the_batch_is_left_to_the_training(monkeypatch, recwarn):
    def fails(*args, **kwargs):
        raise ValueError("not finite")

    monkeypatch.setattr("kd_teach.training.rate_check.gradient_norms", fails)
    warn_if_labels_drown(under("sp", weight=1e6), DATA, HOW)
    assert not recwarn.list
