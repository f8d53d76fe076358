"""The table of what a pair allows, found by trying."""

import pytest

from kd_teach import legality
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
