"""The section of docs/results.md on the lesson study, made from its table: nothing in it is written by hand."""

from pathlib import Path

import numpy as np
import pandas as pd

from kd_teach._support.shipped import shipped
from kd_teach.course.results import study_table
from kd_teach.methods import list_methods
from kd_teach.study.analysis import MAIN, compare, in_block, read_study, summary
from kd_teach.study.settings_compared import gains_across, order_kept
from tools.markdown import table

HEADER = ["method", "seeds", "test accuracy (± sd), %", "over alone, points", "", "over KD, points", ""]
HEADER += ["found from", "agreement, %", "ECE, %", "scaled (T)", "s per epoch", "peak MB"]


def study_section(path: Path | None = None) -> str:
    """Heading, a paragraph and a table of the main block, a row per method; empty while there is no table."""
    path = path or shipped("results") / "lesson_study.csv"
    if not path.is_file():
        return ""
    runs = read_study(path)
    rows = in_block(runs)
    first = rows.iloc[0]
    teacher = runs.loc[runs["block"] == first["block"], "teacher"].iloc[0]  # `rows` has none for controls
    comparisons = {base: compare(runs, base) for base in ("alone", "kd") if base in set(rows["method"])}
    lines = [
        "## Which method is best?",
        "",
        f"{first['student']} under {teacher}, {first['data']}, {first['samples']:,} images, {first['epochs']} epochs. "
        "Runs of one seed begin with the same weights and see the same batches, so differences are taken seed by seed, "
        "with their interval and verdict (paired t test). All rows share one 5 % risk of a false claim, for which both "
        "are corrected (Holm): an interval that misses 0 and a verdict always say the same. "
        'CANNOT TELL is not "equal": "found from" is the smallest difference from alone that would be found with '
        f"80 % probability; over all rows {effects(comparisons)}. ECE: how far confidence is from accuracy; scaled: "
        "what is left after all logits were divided by one T, fitted on validation images (T above 1: it was too sure "
        "of itself; a dash: the run is older than this column). "
        f"Every run is in [{path.name}](../data/results/{path.name}); "
        "[15_compare](../notebooks/15_compare.ipynb) explains the rest. `kd-teach paper resnet56-resnet20` and its "
        "like make the known CIFAR-100 table at full scale, and first say how many GPU hours that takes.",
        "",
        table(HEADER, method_rows(summary(runs), comparisons), rule="--:"),
    ]
    if missing := [method for method in list_methods() if method not in set(rows["method"])]:
        lines += ["", f"No stored runs yet: {', '.join(missing)}."]
    if MAIN in set(runs["block"]):
        lines += ["", *across_section(gains_across(runs))]
    return "\n".join(lines)


def pairing_section() -> str:
    """What pairing gained in the lesson study: a row per method, and the medians."""
    runs = study_table()
    found = compare(runs)
    own = in_block(runs).groupby("label")["test_accuracy"].std() * 100  # points, over the seeds
    apart = np.hypot(own.reindex(found.index), own["alone"])  # of a difference between two seeds
    medians = f"Medians: correlation {found['correlation'].median():+.2f}, ratio {(found['sd'] / apart).median():.2f}."
    rows = [
        [f"`{label}`", f"{row.correlation:+.2f}", f"{row.sd:.2f}", f"{apart[label]:.2f}"]
        for label, row in found.iterrows()
    ]
    header = ["method", "correlation with alone", "sd of paired differences", "sd of unpaired ones"]
    return table(header, rows, rule="--:") + f"\n\n{medians}"


def across_section(gains: pd.DataFrame) -> list[str]:
    """The lines on the other settings: a row per method, a column per setting; none while there is but one setting."""
    settings, methods = (list(dict.fromkeys(gains[column])) for column in ("setting", "method"))
    if len(settings) < 2:
        return []
    cells = {(row.method, row.setting): f"{points(row.difference)} {row.verdict}" for row in gains.itertuples()}
    kept, found = order_kept(gains), gains.groupby("setting")["detectable"].median()
    pairs = gains.groupby("setting")["n"].agg(["min", "max"]).loc[settings]
    heads = [f"{s} ({low if low == high else f'{low} to {high}'})" for s, low, high in pairs.itertuples()]
    rows = [[f"`{method}`", *(cells.get((method, setting), "–") for setting in settings)] for method in methods]
    rows += [["found with 80 % probability, from (median)", *(number(found[s], ".1f") for s in settings)]]
    rows += [["order of the methods, against the first column", "", *(number(kept[s], "+.2f") for s in settings[1:])]]
    return [
        "### Does it last?",
        "",
        "The same in other settings: the mean difference in points of test accuracy from the student alone (beside "
        "KD: from KD), and the verdict, corrected within its column. In brackets: paired seeds. Last row: Spearman's "
        "rank correlation, 1 for the same order. Weights are those of the lesson, tuned under cifar10/resnet20 on its "
        "10,000 images, except where the column says that they are the published ones, and for FSP under wrn_16_2: "
        "that is its adapter variant at its own weight. The published weights ran on a GPU (float32 with TF32), all "
        "others on a CPU (bfloat16); `kd`, `ft`, `nst` and `ofd` have one weight in both, so how far their first two "
        "columns differ is the machine's doing, and chance's.",
        "",
        table(["method", *heads], rows),
    ]


def effects(comparisons: dict[str, pd.DataFrame]) -> str:
    """The range of the minimum detectable effects, per baseline."""
    parts = []
    for base, comparison in comparisons.items():
        found = comparison["detectable"].dropna()
        if len(found):
            low, high = f"{found.min():.1f}", f"{found.max():.1f}"
            parts.append(f"{low if low == high else f'{low} to {high}'} points against {base}")
    return "; ".join(parts) or "unknown below two paired seeds"


def method_rows(means: pd.DataFrame, comparisons: dict[str, pd.DataFrame]) -> list[list[str]]:
    """The cells of the main table, `HEADER` aside."""
    rows = []
    for label, row in means.iterrows():
        spread = "" if pd.isna(row["spread"]) else f" ± {100 * row['spread']:.2f}"
        cells = [f"`{label}`", f"{row['seeds']:.0f}", f"{100 * row['test_accuracy']:.2f}{spread}"]
        for base in ("alone", "kd"):
            cells += difference(comparisons.get(base), label)
        found = comparisons["alone"]["detectable"].get(label) if "alone" in comparisons else None
        cells += [number(found, ".1f"), number(100 * row["agreement"], ".1f"), number(100 * row["ece"], ".1f")]
        cells += ["–" if pd.isna(row["ece_scaled"]) else f"{100 * row['ece_scaled']:.1f} ({row['temperature']:.2f})"]
        cells += [number(row["seconds_per_epoch"], ".1f"), number(row["peak_mb"], ".0f")]
        rows.append(cells)
    return rows


def difference(comparison: pd.DataFrame | None, label: str) -> list[str]:
    """Two cells: the difference with its interval, and the verdict."""
    if comparison is None or label not in comparison.index:
        return ["–", ""]
    row = comparison.loc[label]
    if pd.isna(row["low"]):
        return [number(row["difference"], "+.2f"), row["verdict"]]
    return [f"{row['difference']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})", row["verdict"]]


def points(value: float) -> str:
    """With a sign and one digit, and never -0.0."""
    return f"{round(value, 1) + 0.0:+.1f}"


def number(value: float, form: str) -> str:
    return "–" if pd.isna(value) else format(value, form)
