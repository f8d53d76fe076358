"""The table of what a pair allows, found by trying."""

import pytest
from torchvision.models import VisionTransformer

from kd_teach import legality, tapped
from kd_teach.methods import list_methods


@pytest.fixture(scope="module")
def mismatched():
    return legality("resnet8", "wrn_16_2")


def test_every_method_runs_on_a_mismatched_pair_or_says_why_not(mismatched):
    assert set(mismatched.index.get_level_values("method")) == set(list_methods())
    refused = mismatched[~mismatched["legal"]]
    assert set(refused.index) == {("fsp", "paper"), ("fsp", "repdistiller")}
    for why in refused["why_not"]:
        assert "16" in why and "32" in why and "adapter" in why and "\n" not in why
    assert (mismatched.loc[mismatched["legal"], "why_not"] == "").all()


def test_equal_channels_allow_everything():
    assert legality("resnet8", "resnet14", image_size=16)["legal"].all()


def test_a_teacher_without_batch_norms_for_its_preacts_is_refused_by_ofd():
    table = legality("resnet8", "shufflenet_v2", image_size=16)
    assert "no BN for half of the channels" in table.loc[("ofd", "paper"), "why_not"]


def test_images_that_a_network_does_not_take_are_named_once():
    vit = VisionTransformer(48, 16, num_layers=1, num_heads=1, hidden_dim=8, mlp_dim=8, num_classes=10)
    vit = tapped(vit, stages=["encoder.layers.encoder_layer_0"], tokens="grid")
    for pair in (("resnet8", vit), (vit, "resnet8")):
        with pytest.raises(ValueError, match=r"does not take images of shape .*32, 32.*image_size"):
            legality(*pair)


@pytest.mark.parametrize("size", [-1, 0, 1.5, "32", True])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match="image_size is"):
        legality("resnet8", "resnet8", image_size=size)
