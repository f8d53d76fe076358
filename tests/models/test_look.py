"""Looking at what a network shows: in eval mode, without gradients and without a trace."""

import pytest
import torch
from torch import nn

from kd_teach import create_model, look
from tests.helpers import same_weights

IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("training", [True, False])
def test_shows_what_eval_mode_shows_and_leaves_no_trace(training):
    torch.manual_seed(0)
    network, again = create_model("resnet8", 3).train(training), create_model("resnet8", 3)
    again.load_state_dict(network.state_dict())
    shown = look(network, IMAGES)
    assert shown.logits.equal(again.eval()(IMAGES).logits) and not shown.logits.requires_grad
    assert network.training == training and same_weights(network, again)


def test_the_mode_is_restored_after_an_error():
    network = create_model("resnet8", 3).train()
    with pytest.raises(ValueError):
        look(network, IMAGES[:, :1])
    assert network.training


def test_other_answers_are_refused():
    with pytest.raises(TypeError, match="Sequential answers with Tensor; expected Features.*tapped"):
        look(nn.Sequential(nn.Flatten()), IMAGES)


def test_the_mode_of_every_part_is_restored():
    network = create_model("resnet8", 3).train()
    network.stem.eval()
    look(network, IMAGES)
    assert network.training and network.stages.training and not network.stem.training
