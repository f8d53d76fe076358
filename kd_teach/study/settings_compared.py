"""Does a finding last? The same methods in other settings, each block of the study against its own baseline."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from kd_teach.study.analysis import compare, in_block


class Question(NamedTuple):
    """What a block of the study asks, in a word or two, and against whom."""

    heading: str
    baseline: str = "alone"


QUESTIONS = {  # block -> question, in the order in which they are shown; data/studies has a grid for each
    "lesson": Question("the lesson"),
    "published": Question("published weights"),
    "with_kd": Question("added to KD, over KD", "kd"),
    "wrn": Question("under wrn_16_2"),
    "shapes10": Question("on shapes10"),
    "full_data": Question("48,000 images"),
    "fresh_seeds": Question("ten fresh seeds"),
}


def gains_across(table: pd.DataFrame, questions: Mapping[str, Question] = QUESTIONS) -> pd.DataFrame:
    """What each method gains in each setting; verdicts are corrected within a setting, not over all of them.

    Args:
        table: as `analysis.read_study` gives it.
        questions: block -> what it asks; blocks that the table lacks are left out. Where a block has runs with KD at
            their side, it is about those.

    Returns:
        A row per setting and method, in the order of `questions` and of the gains in the first setting: setting (the
        heading), method, n, difference, low, high, detectable (points, as in `analysis.compare`), verdict. Methods
        without a pair are left out.

    Raises:
        ValueError: the table has none of the blocks, a baseline has no runs, or a block has a method twice.
    """
    parts = []
    for block, question in questions.items():
        if block not in set(table["block"]):
            continue
        own, beside_kd = table["block"] == block, table["with_kd"].notna()
        asked = table
        if (own & beside_kd).any():  # its other rows are there to be compared with: verdicts are not corrected for them
            asked = table[~own | beside_kd | (table["method"] == question.baseline)]
        found = compare(asked, question.baseline, block=block).dropna(subset="difference")
        methods = in_block(asked, block).drop_duplicates("label").set_index("label")["method"]
        found = found.assign(setting=question.heading, method=found.index.map(methods))
        if (twice := found["method"][found["method"].duplicated()]).size:
            labels = ", ".join(found.index)
            raise ValueError(f"Block {block!r} has several configurations of {twice.iloc[0]}: {labels}.")
        parts.append(found[["setting", "method", "n", "difference", "low", "high", "detectable", "verdict"]])
    if not parts:
        raise ValueError(f"The table has none of the blocks {', '.join(questions)}; it has {set(table['block'])}.")
    return pd.concat(parts, ignore_index=True)


def order_kept(gains: pd.DataFrame) -> pd.Series:
    """How far the order of the methods in the first setting comes back in each other one: Spearman's rho.

    1 is the same order, 0 none, -1 the reverse; over the methods that both have, NaN below three.
    """
    wide = gains.pivot(index="method", columns="setting", values="difference")
    first, *others = dict.fromkeys(gains["setting"])
    kept = {}
    for setting in others:
        both = wide[[first, setting]].dropna()
        kept[setting] = stats.spearmanr(both[first], both[setting]).statistic if len(both) > 2 else np.nan
    return pd.Series(kept, name=f"rank correlation with {first}", dtype=float)
