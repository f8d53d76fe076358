"""Device and number format: chosen by the machine, overridable, and never silently wrong."""

import pytest
import torch

from kd_teach.training import precision
from kd_teach.training.precision import autocast, pick_device, pick_precision


@pytest.mark.parametrize(("has", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_follows_the_processor(monkeypatch, has, expected):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: has)
    assert pick_precision("auto", "cpu") == expected


def test_what_is_asked_for_wins():
    assert pick_precision("bfloat16", "cpu") == "bfloat16" and pick_precision("float32", "cpu") == "float32"


def test_autocast_computes_layers_in_the_chosen_format():
    layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    for name, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        with autocast(torch.device("cpu"), name):
            assert layer(x).dtype == dtype


def test_errors():
    with pytest.raises(ValueError, match="Unknown precision 'half'; expected auto, float32 or bfloat16"):
        pick_precision("half", "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no 'cuda'"):
            pick_device("cuda")
