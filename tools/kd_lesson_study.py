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


def study(seeds: int) -> tuple[pd.DataFrame, dict]:
    """One row per run: seed, method, test and validation accuracy (shares), seconds of training."""
    lesson = kd_teach.lesson("lesson", "cifar10")
    rows, card = [], {}
    for seed in range(seeds):
        for method, run in (("alone", lesson.train_alone), ("kd", lesson.distill)):
            card = run(seed=seed).card
            row = {"seed": seed, "method": method} | {k: card[k] for k in ("test_accuracy", "val_accuracy", "seconds")}
            rows.append(row)
            print(row, flush=True)
    keys = ("teacher", "teacher_weights", "model", "data", "samples", "data_fingerprint", "options", "versions")
    return pd.DataFrame(rows), {k: card[k] for k in (*keys, "settings", "environment")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    table, made_by = study(arguments.seeds)
    RESULTS.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULTS / "kd_lesson.csv", index=False)
    made_by["command"] = f"python tools/kd_lesson_study.py --seeds {arguments.seeds}"
    (RESULTS / "kd_lesson.json").write_text(json.dumps(made_by, indent=1) + "\n", encoding="utf-8")
