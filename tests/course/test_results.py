"""What ships beside the study's table belongs to it."""

from dataclasses import replace

import pandas as pd
import pytest

from kd_teach import Lesson
from kd_teach._support.shipped import shipped
from kd_teach.course import results
from kd_teach.study.analysis import in_block
from kd_teach.study.papers import list_papers, published
from tests.helpers import tiny_data


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


@pytest.mark.parametrize(
    ("data", "budget", "told"),
    [
        ("cifar10", "lesson", ", cifar10, 10,000 images, 6 epochs."),
        ("cifar10", "full", "No stored runs of kd on cifar10 with the budget 'full' yet."),
        ("/home/me/moths", "lesson", "No stored runs of kd on /home/me/moths with the budget 'lesson' yet."),
    ],
)
def test_a_finding_is_of_the_lessons_data_and_budget(data, budget, told):
    assert told in str(Lesson(budget, replace(tiny_data(), name=data), None, "t", "resnet8", 6).finding("kd"))


def test_another_data_set_has_another_finding(monkeypatch):
    rows = results.study_table().query("block == 'lesson'")
    drawn = rows.assign(block="shapes10", data="shapes10", test_accuracy=rows["test_accuracy"] / 2)
    monkeypatch.setattr(results, "study_table", lambda: pd.concat([rows, drawn], ignore_index=True))
    cifar, drawn = (results.finding("kd", data=name) for name in ("cifar10", "shapes10"))
    assert drawn.numbers["difference"] == pytest.approx(cifar.numbers["difference"] / 2)
    assert "shapes10" in drawn.setting and "cifar10" in cifar.setting


def test_a_lesson_shows_the_pairs_that_can_be_trained_here():
    rows = results.reported("crd")
    assert set(rows) == set(list_papers()) and rows.loc["crd - alone", "resnet56-resnet20"] == pytest.approx(2.10)


def test_what_was_reported_since_says_by_which_protocol():
    since, before = results.reported_since(), published()
    pairs = [column for column in since if "-" in column]
    assert set(pairs) < set(before) and len(pairs) == 9
    for name, row in (("student alone", "alone"), ("KD", "kd"), ("CRD", "crd")):
        assert since.loc[name, pairs].tolist() == before.loc[row, pairs].tolist()
    assert set(since["epoch"].dropna()) == {"last", "best", "best printed"}
    assert set(since["tuned"].dropna()) == {"no", "per pair", "per pair, on test images"}
    assert set(since.index[since["epochs"] > 240]) == set(since.index[since["views"] == 2]) == {"MLKD", "MLKD + LSKD"}
    assert (
        (since[pairs] > before.loc["alone", pairs])
        .where(since[pairs].notna(), True)
        .drop("student alone")
        .all(axis=None)
    )
