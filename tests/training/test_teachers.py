"""Weights from a file: every wrapping comes back, and what does not fit is named."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kd_teach import create_model, distill, load_teacher, tapped
from tests.helpers import same_weights, tiny_data

NETWORK = create_model("resnet8", 3)
WRAPPED = {
    "plain": NETWORK.state_dict(),
    "DataParallel": nn.DataParallel(NETWORK).state_dict(),
    "compiled": torch.compile(NETWORK).state_dict(),
    "both": torch.compile(nn.DataParallel(NETWORK)).state_dict(),
    "state_dict": {"epoch": 3, "state_dict": NETWORK.state_dict()},
    "model": {"model": nn.DataParallel(NETWORK).state_dict(), "optimizer": {"lr": 0.1}},
}


def small() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@pytest.mark.parametrize("wrapping", WRAPPED)
@pytest.mark.parametrize("model", ["resnet8", lambda: create_model("resnet8", 3)], ids=["name", "function"])
def test_a_state_dict_comes_back(wrapping, model, tmp_path):
    torch.save(WRAPPED[wrapping], tmp_path / "t.pth")
    teacher = load_teacher(tmp_path / "t.pth", model=model)
    assert same_weights(teacher, NETWORK) and not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())


def test_safetensors_come_back(tmp_path):
    save_file({f"module.{name}": value for name, value in NETWORK.state_dict().items()}, tmp_path / "t.safetensors")
    assert same_weights(load_teacher(tmp_path / "t.safetensors", model="resnet8"), NETWORK)


def test_a_tapped_teacher_comes_back_whichever_way_it_was_tapped(tmp_path):
    make = {
        "bare": small,
        "graph": lambda: tapped(small(), stages=["0", "1"]),
        "hooks": lambda: tapped(small(), stages=["0"], by="hooks"),
    }
    for saved in make.values():
        first = saved()
        torch.save(first.state_dict(), tmp_path / "t.pth")
        expected = list(first.state_dict().values())
        for way in make.values():
            assert all(map(torch.equal, load_teacher(tmp_path / "t.pth", model=way).state_dict().values(), expected))


def test_what_does_not_fit_is_named(tmp_path):
    state = NETWORK.state_dict()
    state["classifier.weight"] = state["classifier.weight"].repeat(2, 1)
    state["extra"] = state.pop("classifier.bias")
    torch.save(state, tmp_path / "t.pth")
    message = (
        r"not those of Network: 1 missing: classifier\.bias; 1 unexpected: extra; "
        r"1 of another shape: classifier\.weight \(6, 64\) instead of \(3, 64\)"
    )
    with pytest.raises(ValueError, match=message):
        load_teacher(tmp_path / "t.pth", model=lambda: create_model("resnet8", 3))


def test_files_that_hold_no_weights_are_refused(tmp_path):
    torch.save(NETWORK, tmp_path / "whole.pth")
    torch.save({"loss": 1.0}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"12345678{")
    (tmp_path / "empty.pth").touch()
    for name, message in {
        "whole.pth": r"holds no weights that can be read safely.*torch\.save\(network\.state_dict",
        "cut.safetensors": "holds no weights that can be read safely",
        "empty.pth": "holds no weights that can be read safely",
        "other.pth": "holds loss; expected names and tensors",
        "list.pth": "holds list; expected names and tensors",
        "none.pth": "is no file",
    }.items():
        with pytest.raises(ValueError, match=message):
            load_teacher(tmp_path / name, model="resnet8")


def test_a_file_asks_for_its_network(tmp_path):
    path = tmp_path / "t.pth"
    torch.save(NETWORK.state_dict(), path)
    with pytest.raises(ValueError, match=r"does not say what network.*load_teacher\('.*t\.pth', model='resnet20'\)"):
        distill("kd", student="resnet8", teacher=path, data=tiny_data(), epochs=1)
    with pytest.raises(TypeError, match="expected a name or a function"):
        load_teacher(path, model=NETWORK)
    teacher = load_teacher(path, model="resnet8")
    assert distill("kd", student="resnet8", teacher=teacher, data=tiny_data(), epochs=1, batch_size=8).complete


@pytest.mark.parametrize("name", ["nowhere.pth", "nowhere.pt", "some/nowhere.safetensors"])
def test_a_file_that_is_not_there_is_no_unknown_teacher(name):
    with pytest.raises(ValueError, match=f"There is no file {name}"):
        distill("kd", student="resnet8", teacher=name, data=tiny_data())
