import pytest
import torch

from kd_teach.data import list_data, load, load_data
from kd_teach.data.load import statistics
from tests.data.conftest import random_images, write_image


@pytest.fixture
def pictures(write_folder):
    return write_folder(train=20, test=5)  # 60 and 15 images of 3 classes


def rows_of(split) -> set[bytes]:
    return {image.contiguous().numpy().tobytes() for image in split.images}


def test_splits_are_disjoint_and_test_is_whole(pictures):
    data = load_data(pictures, samples=15, seed=4)
    assert (len(data.train), len(data.val), len(data.test)) == (15, 10, 15)  # val: a sixth of 60
    assert torch.bincount(data.train.labels).tolist() == [5, 5, 5]
    assert sorted(torch.bincount(data.val.labels).tolist()) == [3, 3, 4]
    assert not rows_of(data.train) & rows_of(data.val)
    assert not rows_of(data.test) & (rows_of(data.train) | rows_of(data.val))
    assert len(load_data(pictures).train) == 50


def test_val_depends_on_the_seed_but_not_on_samples(pictures):
    val = rows_of(load_data(pictures, samples=9, val=12, seed=1).val)
    assert val == rows_of(load_data(pictures, samples=30, val=12, seed=1).val)
    assert val != rows_of(load_data(pictures, samples=9, val=12, seed=2).val)


def test_the_same_seed_gives_the_same_data(pictures):
    first, again, other = (load_data(pictures, samples=9, seed=seed).fingerprint() for seed in (0, 0, 10**25))
    assert first == again != other


def test_val_may_be_empty(pictures):
    data = load_data(pictures, val=0)
    assert (len(data.train), len(data.val)) == (60, 0)


def test_statistics_are_of_the_whole_training_set(pictures):
    small, whole = load_data(pictures, samples=3), load_data(pictures, val=0)
    assert (small.mean, small.std) == (whole.mean, whole.std)
    pixels = whole.train.images.double() / 255
    torch.testing.assert_close(torch.tensor(small.mean, dtype=torch.double), pixels.mean((0, 2, 3)))
    torch.testing.assert_close(torch.tensor(small.std, dtype=torch.double), pixels.std((0, 2, 3), correction=0))


def test_a_channel_without_contrast_has_std_1():
    images = random_images(3)
    images[:, 1] = 51
    mean, std = statistics(images)
    assert mean[1] == pytest.approx(0.2)
    assert std[1] == 1.0


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (
            {"samples": 51},
            r"samples=51 is impossible: 60 training images less 10 .* leave 50.*choose 3 to 50",
        ),
        ({"samples": 2}, "samples=2 is impossible.*3 classes"),
        ({"samples": -5}, "samples=-5"),
        ({"samples": 0}, "samples=0"),
        ({"val": -1}, "val=-1 does not fit 60 training images"),
        ({"val": 58}, "val=58 .*choose 0 to 57"),
    ],
)
def test_impossible_numbers_are_refused(pictures, numbers, message):
    with pytest.raises(ValueError, match=message):
        load_data(pictures, **numbers)


def test_every_class_survives_the_cuts(write_folder):
    root = write_folder(train=1, test=1)
    for number, image in enumerate(random_images(60)):
        write_image(image, root / "train" / "ant" / f"more{number}.png")
    data = load_data(root, val=20, samples=3)
    assert sorted(data.train.labels.tolist()) == [0, 1, 2]


def test_unknown_names_get_the_nearest_one():
    with pytest.raises(ValueError, match=r"'cifr10'. Did you mean 'cifar10'\?.* cifar100, shapes10.*folder"):
        load_data("cifr10")
    assert list_data() == ["shapes10", "cifar10", "cifar100"]


def test_shapes10_is_drawn_once_and_cut_from_one_pool(monkeypatch):
    monkeypatch.setattr(load, "SHAPES10_POOL", {"train": 120, "test": 20})
    data = load_data("shapes10", samples=50, seed=0)
    assert (len(data.train), len(data.val), len(data.test)) == (50, 20, 20)
    assert data.train.masks.shape == (50, 32, 32)
    assert data.num_classes == 10
    assert data.image_size == (32, 32)
    assert not rows_of(data.train) & rows_of(data.test)

    monkeypatch.setattr(load, "_draw", lambda count, seed: pytest.fail("drawn again"))
    assert load_data("shapes10", samples=50, seed=0).fingerprint() == data.fingerprint()
    other = load_data("shapes10", samples=50, seed=1)
    assert torch.equal(other.test.images, data.test.images)
    assert not torch.equal(other.train.images, data.train.images)


def test_a_folder_one_level_up_or_down_is_offered(pictures):
    for wrong in (pictures / "train", pictures / "train" / "ant", pictures.parent):
        with pytest.raises(FileNotFoundError, match=r"No folder .*train;") as error:
            load_data(wrong)
        assert str(error.value).endswith(f"Did you mean {pictures}?")
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*trian") as error:
        load_data(f"{pictures}/trian")
    assert str(error.value).endswith(f"Did you mean {pictures}?")
    with pytest.raises(NotADirectoryError, match=r"0\.png is a file; expected a folder"):
        load_data(pictures / "train" / "ant" / "0.png")


def test_a_path_may_begin_with_the_home_folder(pictures, monkeypatch):
    monkeypatch.setenv("HOME", str(pictures.parent))
    assert load_data("~/pictures").fingerprint() == load_data(pictures).fingerprint()


def test_a_folder_is_normalised_by_its_own_statistics_or_by_imagenets_and_says_so(pictures, capsys):
    own = load_data(pictures)
    said = capsys.readouterr().out
    assert "60 training and 15 test images of 8x8" in said and f"by data: mean {own.mean[0]:.3f}" in said
    pretrained = load_data(pictures, size=6, normalise="imagenet")
    assert (pretrained.mean, pretrained.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (own.resized, pretrained.resized) == ("no", "shorter side to 6, then the centre")
    said = capsys.readouterr().out
    assert "shorter side to 6" in said and "by imagenet: mean 0.485 0.456 0.406" in said
    with pytest.raises(ValueError, match=r"'imagnet'. Did you mean 'imagenet'"):
        load_data(pictures, normalise="imagnet")


@pytest.mark.parametrize("size", [0, -1, 5000, "32", 8.0])
def test_impossible_sizes_are_refused(pictures, size):
    with pytest.raises(ValueError, match=r"size is .*; expected a whole number from 1 to 2048"):
        load_data(pictures, size=size)
    with pytest.raises(ValueError, match=r"goes with a folder of your own images; those of shapes10 are 32x32"):
        load_data("shapes10", size=32)
