import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

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


RED, WHITE = (200, 40, 40), (255, 255, 255)


@pytest.mark.parametrize("suffix", folder.SUFFIXES)
def test_every_format_is_read(write_folder, suffix):
    root = write_folder()
    Image.new("L" if suffix == ".pgm" else "RGB", (8, 8), 77 if suffix == ".pgm" else (77, 77, 77)).save(
        root / "train" / "ant" / f"9{suffix.upper()}"
    )
    images = read_folder(root)[0].images
    assert (images[4] == 77).all() and len(images) == 13


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "seen"),
    [
        ("L", 77, "png", (77, 77, 77)),
        ("1", 1, "png", WHITE),
        ("P", 0, "gif", (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "jpg", (254, 0, 0)),
        ("RGBA", (*RED, 255), "png", RED),
        ("RGBA", (0, 0, 0, 0), "png", WHITE),
        ("RGBA", (0, 0, 0, 0), "webp", WHITE),
        ("RGBA", (100, 100, 100, 51), "tiff", (224, 224, 224)),  # a fifth of 100, four fifths of 255
        ("LA", (10, 0), "png", WHITE),
        ("I;16", 65_535, "png", WHITE),
        ("I;16", 40_000, "tif", (156, 156, 156)),
        ("I;16", 255, "png", (0, 0, 0)),
    ],
)
def test_every_mode_is_read_as_people_see_it(write_folder, mode, colour, suffix, seen):
    root = write_folder()
    Image.new(mode, (8, 8), colour).save(root / "test" / "ant" / f"9.{suffix}")
    assert read_folder(root)[1].images[2].unique(dim=2)[:, 0, 0].tolist() == pytest.approx(seen, abs=1)


def test_a_pgm_of_16_bits_and_a_palette_with_a_clear_colour(write_folder):
    root = write_folder()
    (root / "train" / "ant" / "8.pgm").write_bytes(b"P5 8 8 65535\n" + bytes((156, 64)) * 64)  # 40,000
    clear = Image.new("P", (8, 8), 3)
    clear.putpalette([0, 0, 0] * 4)
    clear.save(root / "train" / "ant" / "9.png", transparency=3)
    images = read_folder(root)[0].images
    assert (images[4] == 156).all() and (images[5] == 255).all()


def test_of_several_frames_the_first_is_read(write_folder):
    root = write_folder()
    first, second = (Image.new("RGB", (8, 8), (shade, shade, shade)) for shade in (30, 220))
    for suffix in ("gif", "webp", "tif", "png"):
        first.save(root / "train" / "ant" / f"9.{suffix}", save_all=True, append_images=[second])
    assert read_folder(root)[0].images[4:8].float().mean() == pytest.approx(30, abs=1)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(write_folder, orientation, suffix):
    """Four quarters of 8x8: what a viewer shows for each of the eight ways in which a camera can be held."""
    root, shades = write_folder(), torch.tensor([[0, 80], [160, 240]])
    upright = shades.repeat_interleave(4, 0).repeat_interleave(4, 1)
    stored = {  # what must be stored for the viewer to see `upright`: the inverse of each turn
        1: upright,
        2: upright.flip(1),
        3: upright.flip(0, 1),
        4: upright.flip(0),
        5: upright.T,
        6: upright.rot90(1),
        7: upright.T.flip(0, 1),
        8: upright.rot90(-1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(stored.to(torch.uint8).numpy()).convert("RGB")
    picture.save(root / "train" / "ant" / f"9.{suffix}", exif=exif, **({} if suffix == "tif" else {"quality": 100}))
    torch.testing.assert_close(read_folder(root)[0].images[4, 0].float(), upright.float(), atol=3, rtol=0)


def test_broken_exif_is_no_reason_to_refuse_a_picture(write_folder):
    root = write_folder()
    Image.new("RGB", (8, 8), RED).save(root / "train" / "ant" / "9.png", exif=b"Exif\0\0garbage")
    assert read_folder(root)[0].images[4, :, 0, 0].tolist() == list(RED)


def test_what_is_passed_over_is_counted_and_named_but_not_what_is_hidden(write_folder):
    root = write_folder()
    named = [root / "train" / "ant" / "notes.txt", root / "test" / "bee" / "a.heic", root / "train" / "beside.png"]
    gone = root / "train" / "cat" / "gone.png"
    gone.symlink_to(root / "nowhere.png")
    for path in (*named, root / "train" / "ant" / ".DS_Store", root / "test" / "ant" / "Thumbs.db"):
        path.write_text("not an image")
    (root / "train" / ".ipynb_checkpoints").mkdir()
    (root / "val").mkdir()
    with pytest.warns(UserWarning, match=r"5 file\(s\) or folder\(s\) passed over") as caught:
        train, _, classes = read_folder(root)
    message = str(caught[0].message)
    assert len(caught) == 1 and len(train) == 12 and classes == CLASSES
    assert all(str(path) in message for path in (*named, gone, root / "val"))
    assert "DS_Store" not in message and "Thumbs" not in message and "checkpoints" not in message


def test_folders_in_a_class_and_links_are_followed_but_not_in_circles(write_folder, tmp_path):
    root, elsewhere = write_folder(), tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_image(random_images(1)[0], elsewhere / "0.png")
    (root / "train" / "ant" / "deep" / "deeper").mkdir(parents=True)
    write_image(random_images(1)[0], root / "train" / "ant" / "deep" / "deeper" / "0.png")
    (root / "train" / "ant" / "deep" / "again").symlink_to(root / "train" / "ant")
    (root / "train" / "ant" / "linked.png").symlink_to(elsewhere / "0.png")
    for part in ("train", "test"):
        (root / part / "dog").symlink_to(elsewhere)
    train, test, classes = read_folder(root)
    assert classes == (*CLASSES, "dog")
    assert torch.bincount(train.labels).tolist() == [6, 4, 4, 1] and len(test) == 7


def test_names_are_compared_in_one_unicode_form(write_folder):
    root = write_folder(classes=("Ku\u0308he", "Schafe"))  # as a Mac writes them
    (root / "test" / "Ku\u0308he").rename(root / "test" / "K\u00fche")
    assert read_folder(root)[2] == ("K\u00fche", "Schafe")
    (root / "test" / "Ku\u0308he").mkdir()
    with pytest.raises(ValueError, match="one name in two Unicode forms"):
        read_folder(root)


def test_size_takes_the_centre_of_the_shorter_side(write_folder):
    """Landscape and portrait: torchvision's resize and crop of tensors say what is right."""
    root = write_folder()
    noise = torch.randint(256, (3, 60, 90), dtype=torch.uint8)
    smooth = resize(noise[:, :6, :9], [60, 90])
    for name, picture in (("8", smooth), ("9", smooth.transpose(1, 2))):
        write_image(picture, root / "train" / "ant" / f"{name}.png")
    images = read_folder(root, 20)[0].images
    assert images.shape == (14, 3, 20, 20)
    for image, picture in zip(images[4:6], (smooth, smooth.transpose(1, 2)), strict=True):
        expected = center_crop(resize(picture, [20], antialias=True), [20, 20])
        torch.testing.assert_close(image.float(), expected.float(), atol=4, rtol=0)
    assert torch.equal(read_folder(root, 60)[0].images[4], smooth[:, :, 15:75])  # nothing to resize: only cut


def test_pixels_are_averaged_when_a_picture_shrinks(write_folder):
    root, stripes = write_folder(), torch.zeros(3, 64, 64, dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    write_image(stripes, root / "train" / "ant" / "9.png")
    shrunk = read_folder(root, 8)[0].images[4].float()
    assert shrunk.mean() == pytest.approx(127, abs=2) and shrunk.std() < 20  # without antialiasing: 0 or 255


def test_the_second_read_decodes_nothing_until_a_file_changes(write_folder, monkeypatch):
    root = write_folder()
    first, _, _ = read_folder(root)
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_decode", lambda path, size: pytest.fail("decoded again"))
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


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_a_pixel_are_refused(write_folder, mode):
    root = write_folder()
    Image.new(mode, (8, 8), 1).save(root / "test" / "ant" / "0.tif")
    with pytest.raises(ValueError, match=r"0\.tif: holds 32 bits a pixel"):
        read_folder(root)


def test_unequal_sizes_are_refused_with_the_commonest_and_the_fix(write_folder):
    root = write_folder()
    odd = root / "train" / "ant" / "0.png"  # the first that is read is not taken for the right one
    Image.new("RGB", (9, 7)).save(odd)
    with pytest.raises(ValueError, match=r"17 of 18 are 8x8 \(height x width\), 1 differ\(s\)\. Pass size=32") as error:
        read_folder(root)
    assert f"{odd}: 7x9" in str(error.value)


def test_too_many_pixels_are_refused_before_they_fill_the_memory(write_folder, monkeypatch):
    root = write_folder()
    monkeypatch.setattr(folder, "LARGEST_WHOLE", 18 * 8 * 8 * 3 - 1)
    with pytest.raises(ValueError, match=r"18 images of 8x8 .* too much for the memory.*Pass size=32"):
        read_folder(root)
    assert len(read_folder(root, 4)[0]) == 12


def test_missing_folders_and_images_are_named(write_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No folder .*train"):
        read_folder(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(FileNotFoundError, match=r"train has no class folders"):
        read_folder(tmp_path)
    root = write_folder()
    for path in (root / "test" / "bee").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"bee holds no \.jpg, \.jpeg, \.png, .* file; add"):
        read_folder(root)
    (root / "test" / "bee").rename(root / "test" / "wasp")
    with pytest.raises(ValueError, match=r"Only in train: \['bee'\]; only in test: \['wasp'\]"):
        read_folder(root)


def test_one_class_is_refused(write_folder):
    with pytest.raises(ValueError, match="has one class, ant; there is nothing to tell apart"):
        read_folder(write_folder(classes=("ant",)))


def test_a_missing_part_says_what_is_there(write_folder):
    root = write_folder()
    (root / "test").rename(root / "val")
    with pytest.raises(FileNotFoundError, match=r"No folder .*test;.*holds train, val\."):
        read_folder(root)
