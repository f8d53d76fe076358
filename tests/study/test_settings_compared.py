"""The same methods in several settings: each against its own baseline, in one table."""

import numpy as np
import pytest

from kd_teach.study.analysis import compare
from kd_teach.study.settings_compared import Question, gains_across, order_kept
from kd_teach.study.statistics import detectable_effect, holm, paired_p
from tests.study.test_analysis import ALONE, AT, KD, runs, table
from tools.study_section import across_section, points

OTHER = {"block": "wrn", "teacher": "bigger"}
WRN = table(ALONE.assign(block="wrn"), runs("kd", [0.61, 0.60, 0.62], **OTHER), runs("at", [0.66, 0.67, 0.69], **OTHER))
BESIDE = {"block": "with_kd", "with_kd": 1.0}
WITH_KD = table(ALONE.assign(block="with_kd"), KD.assign(block="with_kd"), runs("at", [0.65, 0.64, 0.69], **BESIDE))
STUDY = table(ALONE, KD, AT, WRN, WITH_KD)


def cell(gains, setting, method):
    [row] = gains[(gains["setting"] == setting) & (gains["method"] == method)].to_dict("records")
    return row


def test_every_setting_has_its_own_baseline_and_correction():
    gains = gains_across(STUDY)
    assert list(dict.fromkeys(gains["setting"])) == ["the lesson", "added to KD, over KD", "under wrn_16_2"]
    assert list(dict.fromkeys(gains["method"])) == ["kd", "at"]  # by their gain in the first setting
    for setting, block in (("the lesson", "lesson"), ("under wrn_16_2", "wrn")):
        expected = compare(STUDY, "alone", block=block)
        for method in ("kd", "at"):
            assert cell(gains, setting, method)["difference"] == pytest.approx(expected.loc[method, "difference"])
            assert cell(gains, setting, method)["verdict"] == expected.loc[method, "verdict"]
    assert cell(gains, "under wrn_16_2", "at")["difference"] == pytest.approx(19 / 3)  # 6, 6, 7


def test_beside_kd_it_is_about_the_runs_that_have_kd():
    gains = gains_across(STUDY)
    beside = gains[gains["setting"] == "added to KD, over KD"]
    assert list(beside["method"]) == ["at"]
    assert beside["difference"].item() == pytest.approx(1)  # 1, 0, 2 over KD


def test_beside_kd_verdicts_are_not_corrected_for_rows_that_are_not_shown():
    spread = table(WITH_KD, runs("sp", [0.66, 0.65, 0.68], **BESIDE))
    gains = gains_across(table(ALONE, KD, spread))
    p = paired_p(np.array([[2.0, 1.0, 1.0], [1.0, 0.0, 2.0]]))  # sp and at over kd
    expected = ["BEATS" if value < 0.05 else "CANNOT TELL" for value in holm(p)]
    assert list(gains[gains["setting"] == "added to KD, over KD"]["verdict"]) == expected
    few = gains[(gains["setting"] == "added to KD, over KD") & (gains["method"] == "at")]
    assert few["detectable"].item() == pytest.approx(detectable_effect(1.0, 3, alpha=0.05 / 2))


def test_a_method_without_a_pair_is_left_out_and_one_that_stands_twice_refused():
    lonely = table(ALONE, KD, runs("sp", [0.7], seeds=[9]))
    assert list(gains_across(lonely)["method"]) == ["kd"]
    with pytest.raises(ValueError, match="several configurations of at"):
        gains_across(table(ALONE, AT, AT.assign(weight=2.0)))


def test_order_kept_is_spearmans_over_the_methods_that_both_have():
    study = table(ALONE, KD, AT, WRN, *(runs("sp", [a] * 3, block=b) for a, b in ((0.5, "lesson"), (0.4, "wrn"))))
    kept = order_kept(gains_across(study))
    assert list(kept.index) == ["under wrn_16_2"]
    assert kept.item() == pytest.approx(0.5)  # kd, at, sp against at, kd, sp: 1 - 6 * 2 / (3 * 8)
    assert np.isnan(order_kept(gains_across(STUDY))).all()  # two methods have no order worth a number


def test_blocks_that_are_missing_are_left_out_and_none_at_all_is_an_error():
    assert set(gains_across(table(ALONE, KD))["setting"]) == {"the lesson"}
    with pytest.raises(ValueError, match="none of the blocks nowhere; it has {'lesson'}"):
        gains_across(table(ALONE, KD), {"nowhere": Question("nowhere")})


def test_markdown_has_a_row_per_method_and_a_column_per_setting():
    lines = "\n".join(across_section(gains_across(STUDY))).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    assert rows[0] == ["method", "the lesson (3)", "added to KD, over KD (3)", "under wrn_16_2 (3)"]
    kd, at, found, order = rows[2:]
    assert kd == ["`kd`", "+4.0 BEATS", "–", "+0.0 CANNOT TELL"]
    assert at == ["`at`", "+0.7 CANNOT TELL", "+1.0 CANNOT TELL", "+6.3 BEATS"]
    assert found[0].startswith("found with 80 %") and all(float(cell) > 0 for cell in found[1:])
    assert order[-1] == "–"
    assert points(-0.04) == "+0.0"
    assert across_section(gains_across(table(ALONE, KD))) == []
