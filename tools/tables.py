"""Rewrite the tables in README.md and docs/ from notebooks, recipes and results: python tools/tables.py"""

import json
import re
from importlib import import_module
from pathlib import Path

import pandas as pd

from kd_teach import get_recipe, list_methods
from kd_teach.course.heads import course
from kd_teach.methods.changes import CHANGES
from tools.markdown import table
from tools.own_networks import KINDS, METHODS, NETWORKS
from tools.reported_section import reported_section
from tools.study_section import pairing_section, study_section

ROOT = Path(__file__).parents[1]


def course_table() -> str:
    """A row per notebook: its first picture, title, minutes, kind of knowledge, and what comes before."""
    rows = []
    for head in course():
        picture = f'<img src="docs/thumbnails/{head.path.stem}.png" width="120" alt="">'
        link = f"[{head.path.stem}](notebooks/{head.path.name})"
        rows.append([picture, link, head.title, str(head.minutes), head.knowledge or "–", head.before or "–"])
    return table(["", "notebook", "what it is about", "minutes", "knowledge", "before it"], rows)


def methods_table() -> str:
    """A row per method: its paper (linked as its file links it), its kind of knowledge, file and notebook."""
    rows = []
    for name in list_methods():
        recipe = get_recipe(name)
        link = re.search(r"https://\S+", import_module(f"kd_teach.methods.{name}").__doc__)
        paper = f"[{recipe.paper}]({link[0]})" if link else recipe.paper
        notebooks = sorted((ROOT / "notebooks").glob(f"[0-9][0-9]_{name}.ipynb"))
        notebook = f"[{notebooks[0].stem}](notebooks/{notebooks[0].name})" if notebooks else "–"
        variants = ", ".join(f"`{variant}`" for variant in recipe.variants)
        file = f"[{name}.py](kd_teach/methods/{name}.py)"
        rows.append([f"`{name}`", recipe.title, paper, recipe.knowledge, variants, file, notebook])
    return table(["word", "method", "paper", "knowledge", "variants", "file", "notebook"], rows)


def invariances_table() -> str:
    """A row per method; variants that are blind to the same share it."""
    rows = []
    for name in list_methods():
        by_blindness: dict[frozenset, list[str]] = {}
        for word, variant in get_recipe(name).variants.items():
            by_blindness.setdefault(frozenset(variant.blind_to or ()), []).append(word)
        for blind, variants in by_blindness.items():
            label = f"`{name}`" if len(by_blindness) == 1 else f"`{name}` {', '.join(variants)}"
            rows.append([label, *("yes" if change in blind else "–" for change in CHANGES)])
    return table(["loss", *CHANGES], rows, rule=":-:")


def networks_section() -> str:
    """What networks of torchvision reached on a folder of few pictures: a row per folder and student."""
    path = ROOT / "data" / "results" / "own_networks.csv"
    runs, made = pd.read_csv(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    cell = lambda run: f"{run.accuracy:.1%} ({run.seconds:.0f} s)" if pd.isna(run.why_not) else "refused"
    cells = {(run.pictures, run.student, run.method): cell(run) for run in runs.itertuples()}
    rows = [
        [pictures, student, *(cells.get((pictures, student, method), "–") for method in METHODS)]
        for pictures, student in dict.fromkeys(zip(runs["pictures"], runs["student"], strict=True))
    ]
    first = runs.dropna(subset="why_not").drop_duplicates("method")  # the rest is said in other words, in the CSV
    refusals = [f"Refused, `{run.method}`: *{run.why_not.split('. ')[0]}.*" for run in first.itertuples()]
    there = {(pictures, student) for pictures, student, _ in cells}
    missing = [f"{name} on {kind} pictures" for kind in KINDS for name in NETWORKS if (kind, name) not in there]
    return "\n".join(
        [
            table(["pictures", "network", *METHODS], rows, rule="--:"),
            "",
            f"`{made['command']}`, torch {made['versions']['torch']}, {made['hardware']['threads']} thread, seed "
            f"{made['seed']}, batches of {made['batch_size']}. Epochs, learning rates and what the package said "
            f"are in [{path.name}](../data/results/{path.name}). A dash: not run.",
            *(["", *refusals] if refusals else []),
            *(["", f"Not run yet: {', '.join(missing)}."] if missing else []),
        ]
    )


BLOCKS = {
    "README.md": {"course": course_table, "methods": methods_table},
    "docs/invariances.md": {"invariances": invariances_table},
    "docs/your_own.md": {"networks": networks_section},
    "docs/studies.md": {"pairing": pairing_section},
    "docs/results.md": {"study": study_section, "reported": reported_section},
}


def rewritten(document: str) -> str:
    """The text of a document with every block between <!-- name --> and <!-- /name --> made anew."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for name, make in BLOCKS[document].items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise SystemExit(f"{document} must hold {start} and {end} once each.")
        before, rest = text.split(start)
        text = f"{before}{start}\n{make()}\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    for document in BLOCKS:
        (ROOT / document).write_text(rewritten(document), encoding="utf-8")
