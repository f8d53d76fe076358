"""The contract of all families, asked once of every name; then what each family says at its top."""

import pytest
import torch
from torch import nn

from kd_teach.models import create_model, list_models
from kd_teach.models.features import Features
from kd_teach.models.resnet import resnet
from kd_teach.models.vgg import vgg
from kd_teach.models.wrn import WideResNet

# Channels and side of the stem and the stages, then D.
RESNET = [(16, 32), (16, 32), (32, 16), (64, 8), 64]
WIDE = [(16, 32), (32, 32), (64, 16), (128, 8), 128]
RESNET_X4 = [(32, 32), (64, 32), (128, 16), (256, 8), 256]
VGG = [(64, 32), (128, 16), (256, 8), (512, 4), (512, 4), 512]
SHAPES = {
    **dict.fromkeys([f"resnet{depth}" for depth in (8, 14, 20, 32, 44, 56, 110)], RESNET),
    **dict.fromkeys(["resnet8x4", "resnet32x4"], RESNET_X4),
    "resnet50": [(64, 32), (256, 32), (512, 16), (1024, 8), (2048, 4), 2048],
    **dict.fromkeys(["wrn_16_1", "wrn_40_1"], RESNET),
    **dict.fromkeys(["wrn_16_2", "wrn_40_2"], WIDE),
    **dict.fromkeys([f"vgg{depth}" for depth in (8, 11, 13, 16, 19)], VGG),
    "mobilenet_v2": [(16, 16), (12, 16), (16, 8), (48, 4), (160, 2), 1280],
    "shufflenet_v1": [(24, 32), (240, 16), (480, 8), (960, 4), 960],
    "shufflenet_v2": [(24, 32), (116, 16), (232, 8), (464, 4), 1024],
}
ONE_OF_EACH = ["resnet8", "resnet14", "wrn_16_1", "wrn_16_2", "vgg8", "mobilenet_v2", "shufflenet_v1"]


def maps(features: Features) -> list[torch.Tensor]:
    return [features.stem, *features.stages, *features.preacts]


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=list_models())
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    torch.manual_seed(0)
    return create_model(name, num_classes=7)


@pytest.fixture(scope="module")
def trained(network, images):
    """Features of the only forward pass, in training mode; one step of SGD on the logits has followed."""
    network.before = [p.detach().clone() for p in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    features = network.train()(images)
    nn.functional.cross_entropy(features.logits, torch.tensor([0, 1])).backward()
    optimizer.step()
    return features


def test_shows_features_of_the_stated_shapes(name, trained):
    assert isinstance(trained, Features)
    assert [x.shape for x in trained.stages] == [x.shape for x in trained.preacts]
    found = [(x.shape[1], x.shape[2]) for x in (trained.stem, *trained.stages)]
    assert [*found, trained.embedding.shape[1]] == SHAPES[name]
    assert trained.logits.shape == (2, 7)


def test_stages_and_preacts_relate_as_the_family_says(name, trained):
    for stage, preact in zip(trained.stages, trained.preacts, strict=True):
        if name.startswith("wrn"):
            assert stage.min() < 0 and preact.mean().abs() < 1e-3  # a raw sum, and its fresh BN
        elif name == "mobilenet_v2":
            assert stage is preact and stage.min() < 0
        else:
            assert torch.equal(stage, preact.relu()) and preact.min() < 0
    assert (trained.stem.min() < 0) == name.startswith("wrn")


def test_one_step_moves_every_parameter(network, trained):
    moved = zip(network.named_parameters(), network.before, strict=True)
    assert [name for (name, p), before in moved if torch.equal(p, before)] == []


def test_no_map_is_overwritten(trained):
    assert [x._version for x in maps(trained)] == [0] * len(maps(trained))


def test_no_norm_runs_twice(network, trained):
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {norm.num_batches_tracked.item() for norm in norms} == {1}


@pytest.mark.parametrize("name", [*ONE_OF_EACH, "shufflenet_v2"])
def test_below_preacts_is_exactly_what_the_preacts_depend_on(name, images):
    network = create_model(name)
    sum(preact.square().sum() for preact in network(images).preacts).backward()
    reached = {id(p) for p in network.parameters() if p.grad is not None}
    assert reached == {id(p) for part in network.below_preacts() for p in part.parameters()}


@pytest.mark.parametrize("name", [*ONE_OF_EACH, "shufflenet_v2"])
def test_channels_last_gives_the_same_and_stays(name, images):
    network = create_model(name).eval()
    with torch.no_grad():
        usual = network(images)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    for a, b in zip(maps(usual), maps(last), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
        assert b.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(usual.logits, last.logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["resnet8", "vgg8", "shufflenet_v1"])
def test_embedding_is_the_pooled_last_stage(name, images):
    with torch.no_grad():
        features = create_model(name)(images)
    torch.testing.assert_close(features.embedding, features.stages[-1].mean(dim=(2, 3)))


@pytest.mark.parametrize("name", ["wrn_16_1", "wrn_16_2"])
def test_wrn_preacts_are_norms_of_the_stages(name, images):
    network = create_model(name).eval()
    with torch.no_grad():
        features = network(images)
        normed = [norm(x) for norm, x in zip(network.preact_norms(), features.stages, strict=True)]
    torch.testing.assert_close(normed, list(features.preacts))
    torch.testing.assert_close(features.embedding, features.preacts[-1].relu().mean(dim=(2, 3)))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_lower_is_exactly_what_a_stage_depends_on(name, images):
    network = create_model(name)
    for stage, x in enumerate(network(images).stages):
        network.zero_grad(set_to_none=True)
        x.square().sum().backward(retain_graph=True)
        reached = {p for p in network.parameters() if p.grad is not None}
        assert reached == {p for module in network.lower(stage) for p in module.parameters()}


def test_lower_knows_its_stages():
    with pytest.raises(ValueError, match="no stage 3; this network has 0 to 2"):
        create_model("resnet8").lower(3)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_bias_of_preact_norms_shifts_its_preact(name, images):
    network = create_model(name).eval()
    with torch.no_grad():
        before = network(images).preacts
        for stage, norm in enumerate(network.preact_norms()):
            norm.bias += 1
            torch.testing.assert_close(network(images).preacts[stage], before[stage] + 1)
            norm.bias -= 1


def test_shufflenet_v2_has_no_norm_for_half_of_its_channels():
    with pytest.raises(ValueError, match="half of the channels"):
        create_model("shufflenet_v2").preact_norms()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: resnet(21, 10), r"6n \+ 2"),
        (lambda: WideResNet(17, 2, 10), r"6n \+ 4"),
        (lambda: vgg(12, 10), "not 12"),
    ],
)
def test_impossible_depths_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
