"""Noise as a data set."""

import torch

from kd_teach.data import noise


def test_shapes_classes_and_repetition():
    data = noise(7, classes=3, size=8)
    assert data.train.images.shape == (7, 3, 8, 8) and data.train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert data.num_classes == 3 and len(data.val) == 0 and len(data.test) == 7
    assert torch.equal(data.train.images, noise(7, classes=3, size=8).train.images)
    assert data.train.images.float().std() > 60  # of 0..255, evenly: 74
