"""The numbers that travel with the package: what our study measured, and what others reported.

Tables lie in data/results of a checkout and in kd_teach/_results of an installed package. Each has a JSON or a header
that says where it comes from.
"""

from pathlib import Path

import pandas as pd

from kd_teach._support.shipped import shipped
from kd_teach.methods import get_recipe
from kd_teach.study.analysis import read_study
from kd_teach.study.findings import Finding
from kd_teach.study.findings import finding as of_table
from kd_teach.study.papers import list_papers

BLOCKS = {"cifar10": "lesson", "shapes10": "shapes10"}  # data -> the study's block with the lesson's budget


def results_folder() -> Path:
    """Where the shipped tables lie."""
    return shipped("results")


def study_table() -> pd.DataFrame:
    """Every run of the shipped study; FileNotFoundError where none ships yet."""
    return read_study(results_folder() / "lesson_study.csv")


def lesson_histories() -> dict[str, pd.DataFrame]:
    """Label -> the history of that method's lesson runs, means over the seeds; empty where none ship."""
    path = results_folder() / "lesson_histories.csv"
    if not path.is_file():
        return {}
    table = pd.read_csv(path)
    means = table.drop(columns="seed").groupby(["label", "phase", "epoch"], sort=False).mean().reset_index()
    return {label: history.drop(columns="label") for label, history in means.groupby("label", sort=False)}


def finding(method: str, baseline: str = "alone", *, data: str = "cifar10", budget: str = "lesson") -> Finding:
    """What the shipped study says of one method, in two lines; it says so where it has no runs of it.

    Args:
        method, baseline: as for `study.findings.finding`.
        data: the data set's name; on one that was not studied, such as a folder of photographs, there are no runs.
        budget: "full" has no runs; what "smoke" trains proves nothing, so it is told what a lesson would give.
    """
    block = BLOCKS.get(data) if budget != "full" else None
    try:
        table = study_table()
    except FileNotFoundError:
        table = None
    if table is None or block not in set(table["block"]):
        return Finding(method, baseline, "NO RUNS", missing=f"{method} on {data} with the budget {budget!r}")
    return of_table(table, method, baseline, block=block)


def reported(method: str) -> pd.DataFrame:
    """CIFAR-100 top-1 accuracy, per cent, of the pairs of `kd-teach paper`, as RepDistiller's README reports it.

    A row each for the teacher, the student alone, KD and `method`, and one for what the method adds to the student
    alone. OFD has no row there: NaN. All thirteen pairs: `study.papers.published()`.
    """
    get_recipe(method)  # an unknown name gets the list
    table = pd.read_csv(results_folder() / "repdistiller_cifar100.csv", comment="#", index_col="method")
    table = table[[pair for pair in table if pair in list_papers()]]
    rows = table.reindex(dict.fromkeys(["teacher", "student alone", "kd", method]))
    rows.loc[f"{method} - alone"] = rows.loc[method] - rows.loc["student alone"]
    return rows


def reported_since() -> pd.DataFrame:
    """What newer methods report for nine of those pairs, per cent, and by which protocol; NaN where nobody says.

    A row per method: epoch ("last", "best", "best printed"), epochs, views, tuned, a column per pair, read_in (the
    repositories); the file's first lines say what the words mean.
    """
    return pd.read_csv(results_folder() / "reported_since.csv", comment="#", index_col="method")
