import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from kd_teach.data import Augment, batches_per_epoch, normalise, plain_batches, training_batches
from kd_teach.data.batches import crop_and_flip

SIZE = (6, 7)
STILL = Augment(pad=0, flip=False)


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 4), st.integers(1, 5), st.randoms(use_true_random=False))
def test_crop_and_flip_matches_loops(pad, count, random):
    images = torch.randint(256, (count, 3, *SIZE), dtype=torch.uint8)
    corners = torch.tensor([[random.randint(0, 2 * pad), random.randint(0, 2 * pad)] for _ in range(count)])
    mirrored = torch.tensor([random.random() < 0.5 for _ in range(count)])

    result = crop_and_flip(images, corners, mirrored, pad=pad)

    for image, (top, left), mirror, moved in zip(images, corners, mirrored, result, strict=True):
        framed = F.pad(image.flip(2) if mirror else image, (pad, pad, pad, pad))
        assert torch.equal(moved, framed[:, top : top + SIZE[0], left : left + SIZE[1]])


def test_normalise_matches_its_equation_and_is_channels_last(data):
    images = torch.randint(256, (4, 3, *SIZE), dtype=torch.uint8)
    result = normalise(images, data)
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (data.mean, data.std))
    torch.testing.assert_close(result, (images / 255 - mean) / std)
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_an_epoch_has_each_image_at_most_once_with_its_own_label_and_pixels(data):
    batches = list(training_batches(data, 5, seed=0, epoch=0, augment=STILL))
    assert len(batches) == batches_per_epoch(data, 5) == 4  # 23 images: the ragged last batch is dropped
    index = torch.cat([batch.index for batch in batches])
    assert len(index.unique()) == 20
    assert torch.equal(torch.cat([batch.labels for batch in batches]), data.train.labels[index])
    torch.testing.assert_close(
        torch.cat([batch.images for batch in batches]), normalise(data.train.images[index], data)
    )


def test_batches_depend_on_seed_and_epoch_alone(data):
    def epoch(seed: int, epoch: int):
        return list(itertools.chain(*training_batches(data, 5, seed=seed, epoch=epoch)))

    first = epoch(0, 0)
    torch.manual_seed(99)  # the global generator has no say
    assert same(first, epoch(0, 0))
    for other in ((0, 1), (1, 0), (-1, 0), (10**30, 0)):
        assert not same(first, epoch(*other))


@pytest.mark.parametrize("start", range(5))
def test_start_yields_the_same_later_batches(data, start):
    whole = list(training_batches(data, 5, seed=3, epoch=2))
    resumed = list(training_batches(data, 5, seed=3, epoch=2, start=start))
    assert len(resumed) == len(whole) - start
    assert all(same(a, b) for a, b in zip(whole[start:], resumed, strict=True))


def test_augmentation_reaches_every_place_and_mirrors_half(data):
    """White images show where the frame came in; one bright column shows the mirroring."""
    data.train.images.fill_(255)
    black = normalise(torch.zeros(1, 3, 1, 1, dtype=torch.uint8), data).flatten()
    seen = set()
    for epoch in range(20):
        for batch in training_batches(data, 23, seed=0, epoch=epoch, augment=Augment(pad=1, flip=False)):
            dark = torch.isclose(batch.images, black.view(3, 1, 1)).all(1)  # (B, H, W)
            rows, columns = dark.all(2), dark.all(1)
            seen |= {
                tuple(edges.tolist())
                for edges in torch.stack([rows[:, 0], rows[:, -1], columns[:, 0], columns[:, -1]], 1)
            }
    assert len(seen) == 9  # three places down times three across

    data.train.images[:, :, :, 1:] = 0
    flips = torch.cat(
        [
            batch.images[:, 0, 0, -1] > 0
            for epoch in range(40)
            for batch in training_batches(data, 23, seed=0, epoch=epoch, augment=Augment(pad=0))
        ]
    )
    assert 0.43 < flips.float().mean() < 0.57  # 920 draws: four standard deviations


def test_augmentation_does_not_change_the_order(data):
    still = next(training_batches(data, 23, seed=0, epoch=0, augment=STILL))
    moved = next(training_batches(data, 23, seed=0, epoch=0))
    assert torch.equal(still.index, moved.index)


def test_impossible_epochs_are_refused_at_the_call(data):
    with pytest.raises(ValueError, match="batch_size 24 does not fit 23 training images"):
        training_batches(data, 24, seed=0, epoch=0)
    with pytest.raises(ValueError, match="batch_size 0 does not fit"):
        training_batches(data, 0, seed=0, epoch=0)
    with pytest.raises(ValueError, match=r"start=5 .* 4 batches"):
        training_batches(data, 5, seed=0, epoch=0, start=5)
    with pytest.raises(ValueError, match="pad is -1"):
        Augment(pad=-1)


def test_plain_batches_are_the_split_in_order(data):
    batches = list(plain_batches(data.test, data, 4))
    assert [len(batch.labels) for batch in batches] == [4, 4, 1]
    images, labels, index = (torch.cat(parts) for parts in zip(*batches, strict=True))
    torch.testing.assert_close(images, normalise(data.test.images, data))
    assert torch.equal(labels, data.test.labels)
    assert index.tolist() == list(range(9))
    assert list(plain_batches(data.test.select([]), data)) == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_yields_the_same_batches(data):
    for here, there in zip(
        training_batches(data, 5, seed=0, epoch=0),
        training_batches(data, 5, seed=0, epoch=0, device="cuda"),
        strict=True,
    ):
        torch.testing.assert_close(tuple(here), tuple(tensor.cpu() for tensor in there))
