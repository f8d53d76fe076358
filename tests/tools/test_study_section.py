"""The README's section says what the table says."""

from kd_teach.study.analysis import compare
from tests.study.test_analysis import ALONE, AT, KD, runs, table
from tools.study_section import study_section


def section(tmp_path, study):
    path = tmp_path / "lesson_study.csv"
    measured = {"agreement": 0.5, "ece": float("nan"), "temperature": 1.2, "ece_scaled": 0.04}
    study.assign(**measured, seconds_per_epoch=2.0, peak_mb=700.0).to_csv(path, index=False)
    return study_section(path)


def test_a_row_per_method_with_both_verdicts(tmp_path):
    text = section(tmp_path, table(ALONE, KD, AT))
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert [line[0] for line in lines] == ["| `kd`", "| `at`", "| `alone`"]  # the most accurate first
    kd, at, alone = lines
    assert kd[1:5] == ["3", "65.00 ± 1.73", "+4.00 (+0.42 to +7.58)", "BEATS"] and kd[5] == "–"
    assert at[4] == "CANNOT TELL" and at[6] == "LOSES"
    assert alone[3] == "–" and alone[6] == "LOSES"
    found = compare(table(ALONE, KD, AT)).loc["kd", "detectable"]
    assert kd[7:] == [f"{found:.1f}", "50.0", "–", "4.0 (1.20)", "2.0", "700 |"] and alone[7] == "–"
    assert "small under big, tiny, 100 images, 2 epochs" in text
    assert "No stored runs yet: fitnet, sp," in text and "stored runs yet: kd" not in text


def test_one_seed_has_a_number_and_no_interval(tmp_path):
    text = section(tmp_path, table(ALONE, KD, runs("sp", [0.61])))
    [row] = [line.split(" | ") for line in text.splitlines() if line.startswith("| `sp`")]
    assert row[1:5] == ["1", "61.00", "+1.00", "TOO FEW SEEDS"]


def test_without_kd_and_without_a_table(tmp_path):
    text = section(tmp_path, table(ALONE, AT))
    assert "against alone" in text and "against kd" not in text
    assert study_section(tmp_path / "none.csv") == ""


def test_controls_alone_still_name_the_teacher(tmp_path):
    assert "small under big, tiny, 100 images, 2 epochs" in section(tmp_path, table(ALONE))
