"""The registry: names, errors, sizes."""

import pytest
import torch

from kd_teach.models import create_model, list_models

# At 100 classes, as published with the common CIFAR-100 distillation benchmark.
PARAMETERS = {
    "resnet20": 278_324,
    "resnet56": 861_620,
    "resnet8x4": 1_233_540,
    "resnet32x4": 7_433_860,
    "resnet50": 23_705_252,
    "wrn_16_2": 703_284,
    "wrn_40_1": 569_780,
    "wrn_40_2": 2_255_156,
    "vgg8": 3_965_028,
    "vgg13": 9_462_180,
    "mobilenet_v2": 812_836,
    "shufflenet_v1": 949_258,
    "shufflenet_v2": 1_355_528,
}


def test_the_families_of_every_table_are_there():
    assert set(list_models()) == {
        *(f"resnet{depth}" for depth in (8, 14, 20, 32, 44, 56, 110, 50)),
        *("resnet8x4", "resnet32x4", "wrn_16_1", "wrn_16_2", "wrn_40_1", "wrn_40_2"),
        *("vgg8", "vgg11", "vgg13", "vgg16", "vgg19", "mobilenet_v2", "shufflenet_v1", "shufflenet_v2"),
    }


@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_parameter_counts_are_the_published_ones(name, expected):
    with torch.device("meta"):
        network = create_model(name, num_classes=100)
    assert sum(p.numel() for p in network.parameters()) == expected


def test_a_seed_gives_the_same_weights():
    torch.manual_seed(3)
    one = create_model("resnet8")
    torch.manual_seed(3)
    two = create_model("resnet8")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match=r"'resnt20'.*Did you mean 'resnet20'\?.*wrn_40_2"):
        create_model("resnt20")


def test_no_classes_is_an_error():
    with pytest.raises(ValueError, match="num_classes is 0; expected a whole number from 1"):
        create_model("resnet8", num_classes=0)
