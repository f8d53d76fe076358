"""A folded network shows what the whole one shows, from fewer layers."""

import pytest
import torch
from torch import nn

from kd_teach import Distiller, Settings, create_model, list_models, train
from kd_teach.models import tapped
from kd_teach.models.folding import folded
from tests.helpers import same_weights, tiny_data


def experienced(name: str, classes: int = 3) -> nn.Module:
    """A network whose batch norms have seen something: fresh ones do next to nothing."""
    torch.manual_seed(0)
    network = create_model(name, num_classes=classes).double()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, -1, 1)
            nn.init.uniform_(norm.bias, -1, 1)
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("name", list_models())
def test_shows_the_same_features_with_fewer_layers(name):
    network = experienced(name)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        expected, shown = network(images), folded(network)(images)
    for whole, fold in (
        (expected.stem, shown.stem),
        *zip(expected.stages, shown.stages, strict=True),
        *zip(expected.preacts, shown.preacts, strict=True),
        (expected.embedding, shown.embedding),
        (expected.logits, shown.logits),
    ):
        torch.testing.assert_close(fold, whole)
    assert norms(folded(network)) < norms(network)


def test_leaves_the_network_alone_and_is_frozen():
    network = experienced("resnet8").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fold = folded(network)
    assert norms(fold) == 0 and not fold.training
    assert not any(weight.requires_grad for weight in fold.parameters())
    assert network.training and all(weight.requires_grad for weight in network.parameters())
    fold(torch.randn(2, 3, 32, 32, dtype=torch.float64))
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_networks_of_others_come_back_as_they_are():
    other = tapped(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(2)), stages=["1"])
    assert folded(other) is other
    assert folded(None) is None


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_training_folds_a_teacher_unless_its_statistics_are_those_of_the_batch(mode, monkeypatch):
    """A teacher in train mode normalises by the batch: nothing that could be folded in beforehand."""
    data = tiny_data()
    teacher = experienced("resnet8").float()
    run = Distiller("kd", student=create_model("resnet8", num_classes=3), teacher=teacher, data=data)
    [phase] = run.phases()
    object.__setattr__(phase, "teacher_mode", mode)
    monkeypatch.setattr(run, "phases", lambda: [phase])
    called = []
    teacher.register_forward_hook(lambda *_: called.append(teacher.training))
    handle = "kd_teach.training.loop.folded"
    monkeypatch.setattr(handle, lambda network: create_model("resnet8", num_classes=3).eval())
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    list(train(run, data, Settings(epochs=1, batch_size=12, device="cpu")))
    assert called == ([True] * 2 if mode == "train" else [])
    moved = any(not torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert moved == (mode == "train")


def test_training_with_a_folded_teacher_teaches_the_same():
    data, histories, students = tiny_data(), [], []
    for fold in (True, False):
        teacher = experienced("resnet8").float()
        if not fold:  # a subclass of its own is none of the package's networks
            whole = teacher
            teacher = nn.Module()
            teacher.inner = whole
            teacher.forward = whole.forward
        torch.manual_seed(0)
        student = create_model("resnet8", num_classes=3)
        run = Distiller("kd", student=student, teacher=teacher, data=data)
        records = list(train(run, data, Settings(epochs=2, batch_size=12, device="cpu", precision="float32")))
        histories.append([record.loss for record in records])
        students.append(student)
    assert histories[0] == pytest.approx(histories[1], rel=1e-4)
    assert not same_weights(*students)  # the rounding differs: folded and whole were really both run
