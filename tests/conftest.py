"""What every test gets: known seeds, no windows, no bars, and drawn data that is kept from run to run."""

import os

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch


def pytest_configure(config: pytest.Config) -> None:
    matplotlib.use("Agg")  # not through MPLBACKEND: the kernels of notebooks would inherit that
    os.environ.setdefault("KD_TEACH_PROGRESS", "0")
    # Kept from run to run; `pytest --cache-clear` empties it.
    os.environ.setdefault("KD_TEACH_CACHE", str(config.cache.mkdir("kd_teach")))


@pytest.fixture(autouse=True)
def reproducible() -> None:
    np.random.seed(0)  # noqa: NPY002 - some code under test, or a user's, may still draw from it
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")
