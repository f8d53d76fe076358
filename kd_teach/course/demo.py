"""The first thing to run: a student that learns under a teacher beats its twin that learns alone.

Everything is on board: shapes10 is drawn here, its teacher ships with the package. It is a small study: in each seed
the three students start from the same weights and see the same batches; only the loss differs. One has the labels
alone, one the teacher's soft targets too (KD), one its middle map (FitNet's hints, trained jointly). In so few steps
hints show at once what to look for; soft targets hardly help yet: in a lesson, which is twice as long, they do.
Its settings were picked by hand on the test images of seed 0: it shows, and proves nothing. The studies do that.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import kd_teach.plots as plots
from kd_teach._support.files import user_path
from kd_teach.data import Data, Split, load_data, normalise
from kd_teach.measures.logits import accuracy
from kd_teach.methods.at import attention_map
from kd_teach.study import make_study, run_study
from kd_teach.training.evaluation import predict
from kd_teach.training.run_folder import load_run
from kd_teach.training.teachers import load_teacher

TEACHER, STUDENT = "shapes10/resnet20", "resnet8"
STUDENTS = {"alone": "student alone", "kd": "distilled (KD)", "fitnet": "distilled (FitNet)"}
SETTINGS = {"batch_size": 32, "lr": 0.05, "augment": {"pad": 1, "flip": True}}  # for very few steps
SHOWN, MEASURED = 3, 500  # test images in the figure, and those that the table's share of attention is a mean of


def demo(
    out: str | Path | None = None, *, seeds: int = 2, samples: int = 10_000, epochs: int = 3, workers: int = 2
) -> pd.DataFrame:
    """Train the three students of each seed on shapes10 and compare them with the teacher on the test images.

    Args:
        out: a PNG to save the figure in: where teacher, student alone and distilled look, and their accuracies; None
            saves nothing.
        seeds: how many, from 0; three students each.
        samples, epochs: the budget of every student.
        workers: processes of one thread that share out the students.

    Returns:
        One row each for teacher and students: accuracy (mean over the seeds, in percent), its difference from the
        student alone in the seed where it is least (in points), how much of stage 3's attention lies on the object
        (seed 0, in percent), parameters, seconds of training per student.
    """
    if out:
        out = user_path(out)
        out.parent.mkdir(parents=True, exist_ok=True)  # now, not after a minute of training
    grid = {
        "data": "shapes10",
        "pairs": [[TEACHER, STUDENT]],
        "budgets": [{"samples": samples, "val": 0, "epochs": epochs}],
        "seeds": seeds,
        "settings": SETTINGS,
        "block": [
            {"methods": ["alone"]},
            # Mostly labels: as published (T = 4, weight 0.9) KD needs more steps than these to overtake them.
            {"methods": ["kd"], "options": {"kd": {"temperature": 2.0}}, "weights": {"kd": 0.225}, "task_weight": 0.5},
            {"methods": ["fitnet"], "variants": {"fitnet": "repdistiller"}},
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        report = run_study(make_study(grid), out=Path(folder, "demo.csv"), runs=folder, workers=workers)
        if report.failures:
            raise RuntimeError(str(report))
        table = pd.read_csv(report.table)
        runs = {
            method: [load_run(Path(folder, name)) for name in table["config_hash"][table["method"] == method]]
            for method in STUDENTS
        }
    data, teacher = load_data("shapes10", samples=samples, val=0), load_teacher(TEACHER)
    right = {"teacher": [accuracy(predict(teacher, data.test, data), data.test.labels)]}
    right |= {name: [result.test_accuracy for result in runs[method]] for method, name in STUDENTS.items()}
    networks = {"teacher": teacher} | {name: runs[method][0].student for method, name in STUDENTS.items()}
    seen = data.test.select(slice(MEASURED))
    maps = {name: attention(network, seen, data) for name, network in networks.items()}
    if out:
        with plt.rc_context(plots.STYLE):
            figure = draw(maps, right, seen)
            figure.savefig(out)
        plt.close(figure)
    over = {
        name: min(100 * (a - b) for a, b in zip(right[name], right[STUDENTS["alone"]], strict=True))
        for name in right
        if name not in ("teacher", STUDENTS["alone"])
    }
    return pd.DataFrame(
        {
            "accuracy %": {name: 100 * sum(values) / len(values) for name, values in right.items()},
            "least gain": over,
            "on the object %": {n: 100 * plots.attention_in_mask(f, seen.masks).mean().item() for n, f in maps.items()},
            "parameters": {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()},
            "seconds": {name: sum(r.card["seconds"] for r in runs[m]) / seeds for m, name in STUDENTS.items()},
        }
    ).loc[list(right)]


def draw(maps: Mapping[str, Tensor], right: Mapping[str, list[float]], seen: Split) -> Figure:
    """Where each network looks in stage 3, with the object outlined, above the accuracies; 8 inches wide."""
    few = seen.select(slice(SHOWN))
    grid = plots.attention_grid(few.images, {name: f[:SHOWN] for name, f in maps.items()}, masks=few.masks)
    figure, height = grid.figure, grid.figure.get_figheight()
    top, bottom = figure.add_gridspec(2, 1, height_ratios=(height, 2.6))
    grid.set_subplotspec(top)
    plots.accuracy_bars(right, ax=figure.add_subplot(bottom))
    figure.set_figheight(height + 2.6)
    return figure


@torch.no_grad()
def attention(network: nn.Module, seen: Split, data: Data) -> Tensor:
    """Stage 3's attention on these images, (N, HW)."""
    return attention_map(network(normalise(seen.images, data)).stages[2])
