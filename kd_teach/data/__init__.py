"""Data sets as uint8 tensors in memory, and batches made of them.

`load_data` gives train, val and test splits; `training_batches` augments and normalises them, batch by batch.
"""

from kd_teach.data.batches import Augment, batches_per_epoch, normalise, plain_batches, training_batches
from kd_teach.data.load import list_data, load_data
from kd_teach.data.noise import noise
from kd_teach.data.types import Batch, Data, Split

__all__ = [
    "Augment",
    "Batch",
    "Data",
    "Split",
    "batches_per_epoch",
    "list_data",
    "load_data",
    "noise",
    "normalise",
    "plain_batches",
    "training_batches",
]
