"""Who stands where: ranks with intervals, accuracy against cost, and whether a loss's fall tells the gain."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from kd_teach.study.analysis import in_block, summary


def ranks(
    table: pd.DataFrame, *, block: str | None = None, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """Ranks by mean test accuracy, 1 = best, with bootstrap intervals over seeds.

    The seeds that all share are drawn again with replacement, the same draw for all methods, and everyone is ranked
    anew: low and high are the ranks between which 95 % of the draws lie. Ties share the mean of their ranks.

    Args:
        table, block: as for `analysis.compare`.

    Returns:
        A row per label, best first: rank, low, high, seeds. Labels with less than two seeds are left out.

    Raises:
        ValueError: no two seeds that all others share.
    """
    rows = in_block(table, block)
    wide = rows.pivot(index="seed", columns="label", values="test_accuracy")
    wide = wide.loc[:, wide.notna().sum() >= 2]
    common = wide.dropna()
    if len(common) < 2:
        have = "; ".join(f"{label}: {sorted(wide[label].dropna().index)}" for label in wide) or "none has two"
        raise ValueError(f"Ranks need two seeds that all methods share; seeds are {have}.")
    scores = common.to_numpy()  # (seeds, labels)
    drawn = np.random.default_rng(seed).integers(len(scores), size=(resamples, len(scores)))
    again = stats.rankdata(-scores[drawn].mean(1).round(9), axis=1)  # (resamples, labels)
    low, high = np.quantile(again, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    rank = stats.rankdata(-scores.mean(0).round(9))
    result = pd.DataFrame({"rank": rank, "low": low, "high": high, "seeds": len(scores)}, index=common.columns)
    return result.sort_values("rank", kind="stable")


def costs(table: pd.DataFrame, *, block: str | None = None, cost: str = "seconds_per_epoch") -> pd.DataFrame:
    """Test accuracy (a share, with its standard deviation over seeds) beside what an epoch costs.

    Args:
        table, block: as for `analysis.compare`.
        cost: "seconds_per_epoch" or "peak_mb".

    Returns:
        A row per label that has the cost, cheapest first: cost, test_accuracy, spread, and worth: no other is both
        cheaper (or as cheap) and more accurate.
    """
    result = summary(table, block=block)[[cost, "test_accuracy", "spread"]].dropna(subset=cost)
    result = result.rename(columns={cost: "cost"}).sort_values("cost", kind="stable")
    beaten = [
        ((result["cost"] <= row.cost) & (result["test_accuracy"] > row.test_accuracy)).any()
        for row in result.itertuples()
    ]
    return result.assign(worth=~np.array(beaten, dtype=bool))


def relative_fall(history: pd.DataFrame, term: str = "distil") -> float:
    """How far a term fell from its first epoch to its last, relative to the first: 0.3 is 30 %, negative is a rise.

    ValueError: less than two epochs with this term, or a first value of 0.
    """
    values = history[term].dropna().to_numpy(float) if term in history else np.empty(0)
    if len(values) < 2 or values[0] == 0:
        raise ValueError(f"The history has {values.tolist()} for {term!r}; expected two or more, the first not 0.")
    return float((values[0] - values[-1]) / abs(values[0]))


@dataclass(frozen=True)
class FallAndGain:
    """Does the method whose loss falls furthest gain most?"""

    table: pd.DataFrame  # a row per method: fall (relative), gain (points over the baseline)
    rho: float  # Spearman's rank correlation; NaN below 4 methods
    p: float  # two-sided, over all orders of the methods

    def __str__(self) -> str:
        n = len(self.table)
        if np.isnan(self.rho):
            return f"{n} method(s) with a history and a gain: too few for a correlation."
        answer = "A loss's fall goes" if self.p < 0.05 else "CANNOT TELL whether a loss's fall goes"
        return f"{answer} with the gain: Spearman {self.rho:+.2f}, p = {self.p:.2g}, {n} methods."


def fall_and_gain(
    histories: Mapping[str, pd.DataFrame], comparison: pd.DataFrame, *, orders: int = 10_000, seed: int = 0
) -> FallAndGain:
    """Rank correlation over methods between the relative fall of the `distil` term and the gain in accuracy.

    Args:
        histories: label -> history of one run (`Result.history`); those that are in no row of `comparison` or have no
            `distil` term twice are left out.
        comparison: as `analysis.compare` gives it.
        orders: random orders of the gains that p counts in.

    Losses have other units and other floors (a regressor can reach 0, CRD cannot), so a fall is a share of the start.
    """
    fit = {name: h for name, h in histories.items() if name in comparison.index and "distil" in h}
    falls = {name: relative_fall(h) for name, h in fit.items() if h["distil"].notna().sum() >= 2}
    table = pd.DataFrame({"fall": pd.Series(falls, dtype=float), "gain": comparison["difference"]}).dropna()
    if len(table) < 4 or table.nunique().min() < 2:
        return FallAndGain(table, np.nan, np.nan)
    rho = float(stats.spearmanr(table["fall"], table["gain"]).statistic)
    fall, gain = (stats.zscore(stats.rankdata(table[column])) for column in ("fall", "gain"))
    test = stats.permutation_test(  # zscores of ranks: the mean of their products is rho, for many orders at once
        (gain,),
        lambda shuffled, axis: np.abs((shuffled * fall).mean(axis)),
        vectorized=True,
        permutation_type="pairings",
        alternative="greater",
        n_resamples=orders,
        random_state=np.random.default_rng(seed),
    )
    return FallAndGain(table, rho, float(test.pvalue))
