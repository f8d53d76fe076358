"""A block of a grid: all it asks for is checked here, and multiplied out into cells."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace

import torch

from kd_teach._support.errors import unknown
from kd_teach._support.files import user_path
from kd_teach._support.numbers import listed, number, seed_of, shown, whole
from kd_teach.data import Augment, Split, list_data, noise
from kd_teach.methods import get_recipe, list_methods
from kd_teach.models import create_model, list_models
from kd_teach.study.cells import CONTROLS, Cell
from kd_teach.training.budgets import BUDGETS, lesson_weight, tuned_variant
from kd_teach.training.distiller import Distiller
from kd_teach.training.settings import Settings
from kd_teach.training.teachers import load_teacher, teacher_card

MOST_SEEDS = 10_000
TABLES = ("weights", "variants", "options", "settings")  # of a block: these are merged with those at the top
BLOCK: tuple[str, ...] = ("data", "pairs", "budgets", "seeds", "methods", "weight", "multiples", "task_weight")
BLOCK += ("with_kd", "variant", "label_smoothing", "name", *TABLES)
BUDGET = ("like", "share", "samples", "val", "epochs")
DEFAULTS = {"name": "study", "weight": "published", "multiples": [1], "budgets": ["lesson"], "seeds": 1}


def cells_of(block: Mapping, select: bool) -> Iterator[Cell]:
    """The cells of one block: seed by seed, so that a study cut short has whole pairs."""
    if missing := [key for key in ("data", "pairs", "methods") if key not in block]:
        raise ValueError(f"Block {block['name']!r} lacks {', '.join(missing)}.")
    methods = words_of(block["methods"])
    for table in ("weights", "variants", "options"):
        check_names(f"method in {table}", block[table], list_methods())
    check_data(block["data"])
    check_numbers(block)
    check_variants(block, methods)
    pairs = pairs_of(block)
    budgets = [budget_of(entry) for entry in filled_list("budgets", block["budgets"])]
    check_options(block, pairs, methods, budgets)
    for (teacher, student), budget, seed, method in itertools.product(pairs, budgets, seeds_of(block), methods):
        shared = {"method": method, "teacher": teacher, "student": student, "data": block["data"], "seed": seed}
        shared |= budget | {"block": block["name"], "settings": settings_of(block), "select": select}
        Settings(epochs=budget["epochs"], seed=seed, **shared["settings"])  # refuses impossible values
        if method in CONTROLS:
            smoothing = block.get("label_smoothing", 0.1) if method == "label_smoothing" else 0.0
            yield Cell(**shared, label_smoothing=smoothing)
            continue
        variant = variant_of(block, method)
        weight = weight_of(block, method, variant)
        shared |= {"variant": variant, "options": block["options"].get(method, {})}
        shared |= {name: block.get(name) for name in ("task_weight", "with_kd")}
        for multiple in block["multiples"]:
            # six digits: 0.3 times 0.012 is 0.0036, not 0.0035999999999999995
            scaled = float(weight) if multiple == 1 else float(f"{multiple * weight:.6g}")
            yield Cell(**shared, weight=scaled, multiple=float(multiple))


def words_of(methods: Iterable[str]) -> list[str]:
    """The methods asked for, "all" spelt out."""
    known, methods = (*CONTROLS, *list_methods()), filled_list("methods", methods)
    check_names("method", methods, (*known, "all"))
    return [word for entry in methods for word in (list_methods() if entry == "all" else [entry])]


def budget_of(entry: str | Mapping) -> dict:
    """samples, val and epochs of one budget: by a word of `BUDGETS`, by numbers, or by a word with numbers changed."""
    if not isinstance(entry, str | Mapping):
        raise ValueError(f"A budget is {shown(entry)}; expected a word or a table, as {{like = 'lesson', epochs = 3}}.")
    entry = {"like": entry} if isinstance(entry, str) else dict(entry)
    check_names("key of a budget", entry, BUDGET)
    for key, low in (("samples", 1), ("val", 0), ("epochs", 1)):
        if entry.get(key) is not None:
            whole(key, entry[key], low)
    budget, share = {}, number("share", entry.pop("share", 1), 0, 1000, above=True)
    if like := entry.pop("like", None):
        check_names("budget", [like], BUDGETS)
        budget = asdict(BUDGETS[like])
    budget |= entry
    if "epochs" not in budget:
        raise ValueError(f"Budget {entry} lacks epochs; give them, or like = one of {', '.join(BUDGETS)}.")
    return budget | {"epochs": round(budget["epochs"] * share)}


def filled_list(name: str, value) -> list:
    """The entries of a list that must have some: without any, nothing would be run and nobody would know."""
    if not (entries := listed(name, value)):
        raise ValueError(f"{name} is empty; expected at least one.")
    return entries


def seeds_of(block: Mapping) -> list[int]:
    """The block's seeds: so many from 0, or those of a list."""
    seeds = block["seeds"]
    if isinstance(seeds, Iterable):
        return [seed_of(seed) for seed in filled_list("seeds", seeds)]
    return list(range(whole("seeds", seeds, 1, MOST_SEEDS)))


def pairs_of(block: Mapping) -> list[tuple[str, str]]:
    """The block's pairs; an unknown teacher is refused here, not after an hour."""
    pairs = []
    for pair in filled_list("pairs", block["pairs"]):
        if isinstance(pair, str) or not isinstance(pair, Sequence) or [*map(type, pair)] != [str, str]:
            raise ValueError(f"A pair is {shown(pair)}; expected [teacher, student].")
        teacher_card(pair[0])
        check_names("model", [pair[1]], list_models())
        pairs.append((pair[0], pair[1]))
    return pairs


def check_numbers(block: Mapping) -> None:
    """Refuse weights and shares that cannot be."""
    for method, weight in block["weights"].items():
        number(f"weight of {method}", weight, 0)
    for multiple in filled_list("multiples", block["multiples"]):
        number("an entry of multiples", multiple, 0, above=True)
    for name in ("task_weight", "with_kd"):
        number(name, 0 if block.get(name) is None else block[name], 0)
    number("label_smoothing", block.get("label_smoothing", 0), 0, 1, below=True)
    for key in ("name", "weight", "variant"):
        if not isinstance(block.get(key, ""), str):
            raise ValueError(f"{key} is {shown(block[key])}; expected a word.")


def check_options(block: Mapping, pairs: Sequence, methods: Sequence[str], budgets: Sequence[Mapping]) -> None:
    """Refuse options that a method does not take, by building its loss on images of one gray value."""
    asked = [method for method in methods if block["options"].get(method)]
    for method, (teacher, student), budget in itertools.product(asked, pairs, budgets):
        classes = teacher_card(teacher)["num_classes"]
        data, count = noise(4, classes), budget.get("samples") or 50_000
        split = Split(data.train.images[:1].expand(count, -1, -1, -1), torch.arange(count) % classes)
        student_network, teacher_network = create_model(student, classes), load_teacher(teacher)
        try:
            Distiller(
                method,
                student=student_network,
                teacher=teacher_network,
                data=replace(data, train=split),
                variant=variant_of(block, method),
                **block["options"][method],
            )
        except (TypeError, ValueError, RuntimeError) as problem:
            raise ValueError(f"options of {method}, {block['options'][method]}: {problem}") from None


def variant_of(block: Mapping, method: str) -> str:
    """The method's own entry in `variants`, else the block's `variant` if the method has it, else the first."""
    known = get_recipe(method).variants
    wanted = block["variants"].get(method) or block.get("variant") or ""
    return wanted if wanted in known else next(iter(known))


def check_variants(block: Mapping, methods: Iterable[str]) -> None:
    for method, variant in block["variants"].items():
        check_names(f"variant of {method}", [variant], get_recipe(method).variants)
    if wanted := block.get("variant"):
        check_names("variant", [wanted], {v for m in methods if m not in CONTROLS for v in get_recipe(m).variants})


def weight_of(block: Mapping, method: str, variant: str) -> float:
    """The method's own entry in `weights`, else the published or the lesson weight.

    A lesson weight is the one tuned for this variant on these data. Where `kd-teach study tune` does not tune it (FSP's
    "adapter", say), the published weight stands in: another variant's would be of another size. ValueError where it
    does, but has not been run.
    """
    check_names("weight", [block["weight"]], ("published", "lesson"))
    if method in block["weights"]:
        return block["weights"][method]
    if block["weight"] == "lesson":
        if (weight := lesson_weight(method, block["data"], variant)) is not None:
            return weight
        if variant == tuned_variant(method):
            raise ValueError(f"There is no lesson weight of {method} ({variant}) yet: first run kd-teach study tune.")
    return get_recipe(method).variants[variant].weight


def settings_of(block: Mapping) -> dict:
    """The block's `settings` with what they stand for."""
    settings = dict(block["settings"])
    check_names("setting", settings, {field.name for field in fields(Settings)} - {"epochs", "seed"})
    if isinstance(settings.get("augment"), Mapping):
        check_names("setting of augment", settings["augment"], {field.name for field in fields(Augment)})
        settings["augment"] = Augment(**settings["augment"])
    return settings


def check_data(name: str) -> None:
    if not isinstance(name, str):
        raise ValueError(f"data is {shown(name)}; expected a name or a path.")
    if name not in list_data() and not user_path(name).is_dir():
        raise ValueError(f"{unknown('data set', name, list_data())} Or give the path of a folder.")


def check_names(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise unknown(kind, name, known)
