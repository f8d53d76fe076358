"""shapes10 is the same everywhere, balanced, and its masks and outlines are what they say."""

import hashlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kd_teach import load_data, load_teacher, plots
from kd_teach.data import _drawing as draw
from kd_teach.data import normalise, shapes10
from kd_teach.data.shapes10 import CLASSES, FAMILIES, draw_shapes10
from kd_teach.measures.logits import accuracy, mean_soft_targets
from kd_teach.methods.at import attention_map

# sha256 over the bytes of images, labels and masks of draw_shapes10(200, seed=0). It changes only when the
# drawing is meant to change: a teacher that was trained on other pictures must then be trained again.
FINGERPRINT = "97216adbda381900ae49c48d013059442b34ae1eed247629c5159ac790a3bdd9"


@pytest.fixture(scope="module")
def split():
    return draw_shapes10(1000, seed=0)


@pytest.fixture(scope="module")
def teacher_sees():
    """500 test images, and what the shipped teacher shows of them."""
    data = load_data("shapes10", samples=10, val=0)
    split = data.test.select(slice(500))
    with torch.no_grad():
        return split, load_teacher("shapes10/resnet20")(normalise(split.images, data))


def test_pictures_are_the_same_on_every_platform(split):
    digest = hashlib.sha256()
    for tensor in (split.images, split.labels, split.masks):
        digest.update(tensor[:200].numpy().tobytes())
    assert digest.hexdigest() == FINGERPRINT


def test_more_images_continue_fewer(split):
    fewer = draw_shapes10(123, seed=0)  # ends within a chunk and within a ten
    for a, b in ((fewer.images, split.images), (fewer.labels, split.labels), (fewer.masks, split.masks)):
        torch.testing.assert_close(a, b[:123], rtol=0, atol=0)


def test_seeds_give_other_pictures_in_another_order(split):
    other = draw_shapes10(1000, seed=-(2**80))  # any integer will do
    assert not torch.equal(other.labels, split.labels)
    assert (other.images != split.images).float().mean() > 0.9


def test_every_ten_images_show_every_class_in_random_order(split):
    tens = split.labels.view(-1, 10)
    torch.testing.assert_close(tens.sort(dim=1).values, torch.arange(10).expand(100, 10))
    assert len(tens.unique(dim=0)) == 100


def test_families_part_the_classes():
    assert sorted(sum(FAMILIES.values(), ())) == sorted(CLASSES) == sorted(draw.OUTLINES)
    assert len(set(CLASSES)) == 10


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("ratio", shapes10._RATIO)
def test_outlines_enclose_the_same_area(name, ratio):
    side = np.linspace(-2.5, 2.5, 1000, dtype=np.float32)
    inside = draw.OUTLINES[name](side, side[:, None], np.float32(ratio)) < 0
    assert inside.mean() * 25 == pytest.approx(np.pi, rel=0.1)


@pytest.mark.parametrize("name", CLASSES)
def test_outlines_measure_distance_near_the_edge(name):
    """Edges are one pixel soft because the slope across them is 1, whatever the shape and its ratio."""
    side = np.linspace(-2.5, 2.5, 1000, dtype=np.float32)
    distance = draw.OUTLINES[name](side, side[:, None], np.float32(2.0))
    slope = np.hypot(*np.gradient(distance, side[1] - side[0]))
    edge = slope[np.abs(distance) < 0.03]
    assert np.mean(np.abs(edge - 1) < 0.05) > 0.9  # the rest are corners


def test_no_class_can_be_turned_into_another():
    """Over all angles and ratios, the best intersection over union of two classes stays clear of 1.

    The closest pair is the square and the widest diamond; with ratios from 1.0 they would coincide.
    """
    side = np.linspace(-2.2, 2.2, 60, dtype=np.float32)
    inside = {}
    for name, outline in draw.OUTLINES.items():
        poses = []
        for turn in np.arange(0, 2 * np.pi, np.pi / 30):
            cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
            x, y = cos * side + sin * side[:, None], cos * side[:, None] - sin * side
            poses += [outline(x, y, np.float32(ratio)).ravel() < 0 for ratio in np.linspace(*shapes10._RATIO, 4)]
        inside[name] = np.array(poses, np.float32)
    for i, a in enumerate(CLASSES):
        for b in CLASSES[i + 1 :]:
            both = inside[a][:4] @ inside[b].T  # a upright, b at every angle
            union = inside[a][:4].sum(1)[:, None] + inside[b].sum(1) - both
            assert (both / union).max() < 0.91, (a, b)


def test_masks_cover_the_object(split):
    area = split.masks.sum(dim=(1, 2))
    assert area.min() > 40 and area.max() < 300  # of 1024 pixels
    for label in range(10):  # size is no evidence of the class
        assert 130 < area[split.labels == label].float().mean() < 175


def test_masks_show_where_the_object_is(split, monkeypatch):
    """Without the objects, exactly the pixels outside their outlines stay as they were."""
    whole = shapes10._shape

    def no_object(dice, kinds, centre, radius):
        drawn = whole(dice, kinds, centre, radius)
        return drawn if radius.max() < shapes10._RADIUS[0] else np.zeros_like(drawn)

    monkeypatch.setattr(shapes10, "_shape", no_object)
    bare = draw_shapes10(1000, seed=0)
    assert not bare.masks.any()
    changed = (bare.images != split.images).any(dim=1)
    assert changed[split.masks].float().mean() > 0.98
    edges = changed & ~split.masks  # soft edges: less than half of such a pixel is the object's
    assert edges.sum() < 0.3 * split.masks.sum()
    change = (bare.images.int() - split.images.int()).abs().amax(dim=1).float()
    assert change[split.masks].mean() > 3 * change[edges].mean()


def test_object_stands_out_from_the_ground(split):
    """The mean colours of object and surroundings differ clearly in some channel."""
    inside, images = split.masks[:, None], split.images.double()
    object_colour = (images * inside).sum((2, 3)) / inside.sum((2, 3))
    ground_colour = (images * ~inside).sum((2, 3)) / (~inside).sum((2, 3))
    contrast = (object_colour - ground_colour).abs().amax(dim=1)
    assert contrast.min() > 35


def test_colours_lean_but_do_not_tell_the_class():
    """Logistic regression on the histogram of each channel in 16 bins: above chance, and at most 25 % right."""

    def histogram(images):
        levels = (images // 16).flatten(1).long()  # (N, 3 * 1024)
        which = levels + 16 * torch.arange(3).repeat_interleave(1024)
        return torch.zeros(len(images), 48).scatter_add_(1, which, torch.ones(which.shape)) / 1024  # (N, 3 * 16)

    data = load_data("shapes10")
    x, x_test = (histogram(split.images) for split in (data.train, data.test))
    mean, std = x.mean(0), x.std(0)
    x, x_test = (x - mean) / std, (x_test - mean) / std
    linear = torch.nn.Linear(48, 10)
    for weights in linear.parameters():
        torch.nn.init.zeros_(weights)
    steps = torch.optim.LBFGS(linear.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def loss():
        steps.zero_grad()
        value = F.cross_entropy(linear(x), data.train.labels) + 1e-3 * linear.weight.square().sum()
        value.backward()
        return value

    steps.step(loss)
    right = accuracy(linear(x_test).detach(), data.test.labels)
    assert 0.15 < right <= 0.25, right


def test_textures_lean_by_family(monkeypatch):
    """Round objects are plain, four-sided ones striped, pointed ones checked, if all keep to their family's."""
    monkeypatch.setattr(shapes10, "_WOVEN", 1.0)
    labels = np.arange(10).repeat(20)
    words = np.random.default_rng(0).integers(0, 2**16, (len(labels), 100)).astype(np.uint16)
    woven = shapes10._weave(draw.Dice(words), labels)
    assert woven.shape == (200, 3, 32, 32) and woven.dtype == np.float32
    across = woven[:, 0] - woven[:, 0].mean(axis=(1, 2), keepdims=True)
    spectrum = np.sort(np.abs(np.fft.fft2(across)).reshape(200, -1) ** 2)
    mostly = spectrum[:, -2:].sum(1) / np.maximum(spectrum.sum(1), 1e-9)  # the strongest wave and its mirror image
    names = {name: mostly[labels == label].mean() for label, name in enumerate(CLASSES)}
    assert [name for name in CLASSES if names[name] == 0] == list(FAMILIES["round"])
    assert min(names[name] for name in FAMILIES["four-sided"]) > 1.5 * max(names[n] for n in FAMILIES["pointed"])


def test_soft_targets_of_the_teacher_show_the_families(teacher_sees):
    """At T = 4, another class of the same family gets at least twice what one of another family gets, on average."""
    split, features = teacher_sees
    means = mean_soft_targets(features.logits, split.labels, temperature=4.0)
    family = torch.tensor([number for number, names in enumerate(FAMILIES.values()) for _ in names])
    same, other = family[:, None] == family, ~torch.eye(10, dtype=torch.bool)
    assert means[same & other].mean() >= 2 * means[~same].mean()


def test_attention_of_the_teacher_lies_on_the_object(teacher_sees):
    """Stage 3: twice what even attention has on the object, and more than attention to where objects mostly are."""
    split, features = teacher_sees
    maps = attention_map(features.stages[2])
    share = plots.attention_in_mask(maps, split.masks).mean()
    assert share >= 2 * split.masks.float().mean()
    assert share > plots.attention_in_mask(maps.mean(0, keepdim=True).expand_as(maps), split.masks).mean() + 0.05


@pytest.mark.parametrize("n", [0, -5])
def test_fewer_than_one_image_is_an_error(n):
    with pytest.raises(ValueError, match=f"n={n}.*1 or more"):
        draw_shapes10(n, seed=0)


@pytest.mark.parametrize("bad", [{"n": 2.0, "seed": 0}, {"n": 2, "seed": 0.5}, {"n": 2, "seed": "0"}])
def test_only_integers_are_taken(bad):
    with pytest.raises(TypeError, match="must be an integer"):
        draw_shapes10(bad["n"], seed=bad["seed"])


def test_dice_say_when_they_run_out():
    with pytest.raises(IndexError, match="4 random numbers"):
        draw.Dice(np.zeros((3, 4), np.uint16)).between(0, 1, 5)
