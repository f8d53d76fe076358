"""Maps that lie otherwise than (N, C, H, W), tokens, and networks that no tracer can follow."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, resnet18, swin_t, vgg11

from kd_teach.models import tapped
from kd_teach.models._views import grid_of
from kd_teach.models.features import look

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class Last(nn.Module):
    """A convolution whose map goes on with channels last, as in a Swin."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 4, stride=4)
        self.norm = nn.LayerNorm(6)
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.fc = nn.Linear(6, 2)

    def forward(self, x):
        y = self.norm(self.conv(x).permute(0, 2, 3, 1))
        z = self.pool(y.permute(0, 3, 1, 2))
        return self.fc(z.mean((2, 3)))


class Branching(Last):
    """Which way it goes depends on the numbers; its last layer works in place."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.bn = nn.BatchNorm2d(6)
        self.act = nn.ReLU(inplace=True)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        y = self.bn(self.conv(x) * self.scale)
        y = self.act(y) if y.mean() < 10 else y.sin()
        return self.fc(self.pool(y).mean((2, 3)))


def vit():
    torch.manual_seed(0)
    return VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16, num_classes=3)


TOKENS = ["encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1"]


@pytest.mark.parametrize("by", ["graph", "hooks"])
def test_channels_last_is_recognised_and_turned(by):
    model = Last()
    with pytest.raises(ValueError, match=r"stages\[0\] is laid out as \(N, H, W, C\): of \(1, 8, 8, 6\).*'NHWC'"):
        tapped(model, stages=["norm"], by=by)
    features = look(tapped(model, stages=["norm"], stem="conv", layout="NHWC", by=by), IMAGES)
    assert features.stem.shape == (2, 6, 8, 8)  # it lay right and was left alone
    expected = model.norm(features.stem.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(features.stages[0], expected)


def test_a_swin_is_recognised():
    model = swin_t(num_classes=2)
    with pytest.raises(ValueError, match=r"of \(1, 8, 8, 96\) the dimensions 1 and 2 are rows and columns"):
        tapped(model, stages=["features.1"])
    features = look(tapped(model, stages=["features.1", "features.7"], layout="NHWC", by="hooks"), IMAGES)
    assert [f.shape[1:] for f in features.stages] == [(96, 8, 8), (768, 1, 1)]


def test_maps_on_a_fixed_grid_and_networks_with_a_fixed_size_are_read_right():
    assert tapped(Last(), stages=["pool"]).views == ["NCHW"] * 3
    assert tapped(vgg11(num_classes=2), stages=["avgpool"], by="hooks").views == ["NCHW"] * 3
    flat = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 2))  # images of 32 and no others
    for by in ("graph", "hooks"):
        assert look(tapped(flat, stages=["0"], by=by), IMAGES).stages[0].shape == (2, 4, 30, 30)


def test_a_layout_that_no_map_has_is_refused():
    with pytest.raises(ValueError, match="in no map do rows and columns come before channels"):
        tapped(resnet18(num_classes=2), stages=["layer1"], layout="NHWC", by="hooks")
    with pytest.raises(ValueError, match="expected layout='NCHW' or 'NHWC'"):
        tapped(Last(), stages=["conv"], layout="channels_last")
    with pytest.raises(ValueError, match="expected 'graph' or 'hooks'"):
        tapped(Last(), stages=["conv"], by="hook")


@pytest.mark.parametrize("by", ["graph", "hooks"])
def test_tokens_become_a_map_in_the_order_of_the_patches(by):
    model = vit()
    with pytest.raises(ValueError, match=r"gives \(1, 17, 16\).*tokens='grid'"):
        tapped(model, stages=TOKENS, by=by)
    network = tapped(model, stages=TOKENS, stem="conv_proj", tokens="grid", by=by)
    features = look(network, IMAGES)
    assert [f.shape for f in (features.stem, *features.stages)] == [(2, 16, 4, 4)] * 3
    twin = look(copy.deepcopy(network), IMAGES)
    assert torch.equal(twin.stages[1], features.stages[1])
    seen = []
    with model.encoder.layers.encoder_layer_0.register_forward_hook(lambda m, x, y: seen.append(y)):
        model.eval()(IMAGES)
    torch.testing.assert_close(features.stages[0][:, :, 1, 2], seen[0][:, 1 + 4 * 1 + 2])


def test_registers_are_counted_and_what_is_no_grid_is_refused():
    images = torch.zeros(2, 3, 32, 48)
    patches = torch.arange(24.0).view(1, 24, 1).expand(2, 24, 5)
    tokens = torch.cat([torch.full((2, 5, 5), -1.0), patches], dim=1)  # a class token and four registers
    assert torch.equal(grid_of(tokens, images, 8)[0, 0], torch.arange(24.0).view(4, 6))
    assert grid_of(tokens[:, :5], images[..., :32], None).shape == (2, 5, 2, 2)
    for count, patch in ((12, None), (29, 16)):
        with pytest.raises(ValueError, match=rf"{count} tokens of images \(32, 48\) are no grid"):
            grid_of(tokens[:, :count], images, patch)


def test_control_flow_gets_the_way_out_and_hooks_see_what_the_graph_sees():
    model = Branching()
    with pytest.raises(ValueError, match=r"Branching cannot be traced .* by='hooks'"):
        tapped(model, stages=["conv"])
    network = tapped(model, stages=["act"], preacts=["bn"], stem="conv", by="hooks")
    features = network.eval()(IMAGES)
    assert features.preacts[0].min() < 0 and torch.equal(features.stages[0], features.preacts[0].relu())
    torch.testing.assert_close(features.logits, model(IMAGES))
    torch.testing.assert_close(features.embedding, model.pool(features.stages[0]).mean((2, 3)))
    assert network.preact_norms() == (model.bn,)
    reached = {id(p) for layer in network.lower(0) for p in layer.parameters()}
    assert reached == {id(p) for p in (*model.conv.parameters(), *model.bn.parameters(), model.scale)}
    assert {id(p) for layer in network.below_preacts() for p in layer.parameters()} == reached
    assert not model.act._forward_hooks and model.act.inplace
    with pytest.raises(ValueError, match="no stage 1"):
        network.lower(1)
    with pytest.raises(ValueError, match="preacts 'act' is a ReLU, no BatchNorm2d"):
        tapped(model, stages=["act"], by="hooks").preact_norms()
    with pytest.raises(ValueError, match=r"no module 'cnv'. Nearest: conv"):
        tapped(model, stages=["cnv"], by="hooks")
    with pytest.raises(ValueError, match="does not call 'unused'"):
        tapped(model, stages=["unused"], by="hooks")(IMAGES)


def test_wrapped_networks_are_unwrapped():
    model = Last()
    for wrapped in (nn.DataParallel(model), torch.compile(model), nn.DataParallel(torch.compile(model))):
        assert look(tapped(wrapped, stages=["conv"]), IMAGES).stages[0].shape == (2, 6, 8, 8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_number_formats_and_sizes_are_refused_in_a_sentence(dtype):
    network = tapped(Last().to(dtype), stages=["conv"])
    with pytest.raises(TypeError, match=rf"weights of {dtype}; expected torch.float32: call .float\(\)"):
        look(network, IMAGES)
    with pytest.raises(ValueError, match=r"does not take images of shape \(2, 3, 24, 24\).*Give it the size"):
        look(tapped(vit(), stages=TOKENS, tokens="grid"), IMAGES[..., :24, :24])
