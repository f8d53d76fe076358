"""Comparisons are pairs: students begin equal, trained ones are named, and no teacher shares weights."""

import copy
import threading

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from kd_teach import Alone, Distiller, Settings, create_model, distill, tapped, train, train_alone
from kd_teach.training.run_folder import weights_fingerprint
from tests.helpers import same_weights, tiny_data

DATA = tiny_data()
BUDGET = {"data": DATA, "epochs": 1, "batch_size": 8, "device": "cpu"}


@pytest.fixture
def student():
    torch.manual_seed(1)
    return create_model("resnet8", 3)


@pytest.fixture
def teacher():
    torch.manual_seed(5)
    return create_model("resnet14", 3)


def test_a_network_is_copied_and_begins_again_in_every_run(student, teacher, recwarn):
    before = copy.deepcopy(student)
    alone, kd = train_alone(student, **BUDGET), distill("kd", student=student, teacher=teacher, **BUDGET)
    assert same_weights(student, before) and not same_weights(alone.student, before)
    assert alone.card["initial_weights"] == kd.card["initial_weights"] == weights_fingerprint(before)
    assert not recwarn.list


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_a_wrapped_network_makes_the_same_run_as_the_bare_one(student, teacher, wrap):
    bare = distill("kd", student=student, teacher=teacher, **BUDGET).card
    wrapped = distill("kd", student=wrap(student), teacher=wrap(teacher), **BUDGET).card
    made = distill("kd", student=lambda: wrap(copy.deepcopy(student)), teacher=lambda: wrap(teacher), **BUDGET).card
    for fact in ("config_hash", "teacher_weights", "initial_weights", "teacher", "model", "test_accuracy"):
        assert bare[fact] == wrapped[fact] == made[fact], fact


def test_a_function_is_called_under_the_seed(teacher, recwarn):
    def new():
        return create_model("resnet8", 3)

    torch.manual_seed(123)
    runs = [distill("kd", student=new, teacher=teacher, **BUDGET), train_alone(new, **BUDGET)]
    runs += [train_alone("resnet8", **BUDGET), train_alone(new, seed=1, **BUDGET)]
    first, second, named, other = (run.card["initial_weights"] for run in runs)
    assert first == second == named != other and not recwarn.list
    with pytest.raises(TypeError, match=r"student\(\) gave a int; expected a function that makes a network"):
        train_alone(lambda: 3, **BUDGET)


@pytest.mark.parametrize("held", [False, True])
def test_the_teacher_does_not_move_either(held, teacher):
    before = copy.deepcopy(teacher)
    given = (lambda: teacher) if held else teacher
    distill("ofd", student="resnet8", teacher=given, **BUDGET)  # its BN learn statistics during training
    assert same_weights(teacher, before)


def test_a_function_may_hand_out_one_network_again_and_again(student, teacher, recwarn):
    runs = [train_alone(lambda: student, **BUDGET), distill("kd", student=lambda: student, teacher=teacher, **BUDGET)]
    assert runs[0].card["initial_weights"] == runs[1].card["initial_weights"] and not recwarn.list


def test_a_trained_network_is_named_with_both_fingerprints(student):
    result = train_alone(student, **BUDGET)
    began, now = weights_fingerprint(student), weights_fingerprint(result.student)
    says = f"The student, a Network, has been trained: it began as {began}, its weights are {now} now"
    for again in (result.student, copy.deepcopy(result.student), lambda: copy.deepcopy(result.student)):
        with pytest.warns(UserWarning, match=says):
            train_alone(again, **BUDGET)


def test_a_run_that_was_read_is_known_as_trained_too(student, tmp_path, monkeypatch):
    began = train_alone(student, cache=tmp_path, **BUDGET).card["initial_weights"]
    monkeypatch.setattr("kd_teach.training.pairs.TRAINED", {})  # as in another process
    read = train_alone(student, cache=tmp_path, **BUDGET)
    with pytest.warns(UserWarning, match=f"it began as {began}"):
        train_alone(read.student, **BUDGET)


def test_one_that_was_trained_in_a_loop_of_ones_own_is_named(student, monkeypatch):
    monkeypatch.setattr("kd_teach.training.pairs.TRAINED", {})  # another test may have come to the same weights
    list(train(Alone(student, DATA), DATA, Settings(epochs=1, batch_size=8, device="cpu")))
    with pytest.warns(UserWarning, match="its batch norms have seen 3 batches"):
        train_alone(student, **BUDGET)


def test_one_that_changed_between_two_runs_is_named(student):
    train_alone(student, **BUDGET)
    began = weights_fingerprint(student)
    with torch.no_grad():
        student.classifier.weight.mul_(2)
    with pytest.warns(UserWarning, match=f"it began as {began}, its weights are {weights_fingerprint(student)} now"):
        train_alone(student, **BUDGET)


def test_shared_weights_are_refused(student, teacher):
    inner = resnet18(num_classes=3)
    two = [tapped(inner, stages=[f"layer{n + 1}" for n in range(count)]) for count in (2, 3)]
    partly = create_model("resnet8", 3)
    partly.classifier.bias = student.classifier.bias
    statistics = create_model("resnet8", 3)
    statistics.stem = copy.deepcopy(student.stem)
    next(m for m in statistics.modules() if isinstance(m, nn.BatchNorm2d)).running_mean = next(
        m for m in student.modules() if isinstance(m, nn.BatchNorm2d)
    ).running_mean
    for s, t in ((student, student), two, (student, partly), (student, statistics)):
        with pytest.raises(ValueError, match=r"Student and teacher share \d+ of their tensors.*copy\.deepcopy"):
            distill("kd", student=s, teacher=t, **BUDGET)
        with pytest.raises(ValueError, match="Student and teacher share"):
            Distiller("kd", student=s, teacher=t, data=DATA)
    with pytest.raises(ValueError, match="Student and teacher share"):
        distill("kd", student=lambda: student, teacher=student, **BUDGET)
    assert distill("kd", student=student, teacher=copy.deepcopy(student), **BUDGET).complete


def test_a_network_that_cannot_be_copied_comes_as_a_function(student):
    student.lock = threading.Lock()
    with pytest.raises(ValueError, match="cannot be copied.*student=lambda"):
        train_alone(student, **BUDGET)
