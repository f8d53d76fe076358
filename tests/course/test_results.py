"""What ships beside the study's table belongs to it."""

import pandas as pd
import pytest

from kd_teach._support.shipped import shipped
from kd_teach.course import results
from kd_teach.study.analysis import in_block


def test_the_lesson_histories_are_those_of_the_runs_in_the_table():
    rows = in_block(results.study_table()).set_index(["label", "seed"])
    kept = pd.read_csv(shipped("results") / "lesson_histories.csv").groupby(["label", "seed"], sort=False)
    assert set(kept.groups) == set(rows.index)
    assert (kept.size() == rows["epochs"].reindex(kept.size().index)).all()
    ends = kept["val_accuracy"].last()
    assert ends.tolist() == pytest.approx(rows["val_accuracy"].reindex(ends.index).tolist())


def test_a_lesson_history_is_the_mean_over_the_seeds():
    kept = pd.read_csv(shipped("results") / "lesson_histories.csv")
    history = results.lesson_histories()["kd"]
    assert list(history["epoch"]) == sorted(set(kept["epoch"]))
    first = kept[(kept["label"] == "kd") & (kept["epoch"] == 1)]["distil"].mean()
    assert history["distil"].iloc[0] == pytest.approx(first)
