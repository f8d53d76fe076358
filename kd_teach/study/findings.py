"""One method against one baseline, in a few lines for a notebook."""

from dataclasses import dataclass

import pandas as pd

from kd_teach.study.analysis import compare, in_block


@dataclass(frozen=True)
class Finding:
    """What a study says of one method; `str()` of it is the text."""

    method: str
    baseline: str
    verdict: str  # BEATS, LOSES, CANNOT TELL, TOO FEW SEEDS or NO RUNS
    missing: str = ""  # NO RUNS: of which of the two
    numbers: pd.Series | None = None  # the row of `compare`; None without runs
    family: int = 0  # comparisons that were corrected together
    setting: str = ""  # networks, data and budget

    def __str__(self) -> str:
        r = self.numbers
        if r is None:
            return f"No stored runs of {self.missing} yet."
        left_out = f" (without a partner and left out: seed {r['unpaired']})" if r["unpaired"] else ""
        if self.verdict == "TOO FEW SEEDS":
            return f"{self.method} against {self.baseline}: {r['n']} paired seed(s){left_out}, no interval, no verdict."
        against = {"BEATS": "BEATS", "LOSES": "LOSES to"}.get(self.verdict, "against")
        claim = f"{self.method} {against} {self.baseline}" + (": CANNOT TELL" if against == "against" else "")
        return (
            f"{claim}: {r['difference']:+.2f} points, interval {r['low']:+.2f} to {r['high']:+.2f}; "
            f"{r['n']} paired seeds{left_out}, p = {r['p_holm']:.2g} (both Holm, {self.family} compared).\n"
            f"{self.setting}\nEffects from {r['detectable']:.2f} points are found with 80 % probability."
        )


def finding(table: pd.DataFrame, method: str, baseline: str = "alone", *, block: str | None = None) -> Finding:
    """What a study's table says of one method, and that it says nothing where it has no two paired seeds of it.

    Args:
        table, baseline, block: as for `compare`.
        method: a method, or a label where the block has several configurations of it.

    Raises:
        ValueError: an unknown block, a method with several configurations (the message lists them), or the
            baseline itself.
    """
    rows = in_block(table, block)
    labels = list(dict.fromkeys(rows.loc[(rows["label"] == method) | (rows["method"] == method), "label"]))
    if method in labels:
        labels = [method]
    if not labels:
        return Finding(method, baseline, "NO RUNS", missing=method)
    if len(labels) > 1:
        raise ValueError(f"{method!r} has several configurations here; name one: {', '.join(labels)}.")
    if baseline not in {*table["method"], *rows["label"]}:
        return Finding(labels[0], baseline, "NO RUNS", missing=baseline)
    comparison = compare(table, baseline, block=block)
    if labels[0] not in comparison.index:
        raise ValueError(f"{labels[0]!r} would be compared with itself; choose another baseline than {baseline!r}.")
    numbers = comparison.loc[labels[0]]
    first = rows[rows["label"] == labels[0]].iloc[0]
    under = f" under {first['teacher']}" if first["teacher"] else ""
    images = "all" if pd.isna(first["samples"]) else f"{first['samples']:,.0f}"
    setting = f"{first['student']}{under}, {first['data']}, {images} images, {first['epochs']} epochs."
    family = int((comparison["n"] >= 2).sum())
    return Finding(labels[0], baseline, numbers["verdict"], "", numbers, family, setting)
