"""Intervals, tests and verdicts: against numbers worked out by hand, scipy, and a world without effects."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kd_teach.course import results
from kd_teach.study.analysis import compare, decide, in_block, read_study, summary
from kd_teach.study.findings import finding
from kd_teach.study.more_seeds import MOST_SEEDS, more_seeds
from kd_teach.study.ranking import costs, fall_and_gain, ranks, relative_fall
from kd_teach.study.statistics import bootstrap_interval, detectable_effect, holm, holm_confidence, paired_p, t_interval

RUN = {
    "block": "lesson",
    "variant": "paper",
    "weight": 1.0,
    "task_weight": 1.0,
    "with_kd": np.nan,
    "teacher": "big",
    "student": "small",
    "data": "tiny",
    "samples": 100,
    "epochs": 2,
}
CONTROL = {"variant": "", "weight": np.nan, "task_weight": np.nan}


def runs(method, accuracies, seeds=None, **columns):
    """A row per seed."""
    columns = RUN | (CONTROL if method in ("alone", "label_smoothing") else {}) | columns
    seeds = range(len(accuracies)) if seeds is None else seeds
    return pd.DataFrame(
        [columns | {"method": method, "seed": s, "test_accuracy": a} for s, a in zip(seeds, accuracies, strict=True)]
    )


def table(*parts):
    return pd.concat(parts, ignore_index=True)


ALONE = runs("alone", [0.60, 0.61, 0.62])
KD = runs("kd", [0.64, 0.64, 0.67])  # differences 4, 3, 5: mean 4, sd 1
AT = runs("at", [0.62, 0.60, 0.63])  # differences 2, -1, 1
STUDY = table(ALONE, KD, AT)


def test_worked_by_hand():
    """Differences 4, 3, 5: mean 4, sd 1, t = 4 sqrt(3), 2 degrees of freedom (a closed form)."""
    row = compare(table(ALONE, KD)).loc["kd"]
    assert (row["n"], row["unpaired"], row["verdict"]) == (3, "", "BEATS")
    assert row["difference"] == pytest.approx(4) and row["sd"] == pytest.approx(1)
    half = 4.302653 / math.sqrt(3)  # the table's t for 2 degrees
    assert [row["low"], row["high"]] == pytest.approx([4 - half, 4 + half], abs=1e-5)
    t = 4 * math.sqrt(3)
    assert row["p"] == pytest.approx(1 - t / math.sqrt(2 + t**2))  # 0.0202
    assert row["p_holm"] == row["p"]  # one comparison: nothing to correct
    assert (row["boot_low"], row["boot_high"]) == pytest.approx((3, 5))  # 1 in 27 draws is 3, 3, 3


def test_holm_by_hand():
    """Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, and none below one before it."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.9])) == pytest.approx([1, 1])
    assert holm(np.array([])).size == 0


def test_holm_corrects_all_methods_of_a_comparison_together():
    result = compare(STUDY)
    assert list(result.index) == ["kd", "at"]
    assert result.loc["kd", "p_holm"] == pytest.approx(2 * result.loc["kd", "p"])  # 0.0404
    assert list(result["verdict"]) == ["BEATS", "CANNOT TELL"]
    assert compare(STUDY, alpha=0.03).loc["kd", "verdict"] == "CANNOT TELL"  # though p alone is 0.0202


def test_an_interval_misses_zero_where_the_verdict_says_so(monkeypatch):
    """On the shipped study, on two of its baselines, and on noise: Holm's steps make the two one question."""
    monkeypatch.setattr("kd_teach.study.analysis.bootstrap_interval", lambda d, confidence: (np.nan, np.nan))  # slow
    random = np.random.default_rng(5)
    noisy = table(*(runs(f"m{i}", 0.5 + 0.01 * random.normal(i / 2, 1, size=5)) for i in range(12)))
    for study, baseline in ((results.study_table(), "alone"), (results.study_table(), "kd"), (noisy, "m0")):
        found = compare(study, baseline)
        misses = (found["low"] > 0) | (found["high"] < 0)
        assert misses.tolist() == found["verdict"].isin(["BEATS", "LOSES"]).tolist() and 0 < misses.sum() < len(found)


def test_the_confidence_of_an_interval_by_hand():
    """Holm asks the smallest of 4 at 0.05 / 4; 0.04 is not found, as 0.03 x 2 before it was not: its step is 0.06."""
    levels = 1 - holm_confidence(np.array([0.01, 0.04, 0.03, 0.005]))
    assert levels == pytest.approx([0.05 / 3, 0.05 * 4 / 6, 0.05 / 2, 0.05 / 4])
    assert holm_confidence(np.array([0.3])) == pytest.approx([0.95])
    assert 1 - holm_confidence(np.array([0.0, 0.5]), alpha=0.1) == pytest.approx([0.05, 0.1])
    row = compare(STUDY).loc["kd"]
    assert [row["low"], row["high"]] == pytest.approx([4 - 6.205347 / 3**0.5, 4 + 6.205347 / 3**0.5])  # t at 97.5 %


def test_what_pairing_gains_is_seen():
    """A seed's luck that both share goes out of the difference; luck of their own does not."""
    together, apart = runs("kd", [0.70, 0.71, 0.72]), runs("at", [0.71, 0.70, 0.71])
    found = compare(table(ALONE, together, apart))
    assert found.loc["kd", "correlation"] == pytest.approx(1) and found.loc["at", "correlation"] == pytest.approx(0)


def test_who_is_asked_again():
    """Those that cannot be told and would matter, four at most, and so many seeds that one point is found."""
    columns = ["verdict", "difference", "sd"]
    rows = [("BEATS", 9.0, 1.0), ("CANNOT TELL", -3.0, 2.0), ("CANNOT TELL", 0.9, 1.0), ("CANNOT TELL", 1.0, 1.0)]
    asked = more_seeds(pd.DataFrame(rows, index=list("abcd"), columns=columns))
    assert list(asked.index) == ["b", "d"]
    for row in asked.itertuples():
        assert row.detectable == pytest.approx(detectable_effect(row.sd, row.seeds, alpha=0.025))
    assert asked.loc["d", "detectable"] <= 1 < detectable_effect(1.0, asked.loc["d", "seeds"] - 1, alpha=0.025)
    assert asked.loc["b", "seeds"] == MOST_SEEDS and asked.loc["b", "detectable"] > 1  # and it says so
    many = pd.DataFrame([("CANNOT TELL", 2.0 + i, 1.0) for i in range(6)], columns=columns)
    assert list(more_seeds(many).index) == [5, 4, 3, 2]
    assert more_seeds(many.head(0)).empty and more_seeds(many, matters=6.5).index.tolist() == [5]


def test_agrees_with_the_formulas():
    d = np.random.default_rng(1).normal(0.3, 1, size=(4, 7))
    for row, p, low, high in zip(d, paired_p(d), *t_interval(d), strict=True):
        error = math.sqrt(sum((x - row.mean()) ** 2 for x in row) / 6 / 7)
        assert p == pytest.approx(2 * stats.t.sf(abs(row.mean()) / error, 6))
        assert (low, high) == pytest.approx((row.mean() - 2.446912 * error, row.mean() + 2.446912 * error), abs=1e-5)
    again = np.random.default_rng(2).choice(d[0], size=(20_000, 7)).mean(1)
    ours = bootstrap_interval(d[0], resamples=20_000)
    assert ours == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.03)
    assert bootstrap_interval(d[0], resamples=50) == bootstrap_interval(d[0], resamples=50)


@pytest.mark.parametrize(("n", "alpha"), [(3, 0.05), (5, 0.05 / 15), (10, 0.05)])
def test_the_detectable_effect_is_found_four_times_in_five(n, alpha):
    effect = detectable_effect(2.0, n, alpha=alpha)
    d = np.random.default_rng(0).normal(effect, 2.0, size=(20_000, n))
    assert (paired_p(d) < alpha).mean() == pytest.approx(0.8, abs=0.015)


def test_the_detectable_effect_as_in_tables():
    """Ten pairs find an effect of one spread with 80 % (two-sided, 5 %): Cohen's table for the paired t test."""
    assert detectable_effect(1.0, 10) == pytest.approx(0.996, abs=0.002)
    assert detectable_effect(0.0, 5) == 0
    row = compare(STUDY).loc["at"]
    assert row["detectable"] == pytest.approx(detectable_effect(row["sd"], 3, alpha=0.025))


def test_without_effects_at_most_one_study_in_twenty_claims_one():
    """15 methods, 5 paired seeds, one baseline for all; true differences are zero."""
    random = np.random.default_rng(0)
    studies = 4000
    seeds = random.normal(size=(studies, 1, 5))  # what a seed does to all methods
    accuracies = seeds + random.normal(size=(studies, 16, 5))
    d = accuracies[:, 1:] - accuracies[:, :1]
    claimed = holm(paired_p(d)) < 0.05
    claims = claimed.any(1).mean()
    assert 0.01 < claims <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)
    uncorrected = (paired_p(d) < 0.05).any(1).mean()
    assert uncorrected > 0.25  # what the correction is for


def test_the_table_path_applies_that_rule():
    """`compare` on one such study gives what the arrays give."""
    random = np.random.default_rng(3)
    accuracies = 0.5 + 0.01 * random.normal(size=(6, 5))
    names = ["alone", "a", "b", "c", "d", "e"]
    result = compare(table(*(runs(name, a) for name, a in zip(names, accuracies, strict=True))))
    d = 100 * (accuracies[1:] - accuracies[0])
    expected = pd.Series(holm(paired_p(d)), index=names[1:])
    assert result["p_holm"].sort_index().tolist() == pytest.approx(expected.tolist())


def test_seeds_without_a_partner_are_left_out_and_named():
    result = compare(table(ALONE, runs("kd", [0.64, 0.64, 0.99], seeds=[0, 1, 7])))
    assert result.loc["kd", "n"] == 2 and result.loc["kd", "unpaired"] == "2, 7"
    assert result.loc["kd", "difference"] == pytest.approx(3.5)


def test_one_pair_has_no_verdict_and_counts_in_no_correction():
    result = compare(table(STUDY, runs("sp", [0.9])))
    assert result.loc["sp", "verdict"] == "TOO FEW SEEDS"
    assert result.loc["sp", ["low", "p", "p_holm", "detectable"]].isna().all()
    assert result.loc["kd", "p_holm"] == pytest.approx(2 * result.loc["kd", "p"])


def test_equal_differences_prove_nothing():
    result = compare(table(ALONE, runs("kd", [0.65, 0.66, 0.67])))
    assert result.loc["kd", "p"] == 1 and result.loc["kd", "verdict"] == "CANNOT TELL"
    assert result.loc["kd", ["low", "high"]].isna().all()


def test_signs_decide():
    assert [decide(0.01, -1), decide(0.01, 1), decide(0.05, 1), decide(math.nan, 1)] == [
        "LOSES",
        "BEATS",
        "CANNOT TELL",
        "TOO FEW SEEDS",
    ]
    against_kd = compare(table(ALONE, KD), "kd")
    assert against_kd.loc["alone", "verdict"] == "LOSES" and against_kd.loc["alone", "difference"] == pytest.approx(-4)


def test_only_equal_settings_are_paired():
    other = runs("alone", [0.1, 0.2, 0.3], epochs=240)
    result = compare(table(ALONE, other, KD))
    assert result.loc["kd", "difference"] == pytest.approx(4)
    assert "no_such" not in result.index
    alone = compare(table(runs("alone", [0.1, 0.2], epochs=240), KD))
    assert alone.loc["kd", "n"] == 0 and alone.loc["kd", "verdict"] == "TOO FEW SEEDS"


def test_another_block_lends_its_baseline():
    """KD + method stands in a block of its own; a control serves under any teacher, KD only under its own."""
    both = runs("at", [0.65, 0.66, 0.66], block="with_kd", with_kd=1.0)
    wide = runs("kd", [0.63, 0.65, 0.66], block="wide", teacher="wide")
    study = table(STUDY, both, wide)
    assert compare(study, block="with_kd").loc["at + kd", "difference"] == pytest.approx(14 / 3)
    assert compare(study, "kd", block="with_kd").loc["at + kd", "difference"] == pytest.approx(2 / 3)
    assert compare(study, block="wide").loc["kd", "difference"] == pytest.approx(11 / 3)
    assert list(compare(study).index) == ["kd", "at"]  # the main block has not grown


def test_controls_that_stand_once_per_teacher_count_once():
    copies = ALONE.assign(teacher="wide")
    result = compare(table(ALONE, copies, KD, runs("kd", [0.63, 0.65, 0.66], teacher="wide")))
    assert result["n"].tolist() == [3, 3]
    assert list(result.index) == ["kd under big", "kd under wide"]


def test_labels_tell_configurations_apart():
    rows = in_block(table(ALONE, KD, runs("kd", [0.1], weight=0.3), runs("at", [0.2], variant="repdistiller"), AT))
    assert list(dict.fromkeys(rows["label"])) == ["alone", "kd × 1", "kd × 0.3", "at repdistiller", "at paper"]
    with pytest.raises(ValueError, match="several configurations for one seed; name one of.*kd × 0.3"):
        compare(table(ALONE, KD, runs("kd", [0.1, 0.2, 0.3], weight=0.3), AT), "kd")


def test_unknown_names_get_the_list():
    with pytest.raises(ValueError, match="Unknown baseline 'alon'.*Did you mean 'alone'"):
        compare(STUDY, "alon")
    with pytest.raises(ValueError, match="Unknown block 'wide'.*lesson"):
        compare(STUDY, block="wide")
    with pytest.raises(ValueError, match="no rows"):
        compare(STUDY.iloc[:0])


def test_the_main_block_is_the_lesson_else_the_first():
    first = runs("kd", [0.1, 0.2], block="first")
    assert set(in_block(table(first, STUDY))["block"]) == {"lesson"}
    assert set(in_block(table(first, KD.assign(block="zeta")))["block"]) == {"first"}


def test_verdict_in_words():
    text = str(finding(STUDY, "kd"))
    assert text.startswith(
        "kd BEATS alone: +4.00 points, interval +0.42 to +7.58; 3 paired seeds, p = 0.04 (both Holm, 2"
    )
    assert "small under big, tiny, 100 images, 2 epochs." in text and text.count("\n") == 2
    assert str(finding(STUDY, "at")).startswith("at against alone: CANNOT TELL: +0.67 points")
    assert str(finding(STUDY, "alone", "kd")).startswith("alone LOSES to kd: -4.00")


def test_verdict_without_runs_says_so():
    assert str(finding(STUDY, "sp")) == "No stored runs of sp yet."
    assert str(finding(table(KD, AT), "kd")) == "No stored runs of alone yet."
    assert str(finding(table(KD, AT), "kd", "kd + at")) == "No stored runs of kd + at yet."
    one = finding(table(STUDY, runs("sp", [0.9])), "sp")
    assert one.verdict == "TOO FEW SEEDS" and "1 paired seed(s) (without a partner and left out: seed 1, 2)" in str(one)
    none = finding(table(ALONE, runs("sp", [0.9], seeds=[9])), "sp")
    assert "sp against alone: 0 paired seed(s)" in str(none)
    with pytest.raises(ValueError, match="several configurations.*kd × 0.3"):
        finding(table(ALONE, KD, runs("kd", [0.1], weight=0.3)), "kd")


def test_a_method_compared_with_itself_is_a_mistake():
    with pytest.raises(ValueError, match="itself"):
        finding(STUDY, "kd", "kd")


def test_means_per_method():
    full = table(ALONE, KD).assign(
        agreement=0.5, ece=[0.1, 0.1, 0.1, 0.2, 0.2, 0.5], seconds_per_epoch=3.0, peak_mb=np.nan
    )
    means = summary(full)
    assert list(means.index) == ["kd", "alone"] and means.loc["kd", "ece"] == pytest.approx(0.3)
    assert means.loc["kd", "test_accuracy"] == pytest.approx(0.65) and means["peak_mb"].isna().all()
    assert means.loc["alone", "spread"] == pytest.approx(0.01) and means.loc["alone", "seeds"] == 3


def test_one_slow_run_does_not_make_a_method_costly():
    slow = runs("kd", [0.6, 0.6, 0.6]).assign(seconds_per_epoch=[2.0, 90.0, 2.2], peak_mb=[700.0, 710.0, 5000.0])
    assert summary(table(slow)).loc["kd", ["seconds_per_epoch", "peak_mb"]].tolist() == [2.2, 710]


def test_reads_what_was_written_and_refuses_the_rest(tmp_path):
    path = tmp_path / "study.csv"
    STUDY.to_csv(path, index=False)
    read = read_study(path)
    pd.testing.assert_frame_equal(compare(read), compare(STUDY))
    assert read.loc[0, "variant"] == ""
    for spoilt, message in {
        "twice": (table(STUDY, KD), "holds a run twice: kd, seed 0"),
        "percent": (STUDY.assign(test_accuracy=60.0), "alone, seed 0, is 60.0"),
        "narrow": (STUDY.drop(columns=["seed", "weight"]), "lacks the columns weight, seed"),
    }.values():
        spoilt.to_csv(path, index=False)
        with pytest.raises(ValueError, match=message):
            read_study(path)
    with pytest.raises(FileNotFoundError, match="kd-teach study"):
        read_study(tmp_path / "none.csv")


def test_ranks_and_how_sure_they_are():
    study = table(runs("a", [0.9, 0.91]), runs("b", [0.5, 0.7]), runs("c", [0.6, 0.6]), runs("d", [0.1]))
    result = ranks(study)
    assert list(result.index) == ["a", "b", "c"] and result["seeds"].tolist() == [2, 2, 2]
    assert result["rank"].tolist() == [1, 2.5, 2.5]
    assert result.loc["a", ["low", "high"]].tolist() == [1, 1]
    assert result.loc["b", ["low", "high"]].tolist() == [2, 3]  # seed 0 twice puts it last, seed 1 twice second
    pd.testing.assert_frame_equal(result, ranks(study))
    with pytest.raises(ValueError, match=r"a: \[0, 1\]; b: \[2, 3\]"):
        ranks(table(runs("a", [0.1, 0.2]), runs("b", [0.1, 0.2], seeds=[2, 3])))


def test_ranks_draw_the_same_seeds_for_all():
    """b is one point above a in every seed: however the seeds are drawn, b is first."""
    base = np.array([0.2, 0.4, 0.6, 0.8])
    result = ranks(table(runs("a", base), runs("b", base + 0.01)))
    assert result.loc["b", ["rank", "low", "high"]].tolist() == [1, 1, 1]


def test_costs_find_who_is_worth_it():
    seconds = pd.concat([ALONE.assign(seconds_per_epoch=1.0), KD.assign(seconds_per_epoch=2.0)])
    study = table(seconds, AT.assign(seconds_per_epoch=3.0), runs("sp", [0.99]))
    result = costs(study)
    assert list(result.index) == ["alone", "kd", "at"]  # nobody timed sp
    assert result["worth"].tolist() == [True, True, False] and result["cost"].tolist() == [1, 2, 3]


def history(*values):
    return pd.DataFrame({"distil": values})


def test_a_fall_is_a_share_of_the_first_epoch():
    assert relative_fall(history(4.0, 3.0, 1.0)) == pytest.approx(0.75)
    assert relative_fall(history(-1.0, -2.0)) == pytest.approx(1.0)  # VID's can be negative: lower is still a fall
    assert relative_fall(history(2.0, 3.0)) == pytest.approx(-0.5)
    assert relative_fall(history(np.nan, 2.0, 1.0, np.nan)) == pytest.approx(0.5)  # another phase has no such term
    for bad in (history(1.0), history(0.0, 1.0), pd.DataFrame({"task": [1.0, 2.0]})):
        with pytest.raises(ValueError, match="expected two or more"):
            relative_fall(bad)


def test_fall_against_gain():
    names = list("abcdefg")
    gains = pd.DataFrame({"difference": np.arange(7.0)}, index=names)
    falling = {name: history(10.0, 10.0 - i) for i, name in enumerate(names)}
    result = fall_and_gain(falling, gains)
    assert result.rho == pytest.approx(1) and result.p < 0.01 and str(result).startswith("A loss's fall goes with")
    mixed = dict(zip(names, [falling[n] for n in "dgafbec"], strict=True))
    expected = stats.spearmanr([3, 6, 0, 5, 1, 4, 2], range(7))
    result = fall_and_gain(mixed | {"stranger": history(2.0, 1.0), "task": pd.DataFrame({"task": [1.0]})}, gains)
    assert result.rho == pytest.approx(expected.statistic) and len(result.table) == 7
    assert result.p == pytest.approx(expected.pvalue, abs=0.05) and str(result).startswith("CANNOT TELL")
    few = fall_and_gain({"a": falling["a"], "b": falling["b"]}, gains)
    assert math.isnan(few.rho) and str(few) == "2 method(s) with a history and a gain: too few for a correlation."
