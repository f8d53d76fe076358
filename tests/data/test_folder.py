import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from kd_teach.data import folder
from kd_teach.data.folder import read_folder
from tests.data.conftest import CLASSES, random_images, write_image


def read_image(path: Path) -> Tensor:
    return pil_to_tensor(Image.open(path))


def test_reads_every_image_with_its_class(write_folder):
    root = write_folder()
    train, test, classes = read_folder(root)
    assert classes == CLASSES
    assert train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(train.images[5], read_image(root / "train" / "bee" / "1.png"))
    assert torch.equal(test.images[5], read_image(root / "test" / "cat" / "1.png"))
    assert train.images.is_contiguous(memory_format=torch.channels_last)


def test_jpeg_grey_and_alpha_become_rgb_and_other_files_are_passed_over(write_folder):
    root = write_folder()
    Image.new("L", (8, 8), 77).save(root / "train" / "ant" / "9.JPG")
    Image.new("RGBA", (8, 8), (77, 77, 77, 10)).save(root / "test" / "ant" / "9.png")
    (root / "train" / "ant" / "notes.txt").write_text("not an image")
    (root / "train" / ".hidden").mkdir()
    train, test, classes = read_folder(root)
    assert classes == CLASSES
    assert (train.images[4] == 77).all()
    assert (test.images[2] == 77).all()


def test_the_second_read_decodes_nothing_until_a_file_changes(write_folder, monkeypatch):
    root = write_folder()
    first, _, _ = read_folder(root)
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_decode", lambda path: pytest.fail("decoded again"))
        again, _, _ = read_folder(root)
    assert torch.equal(first.images, again.images)

    path = root / "train" / "ant" / "0.png"
    write_image(255 - first.images[0], path)
    os.utime(path, ns=(1, 1))
    assert torch.equal(read_folder(root)[0].images[0], 255 - first.images[0])


def test_unreadable_files_are_all_named(write_folder):
    root = write_folder()
    png, jpeg, empty = (root / "train" / "bee" / name for name in ("0.png", "x.jpg", "y.jpg"))
    png.write_bytes(png.read_bytes()[:-40])
    write_image(random_images(1)[0], jpeg)
    jpeg.write_bytes(jpeg.read_bytes()[:-60])
    empty.touch()
    with pytest.raises(ValueError, match=r"Cannot read 3 image file\(s\)") as error:
        read_folder(root)
    assert all(str(path) in str(error.value) for path in (png, jpeg, empty))


def test_more_than_ten_unreadable_files_are_counted(write_folder):
    root = write_folder(train=14)
    for path in (root / "train" / "ant").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"Cannot read 14 image file\(s\)") as error:
        read_folder(root)
    assert str(error.value).count(".png") == 10
    assert str(error.value).endswith("... and 4 more")


def test_sixteen_bits_are_not_cut_to_eight(write_folder):
    root = write_folder()
    Image.new("I;16", (8, 8), 40_000).save(root / "test" / "ant" / "0.png")
    with pytest.raises(ValueError, match=r"0\.png: holds torch.uint16 values, expected 8 bits"):
        read_folder(root)


def test_another_size_is_named_with_the_expected_one(write_folder):
    root = write_folder()
    odd = root / "test" / "cat" / "1.png"
    write_image(random_images(1, size=9)[0], odd)
    with pytest.raises(ValueError, match=r"must be 8x8 .* 1 differ\(s\)") as error:
        read_folder(root)
    assert f"{odd}: 9x9" in str(error.value)


def test_missing_folders_and_images_are_named(write_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No folder .*train"):
        read_folder(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(FileNotFoundError, match=r"train has no class folders"):
        read_folder(tmp_path)
    root = write_folder()
    for path in (root / "test" / "bee").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"bee holds no \.jpg, \.jpeg, \.png file"):
        read_folder(root)
    (root / "test" / "bee").rename(root / "test" / "wasp")
    with pytest.raises(ValueError, match=r"Only in train: \['bee'\]; only in test: \['wasp'\]"):
        read_folder(root)
