"""The study at the benchmark's scale: its files, a step of every student, GPU hours, the reported table beside ours."""

import math
from dataclasses import replace

import pandas as pd
import pytest
import torch

from kd_teach import get_recipe, list_methods, load_teacher
from kd_teach.course import TAUGHT
from kd_teach.data import noise
from kd_teach.models import list_models
from kd_teach.study import blocks, estimates, load_study
from kd_teach.study.estimates import estimate, flops
from kd_teach.study.papers import (
    PREFIX,
    Trial,
    against_published,
    dry_run,
    list_papers,
    load_paper,
    published,
    train_teacher,
)
from kd_teach.training.records import Record
from tests.study.test_analysis import runs, table

PAIRS = ["resnet32x4-resnet8x4", "resnet56-resnet20", "wrn_40_2-wrn_16_2"]
# The reported weights, by method: of the method's loss, and of cross-entropy.
WEIGHTS = {"kd": (0.9, 0.1), "fitnet": 100, "at": 1000, "sp": 3000, "cc": 0.02, "vid": 1, "rkd": 1, "pkt": 30000}
WEIGHTS |= {"ab": 1, "ft": 200, "nst": 50, "crd": 0.8}
WEIGHTS |= {"fsp": 1, "ofd": 1e-3}  # ours: FSP's 50 there has no effect, OFD has no row


def test_the_pairs():
    assert list_papers() == PAIRS
    with pytest.raises(ValueError, match="Unknown pair 'resnet56-resnet8'. Did you mean 'resnet56-resnet20'"):
        load_paper("resnet56-resnet8")


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_is_trained_as_the_benchmark_does(pair, monkeypatch):
    monkeypatch.setattr(blocks, "teacher_card", lambda name: {})  # not trained yet
    study, paper = load_study(PREFIX + pair), load_paper(pair)
    assert paper.pair == pair
    assert [cell.method for cell in study.cells] == ["alone", *list_methods()]
    settings = paper.settings()
    assert (settings.epochs, settings.batch_size, settings.lr, settings.steps) == (240, 64, 0.05, (150, 180, 210))
    assert (settings.weight_decay, settings.momentum, settings.nesterov, settings.decay_all) == (5e-4, 0.9, False, True)
    assert settings.initial_epochs == 30 and settings.precision == "float32" and not settings.tf32
    for cell in study.cells:
        assert (cell.data, cell.samples, cell.val, cell.epochs) == ("cifar100", None, 0, 240)
        assert paper.settings(**cell.settings) == settings
        if cell.method in WEIGHTS:
            weights = WEIGHTS[cell.method]
            expected = weights if isinstance(weights, tuple) else (weights, 1)
            assert (cell.filled().weight, cell.filled().task_weight) == expected
        if cell.method != "alone" and "repdistiller" in get_recipe(cell.method).variants:
            assert cell.variant == "repdistiller"


def test_every_student_takes_a_step():
    """On 64 images of noise, with small networks."""
    trials = list(dry_run(load_paper("resnet56-resnet20"), networks=("resnet8", "resnet8"), device="cpu"))
    assert [trial.method for trial in trials] == ["alone", *list_methods()]
    assert all(math.isfinite(trial.loss) and trial.seconds_per_step > 0 for trial in trials)
    epochs = {trial.method: trial.epochs for trial in trials}
    assert epochs["kd"] == 240 and epochs["ab"] == epochs["ft"] == epochs["fsp"] == 270
    assert {trial.variant for trial in trials if trial.method in ("crd", "fitnet", "ab")} == {"repdistiller"}
    assert trials[0].loss == pytest.approx(math.log(100), abs=1.5)  # a hundred classes, nothing learnt yet


@pytest.mark.system
@pytest.mark.parametrize("pair", PAIRS)
def test_every_student_of_every_pair_takes_a_step_with_the_real_networks(pair):
    trials = list(dry_run(load_paper(pair), device="cpu", batch_size=4))
    assert [trial.method for trial in trials] == ["alone", *list_methods()]
    assert all(math.isfinite(trial.loss) for trial in trials)


def test_phases_weigh_by_their_real_lengths(monkeypatch):
    """AB's first phase of 30 epochs took 9 s a step, its second of 240 took 0.9 s."""

    def records(run, data, settings):
        for phase, seconds in zip(run.phases(), (9.0, 0.9), strict=True):
            for epoch in range(1, settings.epochs + 1):
                warm_up = 100.0 if epoch == 1 else 0.0
                yield Record(phase.name, epoch, seconds + warm_up, 0.1, {}, 1.0, math.nan)

    monkeypatch.setattr("kd_teach.study.papers.train", records)
    paper = load_paper("resnet56-resnet20")
    few = replace(paper, grid=paper.grid | {"methods": ["ab"]})
    [trial] = dry_run(few, steps=3, networks=("resnet8", "resnet8"), device="cpu")
    assert trial.seconds_per_step == pytest.approx((30 * 9 + 240 * 0.9) / 270)


def test_more_seeds_on_request():
    assert estimate(load_paper(PAIRS[1], seeds=3)).seeds == 3


def test_operations_by_hand():
    """resnet8: 3x3 convolutions on 32x32 (stem, two of 16), 16x16 and 8x8, two 1x1 shortcuts, a linear layer."""
    convolutions = 1024 * (3 * 16 + 2 * 16 * 16) + 256 * (16 * 32 + 32 * 32) + 64 * (32 * 64 + 64 * 64)
    shortcuts = 256 * 16 * 32 + 64 * 32 * 64
    assert flops("resnet8") == 2 * (9 * convolutions + shortcuts + 64 * 100)


def test_the_estimate_counts_what_will_be_run(monkeypatch):
    monkeypatch.setattr(estimates, "pick_device", lambda name: torch.device("cpu"))
    paper = load_paper("resnet56-resnet20")
    hours = estimate(paper)
    per_second = 3e12 / (50_000 * 240)
    t, s = flops("resnet56"), flops("resnet20")
    assert hours.teacher == pytest.approx(3 * t / per_second / 3600)
    assert hours.students["alone"] == pytest.approx(3 * s / per_second / 3600)
    assert hours.students["kd"] == pytest.approx((t + 3 * s) / per_second / 3600)
    assert hours.total == pytest.approx(hours.teacher + hours.students["alone"] + 14 * hours.students["kd"])
    assert str(hours).startswith(f"About {hours.total:.0f} GPU hours") and "assumed 3 TFLOP/s" in str(hours)
    doubled = estimate(replace(paper, grid=paper.grid | {"seeds": 2}))
    assert doubled.total - doubled.teacher == pytest.approx(2 * (hours.total - hours.teacher))


def test_the_estimate_is_timed_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(estimates, "pick_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(
        estimates,
        "dry_run",
        lambda paper, steps: iter([Trial("alone", "", 240, 1.0, 0.01), Trial("ab", "", 270, 1.0, 0.02)]),
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    hours = estimate(load_paper("resnet56-resnet20"))
    assert hours.students == pytest.approx({"alone": 0.01 * 781 * 240 / 3600, "ab": 0.02 * 781 * 270 / 3600})
    assert hours.teacher == pytest.approx(hours.students["alone"] * flops("resnet56") / flops("resnet20"))
    assert "Timed here for 20 steps each on a GPU" in str(hours)


def test_the_teacher_is_trained_once_and_serves(tmp_path):
    paper = load_paper("resnet56-resnet20")
    grid = paper.grid | {"pairs": [[str(tmp_path / "teachers" / "resnet8"), "resnet8"]]}
    small = replace(paper, grid=grid)
    data = noise(classes=100)
    first = train_teacher(small, data, epochs=1, device="cpu")
    assert first.card["settings"]["steps"] == (150, 180, 210) and first.card["model"] == "resnet8"
    again = train_teacher(small, data, epochs=1, device="cpu")
    assert again.test_accuracy == first.test_accuracy
    assert load_teacher(small.teacher_folder).training is False


def test_the_reported_table():
    reported = published()
    assert set(reported.index) == {"teacher", "alone", *TAUGHT} - {"ofd"} and {*PAIRS} < set(reported)
    assert reported.shape == (15, 13) and {name for pair in reported for name in pair.split("-")} <= {*list_models()}
    assert reported.isna().sum().sum() == 7 and reported.loc["fsp"].isna().sum() == 7  # where channels differ
    teachers = {pair.split("-")[0]: reported.loc["teacher", pair] for pair in reported}
    assert all(reported.loc["teacher", pair] == teachers[pair.split("-")[0]] for pair in reported)
    assert reported.loc["crd", PAIRS].tolist() == [75.51, 71.16, 75.48]
    gains = reported - reported.loc["alone"]
    assert gains.loc["rkd", PAIRS[0]] == pytest.approx(-0.60) and gains.loc["ab", PAIRS[2]] == pytest.approx(-0.76)


def test_gaps_per_cell():
    where = {"student": "resnet20", "teacher": "runs/cifar100/teachers/resnet56", "block": PREFIX + PAIRS[1]}
    study = table(runs("alone", [0.69, 0.70], **where), runs("kd", [0.71], **where), runs("ofd", [0.7], **where))
    gaps = against_published(study, load_paper(PAIRS[1]), teacher_accuracy=0.73)
    assert list(gaps.index) == ["teacher", "alone", "kd", "ofd"] and gaps["seeds"].tolist() == [1, 2, 1, 1]
    assert gaps["sd"].tolist() == pytest.approx([math.nan, 100 * 0.01 / 2**0.5, math.nan, math.nan], nan_ok=True)
    assert gaps["gap"].tolist() == pytest.approx([73 - 72.34, 69.5 - 69.06, 71 - 70.66, math.nan], nan_ok=True)
    assert gaps.loc["kd", ["our_gain", "reported_gain"]].tolist() == pytest.approx([1.5, 1.6])
    assert pd.isna(gaps.loc["ofd", "reported"])
