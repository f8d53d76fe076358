"""The rule by which a study asks again, written down before it is used: which rows, and how many fresh seeds."""

import pandas as pd

from kd_teach.study.statistics import detectable_effect

MATTERS = 1.0  # points of accuracy: less would change nobody's choice of a method
MOST_ROWS = 4
MOST_SEEDS = 30


def more_seeds(comparison: pd.DataFrame, *, matters: float = MATTERS) -> pd.DataFrame:
    """Rows of a comparison that deserve fresh seeds, the largest difference first, and how many.

    A row is asked again if its verdict is CANNOT TELL although the difference seen is at least `matters`; of those, the
    four largest. Each gets so many seeds that a true difference of `matters` is found with 80 % probability at
    Holm's hardest step among them, `MOST_SEEDS` at most. Then a new comparison is made of the fresh seeds alone, once:
    seeds that were looked at before, or added until a verdict comes, would find an effect too often.

    Args:
        comparison: as `analysis.compare` gives it.
        matters: the smallest difference, in points, that would matter if it were true.

    Returns:
        A row per label: difference, sd (points), seeds, and detectable (points): what so many seeds find.
    """
    open_rows = comparison[(comparison["verdict"] == "CANNOT TELL") & (comparison["difference"].abs() >= matters)]
    chosen = open_rows.sort_values("difference", key=abs, ascending=False, kind="stable").head(MOST_ROWS)
    result = chosen[["difference", "sd"]].copy()
    alpha = 0.05 / max(1, len(chosen))
    effects = {s: [detectable_effect(s, n, alpha=alpha) for n in range(2, MOST_SEEDS + 1)] for s in chosen["sd"]}
    result["seeds"] = [
        next((n for n, effect in enumerate(effects[sd], start=2) if effect <= matters), MOST_SEEDS)
        for sd in chosen["sd"]
    ]
    result["detectable"] = [effects[row.sd][row.seeds - 2] for row in result.itertuples()]
    return result
