"""Measure what the KD notebook quotes: student alone against KD at the lesson budget, paired seeds.

    python tools/kd_lesson_study.py

Writes data/results/kd_lesson.csv, one row per run, and a JSON beside it with what made them. Runs are kept in the
cache, so that a second start goes on where the first was cut.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

import kd_teach

RESULTS = Path(__file__).resolve().parents[1] / "data" / "results"


def study(seeds: int) -> None:
    """Train pair after pair and write what is there: seed, method, test and validation accuracy (shares), seconds."""
    lesson = kd_teach.lesson("lesson", "cifar10")
    keys = ("teacher", "teacher_weights", "model", "data", "samples", "data_fingerprint", "options", "settings")
    rows = []
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for method, run in (("alone", lesson.train_alone), ("kd", lesson.distill)):
            card = run(seed=seed).card
            row = {"seed": seed, "method": method} | {k: card[k] for k in ("test_accuracy", "val_accuracy", "seconds")}
            rows.append(row)
            print(row, flush=True)
        pd.DataFrame(rows).to_csv(RESULTS / "kd_lesson.csv", index=False)
        made_by = {k: card[k] for k in (*keys, "versions", "environment")}
        made_by["command"] = f"python tools/kd_lesson_study.py --seeds {seed + 1}"
        (RESULTS / "kd_lesson.json").write_text(json.dumps(made_by, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    study(parser.parse_args().seeds)
