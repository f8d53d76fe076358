"""Fair rivals: as many epochs with labels, or as much time."""

import pandas as pd
import pytest

from kd_teach.study.analysis import compare
from kd_teach.study.controls import equal_time_epochs, label_epochs
from tests.study.test_analysis import ALONE, AT, KD, runs, table


def test_epochs_with_labels():
    assert label_epochs("kd", 6) == 6 and label_epochs("fitnet", 6, variant="repdistiller") == 6
    assert label_epochs("fitnet", 8) == label_epochs("ab", 8) == 6 and label_epochs("ft", 8) == 7


def test_epochs_for_equal_time():
    """alone: 10 s an epoch; kd takes 1.5 times as long, crd a third as long again and a bit."""
    seconds = pd.Series({"alone": 60.0, "kd": 90.0, "crd": 121.0})
    assert equal_time_epochs(seconds, 6) == {"kd": 9, "crd": 12}


def test_each_is_compared_with_the_baseline_of_its_own_epochs():
    """2 epochs each; alone of 3 epochs is better by a point, that of 1 epoch worse by two."""
    longer = runs("alone", [0.61, 0.62, 0.63], epochs=3, block="alone_epochs")
    shorter = runs("alone", [0.58, 0.59, 0.60], epochs=1, block="alone_epochs")
    study = table(ALONE, KD, AT, longer, shorter)
    found = compare(study, baseline_epochs={"kd": 3, "at": 1})["difference"]
    assert found.to_dict() == pytest.approx({"kd": 3, "at": 0.666667 + 2})
    assert list(compare(study, baseline_epochs={"kd": 3}).index) == ["kd"]
    assert compare(study).loc["kd", "difference"] == pytest.approx(4)
    assert compare(study, baseline_epochs={"kd": 9}).loc["kd", "n"] == 0
