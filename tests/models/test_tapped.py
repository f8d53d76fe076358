"""Other people's networks: names, defaults, and maps that nobody overwrites."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, squeezenet1_0

from kd_teach.models import tapped
from kd_teach.models.features import Features

STAGES = ["layer1", "layer2", "layer3", "layer4"]
PREACTS = [f"{stage}.1.add" for stage in STAGES]


@pytest.fixture
def images():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return resnet18(num_classes=5)


class Small(nn.Module):
    """All that can go wrong in place: a layer, a method, and a later use of the map that was overwritten."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        y = self.norm(self.conv(x)) * self.scale
        z = self.act(y)
        w = self.conv(x)
        w = w.relu_()
        return self.fc(nn.functional.relu(z + y + w.mul_(0.5), inplace=True).mean((2, 3)))


def test_defaults_give_features_of_a_torchvision_network(model, images):
    network = tapped(model, stages=STAGES)
    features = network(images)
    assert isinstance(features, Features)
    assert [x.shape[1] for x in features.stages] == [64, 128, 256, 512]
    assert features.stem is features.stages[0] and features.preacts[3] is features.stages[3]
    torch.testing.assert_close(features.embedding, features.stages[3].mean((2, 3)))
    torch.testing.assert_close(features.logits, model.fc(features.embedding))


def test_nodes_that_are_named_are_taken(model, images):
    names = {"stem": "relu", "preacts": PREACTS[:1] * 2, "embedding": "flatten", "logits": "fc"}
    features = tapped(model, stages=["layer1.0", "layer1"], **names)(images)
    assert features.stem.shape == (2, 64, 16, 16)
    assert torch.equal(features.stages[1], features.preacts[1].relu())
    assert not torch.equal(features.stages[0], features.stages[1])


def test_maps_before_an_in_place_relu_keep_their_signs(model, images):
    features = tapped(model, stages=STAGES, preacts=PREACTS, stem="bn1")(images)
    for stage, preact in zip(features.stages, features.preacts, strict=True):
        assert torch.equal(stage, preact.relu()) and preact.min() < 0
    assert features.stem.min() < 0


def test_the_values_are_those_of_the_model_and_the_model_stays_as_it_was(images):
    model = Small()
    network = tapped(model, stages=["mul"], stem="conv", preacts=["norm"])
    assert model.act.inplace
    for mode in (True, False):
        features = network.train(mode)(images)
        torch.testing.assert_close(features.logits, model.train(mode)(images))
        assert features.stages[0].min() < 0


def test_modes_and_weights_are_shared(model, images):
    network = tapped(model, stages=STAGES).eval()
    assert torch.equal(network(images).logits, model.eval()(images))
    assert torch.equal(network(images).logits, network(images).logits)
    assert {id(p) for p in network.parameters()} == {id(p) for p in model.parameters()}
    before = model.bn1.running_mean.clone()
    network.train()(images).logits.sum().backward()
    assert not torch.equal(model.bn1.running_mean, before)
    assert all(p.grad is not None for p in model.parameters())


def test_a_copy_keeps_mode_and_values_but_not_the_weights(model, images):
    network = tapped(model, stages=STAGES).eval()
    twin = copy.deepcopy(network)
    assert torch.equal(twin(images).logits, network(images).logits)
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in network.parameters()}
    assert len(twin.lower(0)) == len(network.lower(0))


@pytest.mark.parametrize(("build", "stages"), [(resnet18, ["layer1", "layer2.0.add"]), (Small, ["mul"])])
def test_lower_is_exactly_what_a_stage_depends_on(build, stages, images):
    network = tapped(build(), stages=stages)
    for stage, x in enumerate(network(images).stages):
        network.zero_grad(set_to_none=True)
        x.square().sum().backward(retain_graph=True)
        reached = {id(p) for p in network.parameters() if p.grad is not None}
        assert reached == {id(p) for layer in network.lower(stage) for p in layer.parameters()}
    with pytest.raises(ValueError, match="no stage 7"):
        network.lower(7)


def test_below_preacts_is_exactly_what_the_preacts_depend_on(model, images):
    network = tapped(model, stages=STAGES[:2], preacts=PREACTS[:2])
    sum(preact.square().sum() for preact in network(images).preacts).backward()
    reached = {id(p) for p in network.parameters() if p.grad is not None}
    assert reached == {id(p) for part in network.below_preacts() for p in part.parameters()}


def test_preact_norms_are_found_or_asked_for(model):
    norms = tapped(model, stages=STAGES, preacts=PREACTS).preact_norms()
    assert norms == tuple(layer[1].bn2 for layer in (model.layer1, model.layer2, model.layer3, model.layer4))
    assert tapped(model, stages=["layer1"], preacts=["layer1.0.bn1"]).preact_norms() == (model.layer1[0].bn1,)
    for unknown in ("layer1", "layer2.0.add"):  # a ReLU, and a sum of two BNs
        with pytest.raises(ValueError, match=r"preacts\[0\] is neither the output of a BatchNorm2d"):
            tapped(model, stages=[unknown]).preact_norms()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": ["layr1"]}, "no node 'layr1'. Nearest: layer1"),
        ({"stages": ["layer1"], "embedding": "flaten"}, "no node 'flaten'. Nearest: flatten"),
        ({"stages": "layer1"}, "must be a list of node names"),
        ({"stages": []}, "must be a list of node names"),
        ({"stages": STAGES, "preacts": PREACTS[:1]}, "got 4 stages and 1 preacts"),
    ],
)
def test_wrong_names_are_explained(model, options, message):
    with pytest.raises(ValueError, match=message):
        tapped(model, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": ["fc"]}, r"stages must be maps .* gives shape \(2, 5\)"),
        ({"stages": ["layer1"], "stem": "flatten"}, r"stem must be a map .* gives shape \(2, 512\)"),
        ({"stages": ["layer1"], "embedding": "avgpool"}, r"embedding must be a matrix .* \(2, 512, 1, 1\)"),
        ({"stages": ["layer1"], "embedding": "flatten", "logits": "layer4"}, "logits must be a matrix"),
    ],
)
def test_wrong_shapes_are_explained(model, images, options, message):
    with pytest.raises(ValueError, match=message):
        tapped(model, **options)(images)


def test_a_network_without_linear_needs_an_embedding():
    with pytest.raises(ValueError, match="no nn.Linear in front of the logits"):
        tapped(squeezenet1_0(), stages=["features.3"])
