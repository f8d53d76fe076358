"""What can be said from a few paired differences: intervals, tests, and how small an effect they could have shown.

Every function takes differences (..., n): n paired seeds on the last axis, as many rows of them as you like. A pair is
two runs from the same seed, so that initial weights, batches and augmentation are equal and only the method differs.
"""

import warnings

import numpy as np
from scipy import optimize, special, stats

QUANTILES = (np.arange(1000) + 0.5) / 1000  # for averages over the distribution of a spread


def t_interval(differences: np.ndarray, *, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) around the mean difference, each (...): mean -+ t * sd / sqrt(n), Student's t with n - 1 degrees.

    Assumes that differences scatter normally around their mean. NaN where all n differences are one and the same
    number, as for `paired_p`. ValueError below 2 pairs: one has no spread.
    """
    interval, constant = _t_test(differences).confidence_interval(confidence), _constant(differences)
    return np.where(constant, np.nan, interval.low), np.where(constant, np.nan, interval.high)


def bootstrap_interval(
    differences: np.ndarray, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), each (...): percentiles of the mean over pairs drawn again with replacement; the same for a seed.

    It assumes no shape, but knows no value beyond the largest difference seen: with 5 pairs it is too narrow (a mean of
    n draws has 1 - 1/n of the variance it should), which is why the verdict rests on the t test. A check, not a judge.
    """
    interval = stats.bootstrap(
        (_pairs(differences),),
        np.mean,
        axis=-1,
        method="percentile",
        confidence_level=confidence,
        n_resamples=resamples,
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return interval.low, interval.high


def paired_p(differences: np.ndarray) -> np.ndarray:
    """Two-sided p of the paired t test, (...): how often chance alone would give a mean at least this far from 0.

    Where all n differences are one and the same number, p is 1: that says that the seeds did not differ (the same run
    stored twice?), and not that the effect is certain.
    """
    return np.where(_constant(differences), 1.0, _t_test(differences).pvalue)


def holm(p: np.ndarray) -> np.ndarray:
    """p values (..., m) of m questions asked of one table, corrected after Holm (1979): compare them with 0.05 itself.

    The smallest is multiplied by m, the next by m - 1, and so on, never below one before it and never above 1. If no
    method differs from the baseline, the chance to call even one of the m different stays below 5 %.
    """
    return np.minimum(1, _stepped(p))


def holm_confidence(p: np.ndarray, *, alpha: float = 0.05) -> np.ndarray:
    """Of each of m questions (..., m), the confidence whose t interval misses 0 just where Holm's p is below alpha.

    Holm asks each question at a level of its own, alpha / m for the smallest p and more for those after it; an interval
    at that level says the same as the verdict. What is kept is Holm's promise on false claims: a table in which no
    method differs has an interval that misses 0 with a probability of at most alpha. 95 % where there is one question.
    """
    p = np.maximum(p, np.finfo(float).tiny)
    return 1 - alpha * p / _stepped(p)


def _stepped(p: np.ndarray) -> np.ndarray:
    """Holm's corrected p before it is cut off at 1."""
    p = np.asarray(p, dtype=float)
    m = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    scaled = np.take_along_axis(p, order, -1) * np.arange(m, 0, -1)
    result = np.empty_like(p)
    np.put_along_axis(result, order, np.maximum.accumulate(scaled, axis=-1), -1)
    return result


def detectable_effect(spread: float, n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true mean difference that n pairs with this standard deviation show with this probability.

    Args:
        spread: standard deviation of the differences; the answer has its unit.
        n: number of pairs, 2 or more.
        alpha: level of the two-sided t test. For the hardest of Holm's m steps: 0.05 / m.
        power: probability to find it.
    """
    if n < 2 or not spread >= 0:
        raise ValueError(
            f"Got n = {n} pairs and a spread of {spread}; expected at least 2 pairs and no negative spread."
        )
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    estimated = np.sqrt(stats.chi2.ppf(QUANTILES, n - 1) / (n - 1))  # what n pairs may take for a spread of 1

    def found(shift: float) -> float:  # the noncentral t distribution, as a mean over what the spread looks like
        return (special.ndtr(shift - critical * estimated) + special.ndtr(-shift - critical * estimated)).mean()

    shift = optimize.brentq(lambda s: found(s) - power, 0, 10 * critical + 10)
    return shift * spread / np.sqrt(n)


def _constant(differences: np.ndarray) -> np.ndarray:
    """Whether all n differences are one and the same number, (...)."""
    d = _pairs(differences)
    return d.std(-1, ddof=1) <= 1e-12 * np.maximum(1, np.abs(d).max(-1))


def _t_test(differences: np.ndarray):
    with warnings.catch_warnings():  # SciPy warns of rows without a spread, which `paired_p` looks for itself
        warnings.simplefilter("ignore", RuntimeWarning)
        return stats.ttest_1samp(_pairs(differences), 0, axis=-1)


def _pairs(differences: np.ndarray) -> np.ndarray:
    d = np.asarray(differences, dtype=float)
    if d.ndim == 0 or d.shape[-1] < 2 or not np.isfinite(d).all():
        raise ValueError(f"Got differences {d.tolist()}; expected at least 2 finite numbers: one pair has no spread.")
    return d
