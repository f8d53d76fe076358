"""The section of docs/results.md on what others report: their accuracies, and how they came by them."""

import pandas as pd

from kd_teach.course.results import reported_since
from kd_teach.study.papers import published
from tools.markdown import table

KNOWN = (
    "CIFAR-100, top-1, per cent, as RepDistiller's README reports it: the last of 240 epochs, one number per cell, no "
    "spread. Seven pairs of one family, then six of two. OFD is not in that table; FSP needs equal channels. "
    "[repdistiller_cifar100.csv](../data/results/repdistiller_cifar100.csv)"
)
SINCE = (
    "Newer methods print their numbers beside those above. Read the protocol first: the best of 240 looks at the test "
    "images is higher than the last (in the logs of one repository by 0.3 points, 0.1 to 0.9, over 40 runs), twice the "
    "epochs on two views are four times the images, and a weight that was chosen per pair on the test images is no "
    'result on unseen ones. "Best printed": the script prints or keeps the best, and nothing says which number the '
    "table has. A dash: not known, or not reported. [reported_since.csv](../data/results/reported_since.csv) has the "
    "source of each row: "
)


def reported_section() -> str:
    """Two tables: RepDistiller's, a row per pair, and what newer methods report, with the protocol as columns."""
    since = reported_since()
    pairs = [column for column in since if "-" in column]
    protocol = since.drop(columns=[*pairs, "read_in"]).astype(object)
    rows = [
        [name, *(text(value) for value in protocol.loc[name]), *(cell(value) for value in since.loc[name, pairs])]
        for name in since.index
    ]
    known = published()
    sources = [
        f"[{name}](https://github.com/{name})" for name in dict.fromkeys(", ".join(since["read_in"]).split(", "))
    ]
    lines = [
        KNOWN,
        "",
        table(["pair", *known.index], [[pair, *map(cell, known[pair])] for pair in known], rule="--:"),
        "",
        "### Reported since, and how",
        "",
        SINCE + ", ".join(sources) + ".",
        "",
        table(["method", *protocol, *pairs], rows, rule="--:"),
    ]
    return "\n".join(lines)


def cell(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def text(value) -> str:
    return "–" if pd.isna(value) else str(value)
