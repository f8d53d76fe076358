import dataclasses
import math
from dataclasses import replace

import pytest
import torch

from kd_teach.data import Split
from kd_teach.data.types import take
from tests.helpers import tiny_data


def split_of(images=(4, 3, 8, 8), dtype=torch.uint8, labels=(4,), label_dtype=torch.int64, masks=None) -> Split:
    masks = None if masks is None else torch.zeros(masks, dtype=torch.bool)
    return Split(torch.zeros(images, dtype=dtype), torch.zeros(labels, dtype=label_dtype), masks)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"dtype": torch.float32},
            r"images must be torch.uint8 .* not torch.float32 of shape \(4, 3, 8, 8\)",
        ),
        ({"images": (4, 1, 8, 8)}, r"\(N, 3, H, W\), not torch.uint8 of shape \(4, 1, 8, 8\)"),
        ({"images": (3, 8, 8)}, r"\(N, 3, H, W\)"),
        ({"labels": (5,)}, r"labels must be torch.int64 of shape \(4,\), not .* \(5,\)"),
        ({"label_dtype": torch.int32}, "labels must be torch.int64"),
        ({"masks": (4, 8, 9)}, r"masks must be torch.bool of shape \(4, 8, 8\)"),
    ],
)
def test_split_refuses_wrong_tensors(wrong, message):
    with pytest.raises(ValueError, match=message):
        split_of(**wrong)


def test_select_takes_images_labels_and_masks_together():
    images = torch.randint(256, (5, 3, 8, 8), dtype=torch.uint8)
    masks = torch.rand(5, 8, 8) < 0.5
    split = Split(images, torch.arange(5), masks)
    for rows in ([3, 1], torch.tensor([3, 1]), slice(1, 4)):
        chosen = split.select(rows)
        assert torch.equal(chosen.images, images[rows])
        assert torch.equal(chosen.labels, torch.arange(5)[rows])
        assert torch.equal(chosen.masks, masks[rows])
    assert len(split.select([])) == 0


def test_sample_mixes_what_is_sorted_and_repeats_itself():
    split = Split(torch.zeros(40, 3, 2, 2, dtype=torch.uint8), torch.arange(40) // 10)
    drawn = split.sample(12)
    assert len(drawn) == 12 and len(drawn.labels.unique()) > 1
    assert torch.equal(drawn.labels, split.sample(12).labels)
    assert not torch.equal(drawn.labels, split.sample(12, seed=1).labels)
    assert split.sample(40).labels.bincount().tolist() == [10] * 4  # nothing twice
    with pytest.raises(ValueError, match="41 images were asked for; this split has 40"):
        split.sample(41)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_take_is_indexing_and_channels_last(layout):
    images = torch.randint(256, (5, 3, 8, 6), dtype=torch.uint8).to(memory_format=layout)
    rows = torch.tensor([4, 0, 4])
    taken = take(images, rows)
    assert torch.equal(taken, images[rows])
    assert taken.is_contiguous(memory_format=torch.channels_last)


def test_data_refuses_empty_splits_sizes_and_labels_that_do_not_fit(data):
    empty = data.train.select([])
    for name in ("train", "test"):
        with pytest.raises(ValueError, match=f"the {name} split holds no images"):
            dataclasses.replace(data, **{name: empty})
    assert len(dataclasses.replace(data, val=empty).val) == 0
    with pytest.raises(ValueError, match=r"\(6, 6\) in test, \(8, 8\) in train"):
        dataclasses.replace(data, test=split_of(images=(4, 3, 6, 6)))
    with pytest.raises(ValueError, match=r"labels 0\.\.2 in train, expected 0\.\.1 for 2 classes"):
        dataclasses.replace(data, classes=("ant", "bee"))


def test_fingerprint_sees_every_split_and_no_memory_layout(data):
    def changed(split: Split, field: str) -> Split:
        tensor = getattr(split, field).clone()
        tensor.view(-1)[-1] = 0 if tensor.view(-1)[-1] else 1
        return dataclasses.replace(split, **{field: tensor})

    others = {data.fingerprint()}
    for name in ("train", "val", "test"):
        for field in ("images", "labels"):
            others.add(dataclasses.replace(data, **{name: changed(getattr(data, name), field)}).fingerprint())
    assert len(others) == 7

    last = data.train.images.contiguous(memory_format=torch.channels_last)
    again = dataclasses.replace(data, train=Split(last, data.train.labels))
    assert again.fingerprint() == data.fingerprint()


def test_data_shows_itself_in_one_line(data):
    assert repr(data) == "Data('small': 23 train, 6 val, 9 test; 3 classes; 8x8 pixels)"
    assert repr(data.train) == "Split(23 images of (3, 8, 8))"


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize("value", [(math.nan,) * 3, (-1, 0.5, 0.5), ("a",) * 3, (0.5,), 0.5, "abc"])
def test_impossible_statistics_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        replace(tiny_data(), **{name: value})


def test_a_deviation_of_zero_is_refused():
    with pytest.raises(ValueError, match="a std of tiny is 0"):
        replace(tiny_data(), std=(0, 0, 0))
