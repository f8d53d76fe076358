"""Keep the curves of the lesson study beside its table: python tools/lesson_histories.py

Runs lie in a cache that is not shipped; what `15_compare` draws of them is this: a row per method, seed and epoch with
the unweighted means of the loss terms. Needs the runs of `kd-teach study lesson` in the cache of this machine.
"""

import pandas as pd

from kd_teach._support.files import cache_dir
from kd_teach._support.shipped import shipped
from kd_teach.course import results
from kd_teach.study.analysis import in_block

COLUMNS = ["label", "seed", "phase", "epoch", "task", "distil", "kd", "val_accuracy"]


def main() -> None:
    parts = []
    for run in in_block(results.study_table()).itertuples():
        path = cache_dir() / "runs" / run.config_hash / "history.csv"
        if not path.is_file():
            raise SystemExit(f"{path.parent} is not there: first run kd-teach study lesson on this machine.")
        parts.append(pd.read_csv(path).assign(label=run.label, seed=run.seed).reindex(columns=COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    table.to_csv(shipped("results") / "lesson_histories.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
