"""What a study's table says: who beats whom, by how much, and when nobody can tell.

The rule of the verdict, the same everywhere. Two methods are compared seed by seed: the difference of two runs that
began with the same weights and saw the same batches. The paired t test gives a p value; those of all methods that are
compared with one baseline are corrected together (Holm). Below 0.05 the verdict is BEATS or LOSES, after the sign of
the mean difference; otherwise it is CANNOT TELL, which is not "equal": the minimum detectable effect says how large a
difference would have been found. Intervals are widened by the same correction: an interval that misses 0 and a verdict
always say the same, for all comparisons of a table share one 5 % risk of a false claim.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from kd_teach._support.errors import unknown
from kd_teach._support.files import user_path
from kd_teach.study.cells import CONFIGURATION, CONTROLS
from kd_teach.study.statistics import (
    bootstrap_interval,
    detectable_effect,
    holm,
    holm_confidence,
    paired_p,
    t_interval,
)

SETTING = ["data", "samples", "epochs", "student"]
NEEDED = [*CONFIGURATION, "test_accuracy"]
TELLING = {  # what a label names where a method has several, and how
    "variant": "",
    "teacher": "under ",
    "weight": "× ",
    "task_weight": "labels × ",
    "with_kd": "kd × ",
    "student": "to ",
    "data": "on ",
    "samples": "n = ",
    "epochs": "epochs = ",
}
MAIN = "lesson"  # the block meant where none is named
ALPHA = 0.05


def read_study(path: str | Path) -> pd.DataFrame:
    """The table that `kd-teach study` wrote: a row per run, accuracies as shares 0..1.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: a column is missing, an accuracy is no share, or a run stands there twice.
    """
    if not (path := user_path(path)).is_file():
        raise FileNotFoundError(f"{path} is not there: no study is stored under this name. `kd-teach study` makes one.")
    table = pd.read_csv(path)
    if missing := [column for column in NEEDED if column not in table]:
        raise ValueError(f"{path} lacks the columns {', '.join(missing)}; expected a table of `kd-teach study`.")
    texts = ["block", "method", "variant", "teacher", "student", "data"]
    table[texts] = table[texts].astype(object).fillna("").astype(str)
    if not table["test_accuracy"].between(0, 1).all():
        row = table[~table["test_accuracy"].between(0, 1)].iloc[0]
        raise ValueError(
            f"{path}: the test accuracy of {row['method']}, seed {row['seed']}, is {row['test_accuracy']}; "
            "expected a share, 0..1."
        )
    if (twice := table[table.duplicated([*CONFIGURATION])]).shape[0]:
        row = twice.iloc[0]
        raise ValueError(
            f"{path} holds a run twice: {row['method']}, seed {row['seed']}, block {row['block']!r}. Delete one row."
        )
    return table


def in_block(table: pd.DataFrame, block: str | None = None) -> pd.DataFrame:
    """The rows of one block with a column `label`: the method, and what tells its configurations there apart.

    None means the block "lesson", or the table's first where there is none of that name.
    """
    blocks = list(dict.fromkeys(table["block"]))
    if not blocks:
        raise ValueError("The table has no rows; let `kd-teach study` finish at least one run.")
    if block is None:
        block = MAIN if MAIN in blocks else blocks[0]
    if block not in blocks:
        raise unknown("block", block, blocks)
    rows = _controls_once(table[table["block"] == block])
    rows["label"] = rows["method"] + np.where(rows["with_kd"].notna(), " + kd", "")
    for column, sign in TELLING.items():
        several = rows.groupby("label")[column].transform("nunique", dropna=False) > 1
        values = rows[column].map(lambda v: f"{v:g}" if isinstance(v, float) else str(v))
        rows["label"] += np.where(several, " " + sign + values, "")
    return rows


def compare(
    table: pd.DataFrame,
    baseline: str = "alone",
    *,
    block: str | None = None,
    alpha: float = ALPHA,
    baseline_epochs: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Every method of a block against one baseline, the largest difference first.

    Args:
        table: as `read_study` gives it.
        baseline: a method or label; its runs may stand in another block, if data, budget, student and seed are equal.
        block: None means the main one (`in_block`).
        alpha: what Holm-corrected p values are held against.
        baseline_epochs: label -> epochs of the runs of the baseline that it is compared with; labels that are not in it
            are left out. None: as many as the label's own (`controls` knows other fair numbers).

    Returns:
        A row per label. n: pairs; unpaired: seeds left out, as only one of the two has them; difference (mean of method
        less baseline), low, high (t) and boot_low, boot_high (bootstrap), both widened as the verdict is
        (`holm_confidence`), sd (of the differences) and detectable (found with 80 % probability, even where Holm's
        correction is at its hardest), all in points of accuracy; correlation of the two over the seeds (near 0,
        pairing gains nothing); p, p_holm; verdict: BEATS, LOSES, CANNOT TELL, or TOO FEW SEEDS below two pairs.

    Raises:
        ValueError: an unknown block or baseline, or a baseline that has several configurations.
    """
    rows = in_block(table, block)
    base = _baseline(table, rows, baseline, own_block_first=baseline_epochs is None)
    if baseline_epochs is not None:
        rows = rows[rows["label"].isin([baseline, *baseline_epochs])]
    found, differences = [], {}
    for label, group in rows.groupby("label", sort=False):
        if label == baseline or (group["method"].eq(baseline) & group["with_kd"].isna()).all():
            continue
        shared = [*SETTING, *(["teacher"] if not {baseline, group["method"].iloc[0]} & set(CONTROLS) else [])]
        setting = group[shared].drop_duplicates()
        if baseline_epochs is not None:
            setting["epochs"] = baseline_epochs[label]
        partners = base.merge(setting, on=shared)  # what the group can be compared with
        if partners["seed"].duplicated().any():
            raise ValueError(
                f"The baseline {baseline!r} has several configurations for one seed; name one of the block's labels: "
                f"{', '.join(dict.fromkeys(rows['label']))}."
            )
        pairs = group.merge(partners, on="seed", suffixes=("", "_base"))
        d = 100 * (pairs["test_accuracy"] - pairs["test_accuracy_base"]).to_numpy()
        left_out = sorted(set(group["seed"]) ^ set(partners["seed"]))
        row = {"label": label, "n": len(d), "unpaired": ", ".join(map(str, left_out))}
        row["difference"] = d.mean() if len(d) else np.nan
        if len(d) >= 2:
            differences[label] = d
            row["correlation"] = pairs["test_accuracy"].corr(pairs["test_accuracy_base"])
            row |= {"sd": d.std(ddof=1), "p": paired_p(d)}
        found.append(row)
    columns = ["n", "unpaired", "difference", "low", "high", "boot_low", "boot_high", "sd", "correlation", "p"]
    result = pd.DataFrame(found, columns=["label", *columns]).set_index("label")
    result[columns[2:]] = result[columns[2:]].astype(float)
    judged = result["n"] >= 2
    result["p_holm"] = pd.Series(holm(result["p"][judged]), index=result.index[judged], dtype=float)
    for (label, d), confidence in zip(
        differences.items(), holm_confidence(result["p"][judged], alpha=alpha), strict=True
    ):
        ends = (*t_interval(d, confidence=confidence), *bootstrap_interval(d, confidence=confidence))
        result.loc[label, ["low", "high", "boot_low", "boot_high"]] = ends
    result["verdict"] = [decide(*pair, alpha) for pair in zip(result["p_holm"], result["difference"], strict=True)]
    spreads = result.loc[judged, ["sd", "n"]].itertuples()
    effects = {row.Index: detectable_effect(row.sd, row.n, alpha=alpha / judged.sum()) for row in spreads}
    result["detectable"] = pd.Series(effects, dtype=float)
    result.attrs |= {"baseline": baseline, "block": rows["block"].iloc[0]}
    return result.sort_values("difference", ascending=False, kind="stable")


def decide(p_holm: float, difference: float, alpha: float = ALPHA) -> str:
    """The verdict on one corrected p value; NaN, for less than two pairs, gives TOO FEW SEEDS."""
    if np.isnan(p_holm):
        return "TOO FEW SEEDS"
    if p_holm >= alpha:
        return "CANNOT TELL"
    return "BEATS" if difference > 0 else "LOSES"


def summary(table: pd.DataFrame, *, block: str | None = None) -> pd.DataFrame:
    """Means over the seeds of each label, the most accurate first; what a run costs is a median.

    Columns: seeds (number), test_accuracy, spread (standard deviation of it over seeds), val_accuracy, agreement, ece,
    ece_scaled (shares 0..1), temperature (that ece_scaled is at, fitted on validation images), seconds_per_epoch,
    peak_mb; NaN where nothing was measured. The last two are medians because the machine may have had other work
    beside one of the runs.
    """
    rows = in_block(table, block).groupby("label", sort=False)
    result = pd.DataFrame({"seeds": rows.size(), "test_accuracy": rows["test_accuracy"].mean()})
    result["spread"] = rows["test_accuracy"].std()
    typical = dict.fromkeys(("val_accuracy", "agreement", "ece", "temperature", "ece_scaled"), "mean")
    typical |= dict.fromkeys(("seconds_per_epoch", "peak_mb"), "median")
    for column, how in typical.items():
        result[column] = rows[column].agg(how) if column in table else np.nan
    return result.sort_values("test_accuracy", ascending=False, kind="stable")


def _controls_once(table: pd.DataFrame) -> pd.DataFrame:
    """A copy in which controls have no teacher, and so stand once where they stood once for each teacher."""
    table = table.copy()
    table.loc[table["method"].isin(CONTROLS), "teacher"] = ""
    return table.drop_duplicates([column for column in CONFIGURATION if column != "block"])


def _baseline(table: pd.DataFrame, rows: pd.DataFrame, baseline: str, *, own_block_first: bool) -> pd.DataFrame:
    """The baseline's runs, one per setting and seed: the block's own, or else those of all blocks."""
    anywhere = _controls_once(table)
    sources = [
        rows[rows["label"] == baseline],
        rows[(rows["method"] == baseline) & rows["with_kd"].isna()],
        anywhere[(anywhere["method"] == baseline) & anywhere["with_kd"].isna()],
    ]
    for found in sources if own_block_first else sources[2:]:
        if len(found):
            return found[[*SETTING, "teacher", "seed", "test_accuracy"]]
    raise unknown("baseline", baseline, set(table["method"]) | set(rows["label"]))
