"""Grids: what a file means, in which order, and what is refused at once."""

import itertools
import re

import pytest

from kd_teach import Distiller, create_model, list_methods, load_run
from kd_teach.course.lesson import BUDGETS
from kd_teach.data import noise
from kd_teach.study import blocks, carry_out, flag_study, list_studies, load_study, make_study
from kd_teach.study.controls import label_epochs
from kd_teach.training.budgets import tuned_variant
from tests.study.tiny import grid

PAIR = [["shapes10/resnet20", "resnet8"]]
SMALL = {"data": "shapes10", "pairs": PAIR, "methods": ["kd"]}


def test_methods_pairs_seeds_and_budgets_are_multiplied_out_in_order(world):
    pairs = [["shapes10/resnet20", "resnet8"], ["shapes10/resnet20", "resnet14"]]
    budgets = ["smoke", {"samples": 50, "val": 20, "epochs": 4}]
    study = make_study(SMALL | {"pairs": pairs, "budgets": budgets, "seeds": [5, 2], "methods": ["alone", "at"]})
    found = [(cell.student, cell.epochs, cell.seed, cell.method) for cell in study.cells]
    assert found == list(itertools.product(["resnet8", "resnet14"], [2, 4], [5, 2], ["alone", "at"]))
    assert {cell.samples for cell in study.cells} == {320, 50} and not study.select and study.out is None


def test_words_stand_for_lists(world):
    cells = make_study(SMALL | {"methods": ["alone", "all"], "seeds": 3}).cells
    assert [cell.method for cell in cells[:15]] == ["alone", *list_methods()] and [cells[i].seed for i in (0, 44)] == [
        0,
        2,
    ]
    lesson = BUDGETS["lesson"]
    assert (cells[0].samples, cells[0].val, cells[0].epochs) == (lesson.samples, lesson.val, lesson.epochs)
    [half] = make_study(SMALL | {"budgets": [{"like": "full", "share": 0.5}]}).cells
    assert half.epochs == BUDGETS["full"].epochs / 2 and half.samples is None


def test_a_block_overrides_what_stands_at_the_top():
    top = {"weights": {"at": 5.0}, "settings": {"lr": 0.05, "augment": {"pad": 2}}, "seeds": 2, "weight": "published"}
    own = {"name": "second", "methods": ["at", "kd"], "weights": {"kd": 0.3}, "with_kd": 1.0, "seeds": 1}
    first, _, at, kd = make_study(SMALL | top | {"block": [{"name": "first"}, own | {"settings": {"lr": 0.2}}]}).cells
    assert (first.block, first.weight, first.with_kd, first.settings["lr"]) == ("first", 0.9, None, 0.05)
    assert (at.block, at.weight, at.with_kd, at.seed) == ("second", 5.0, 1.0, 0) and kd.weight == 0.3
    assert at.settings["lr"] == 0.2 and at.settings["augment"].pad == 2


def test_variant_goes_to_the_methods_that_have_it():
    chosen = {"variant": "repdistiller", "variants": {"fitnet": "paper"}}
    cells = make_study(SMALL | {"methods": ["kd", "at", "fitnet"]} | chosen).cells
    assert [cell.variant for cell in cells] == ["paper", "repdistiller", "paper"] and cells[1].weight == 1000


def test_multiples_are_short_numbers_and_one_is_exact():
    cells = make_study(SMALL | {"methods": ["crd", "ab"], "multiples": [0.3, 1]}).cells
    assert [cell.weight for cell in cells] == [0.0036, 0.012, 0.000385714, 9 / 7000]


def test_lesson_weights_are_those_of_the_variant(monkeypatch):
    tuned = {("kd", "paper"): 2.7, ("at", "paper"): 30.0, ("crd", "repdistiller"): 0.24}
    monkeypatch.setattr(blocks, "lesson_weight", lambda method, data, variant: tuned.get((method, variant)))
    chosen = {"weight": "lesson", "variants": {"crd": "repdistiller"}}
    cells = make_study(SMALL | {"methods": ["alone", "kd", "at", "crd"]} | chosen).cells
    assert [cell.weight for cell in cells] == [None, 2.7, 30.0, 0.24]


def test_without_a_lesson_weight_only_variants_that_are_never_tuned_take_the_published_one(monkeypatch):
    monkeypatch.setattr(blocks, "lesson_weight", lambda method, data, variant: None)
    never = {"at": "repdistiller", "crd": "paper", "fsp": "adapter"}
    cells = make_study(SMALL | {"methods": list(never), "weight": "lesson", "variants": never}).cells
    assert [(cell.variant, cell.weight) for cell in cells] == [("repdistiller", 1000), ("paper", 0.012), ("adapter", 1)]
    for method, variant in {"sp": "paper", "crd": "repdistiller"}.items():
        with pytest.raises(ValueError, match=rf"no lesson weight of {method} \({variant}\) yet: first run"):
            make_study(SMALL | {"methods": [method], "weight": "lesson", "variants": {method: variant}})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"metods": ["kd"]}, "Unknown key 'metods'. Did you mean 'methods'"),
        ({"block": [{"sed": 1}]}, "Unknown key of a block 'sed'. Did you mean 'seeds'"),
        ({"methods": ["kdd"]}, "Unknown method 'kdd'. Did you mean 'kd'"),
        ({"pairs": [["shapes10/resnet2", "resnet8"]]}, "Unknown teacher 'shapes10/resnet2'. Did you mean"),
        ({"pairs": [["shapes10/resnet20", "resnt8"]]}, "Unknown model 'resnt8'. Did you mean"),
        ({"data": "shape10"}, "Unknown data set 'shape10'. Did you mean 'shapes10'"),
        ({"budgets": ["leson"]}, "Unknown budget 'leson'. Did you mean 'lesson'"),
        ({"budgets": [{"epoch": 3}]}, "Unknown key of a budget 'epoch'. Did you mean 'epochs'"),
        ({"budgets": [{"samples": 30}]}, "lacks epochs"),
        ({"budgets": [{"epochs": 0}]}, "epochs is 0"),
        ({"settings": {"batchsize": 3}}, "Unknown setting 'batchsize'. Did you mean 'batch_size'"),
        ({"variants": {"at": "papper"}}, "Unknown variant of at 'papper'. Did you mean 'paper'"),
        ({"variant": "papper"}, "Unknown variant 'papper'"),
        ({"weights": {"a": 1}}, "Unknown method in weights 'a'"),
        ({"weight": "tuned"}, "Unknown weight 'tuned'. Did you mean 'published'? Known: lesson, published"),
        ({"select": "val"}, "Unknown value of select 'val'"),
        ({"block": [{}, {"options": {"kd": {"temperature": 2.0}}}]}, "would share a row"),
    ],
)
def test_what_is_not_known_is_refused_at_once(wrong, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        make_study(SMALL | wrong)


def test_blocks_without_the_needful_are_refused():
    with pytest.raises(ValueError, match="Block 'study' lacks pairs, methods"):
        make_study({"data": "shapes10"})


def test_a_file_is_read_and_its_errors_name_it(world, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'data = "shapes10"\npairs = [["shapes10/resnet20", "resnet8"]]\nmethods = ["kd"]\nout = "a/b.csv"\n'
    )
    assert load_study(path).out.as_posix() == "a/b.csv" and len(load_study(path).cells) == 1
    path.write_text("data = \n")
    with pytest.raises(ValueError, match=r"mine\.toml: .*line 1"):
        load_study(path)
    with pytest.raises(ValueError, match="Unknown study 'leson'. Did you mean 'lesson'"):
        load_study("leson")


def test_flags_are_a_grid_of_one_block(world):
    flags = {"method": ["kd"], "pair": ["shapes10/resnet20:resnet8"], "data": None, "seeds": 2, "with_kd": None}
    flags |= {"budget": ["smoke"], "epochs": 5, "samples": None, "val": None}
    first, second = flag_study(flags).cells
    assert (first.teacher, first.student, first.epochs, first.samples) == ("shapes10/resnet20", "resnet8", 5, 320)
    assert second.seed == 1
    with pytest.raises(ValueError, match="--pair missing: name a study"):
        flag_study(flags | {"pair": None})
    with pytest.raises(ValueError, match="'resnet8' is not understood"):
        flag_study(flags | {"pair": ["resnet8"]})


OWN = ("lesson", "lesson_published", "lesson_shapes10", "lesson_with_kd", "lesson_wrn", "tune", "tune_shapes10")


@pytest.mark.parametrize("name", OWN)
def test_shipped_studies_are_what_they_say(name, monkeypatch):
    monkeypatch.setattr(blocks, "lesson_weight", lambda method, data, variant: 1.5)
    monkeypatch.setattr(blocks, "teacher_card", lambda name: {})  # a teacher may not have been trained yet
    study = load_study(name)
    lesson, methods = BUDGETS["lesson"], {cell.method for cell in study.cells}
    assert name in list_studies() and {cell.student for cell in study.cells} == {"resnet8"}
    assert {(cell.samples, cell.val) for cell in study.cells} == {(lesson.samples, lesson.val)}
    variants = {cell.method: cell.variant for cell in study.cells if not cell.is_control}
    assert variants == {m: tuned_variant(m) for m in list_methods()} | ({"fsp": "adapter"} if "wrn" in name else {})
    assert variants["crd"] == "repdistiller" and variants["cc"] == "paper"
    if study.select:
        multiples = {"tune": {0.03, 0.1, 0.3, 1.0, 3.0, 10.0}, "tune_shapes10": {0.0625, 0.25, 1.0, 4.0}}[name]
        assert {cell.multiple for cell in study.cells} == multiples
        assert len(study.cells) == 14 * len(multiples) and {cell.epochs for cell in study.cells} == {lesson.epochs / 2}
        assert study.out.name == f"lesson_weights_{study.cells[0].data}.csv"
    else:
        assert methods == {"alone", "label_smoothing", *list_methods()} and len(study.cells) == 16 * 5
        assert {cell.epochs for cell in study.cells} == {lesson.epochs} and study.out.name == "lesson_study.csv"
        assert {c.label_smoothing for c in study.cells if c.method == "label_smoothing"} == {0.1}


@pytest.mark.parametrize(
    ("name", "epochs", "samples", "seeds", "methods"),
    [
        ("kd_lesson", 12, 10_000, range(5), {"alone", "kd"}),
        ("fresh_seeds", 6, 10_000, range(5, 15), {"alone", "rkd"}),  # the lesson has seeds 0 to 4
        ("full_data", 6, None, range(3), {"alone", "kd", "ofd"}),
    ],
)
def test_longer_and_larger_studies_are_what_they_say(name, epochs, samples, seeds, methods, monkeypatch):
    monkeypatch.setattr(blocks, "lesson_weight", lambda method, data, variant: 1.5)
    cells = load_study(name).cells
    assert {(cell.epochs, cell.samples, cell.val) for cell in cells} == {(epochs, samples, 2000)}
    assert {cell.method for cell in cells} == methods and {cell.seed for cell in cells} == set(seeds)
    assert len(cells) == len(methods) * len(seeds)


def test_the_controls_are_what_they_say(monkeypatch):
    monkeypatch.setattr(blocks, "lesson_weight", lambda method, data, variant: 1.5)
    cells = {}
    for cell in load_study("controls").cells:
        cells.setdefault(cell.block, []).append(cell)
    assert {c.epochs for c in cells["alone_epochs"]} == {4, 5, *range(7, 16)} and len(cells["alone_epochs"]) == 11 * 5
    assert {label_epochs(method, 6) for method in ("fitnet", "ab", "fsp", "ft")} == {4, 5}
    assert {(c.method, c.weight) for c in cells["second_phase_only"]} == {("fitnet", 0)}
    assert all(c.options == {"shuffled_teacher": True} and c.weight == 1.5 for c in cells["shuffled_teacher"])
    adds = {name for name in list_methods() if any(True for _ in lesson_run(name).loss.parameters())}
    assert {c.method for c in cells["shuffled_teacher"]} == adds


def lesson_run(method):
    """A method in its tuned variant on the networks of a lesson."""
    student, teacher = (create_model(name, 10) for name in ("resnet8", "resnet20"))
    return Distiller(method, student=student, teacher=teacher, data=noise(), variant=tuned_variant(method))


def test_phases_as_published_come_on_top(monkeypatch):
    monkeypatch.setattr(blocks, "lesson_weight", lambda method, data, variant: 1.5)
    cells = load_study("as_published").cells
    for cell in cells:
        taken = 6 - label_epochs(cell.method, 6)
        assert cell.epochs == 6 and cell.settings == {"initial_epochs": taken}
    two_phases = {m for m in list_methods() if label_epochs(m, 6, variant=tuned_variant(m)) < 6}
    assert {cell.method for cell in cells} == two_phases
    assert {(c.task_weight, c.with_kd) for c in cells if c.method == "ab"} == {(0, 0.111111)}


@pytest.mark.parametrize(
    "condition",
    [
        {"methods": ["fitnet"], "weights": {"fitnet": 0}},
        {"methods": ["ofd"], "options": {"ofd": {"shuffled_teacher": True}}},
        {"methods": ["fsp"], "settings": {"batch_size": 6, "device": "cpu", "initial_epochs": 1}},
        {"methods": ["ab"], "task_weight": 0, "with_kd": 0.1, "options": {"ab": {"kd_temperature": 3}}},
    ],
    ids=["second_phase_only", "shuffled_teacher", "as_published", "ab_as_published"],
)
def test_conditions_run(world, tmp_path, condition):
    [cell] = make_study(grid(world, **condition)).cells
    row, _ = carry_out(cell, tmp_path)
    assert row["test_accuracy"] is not None
    _, history, _, card = load_run(tmp_path / row["config_hash"])
    assert len(history) == 2 + cell.settings.get("initial_epochs", 0)
    assert card["options"] == cell.distil_options() and card["settings"].items() >= cell.settings.items()


def test_tiny_grid_is_a_grid(world):
    assert [cell.method for cell in make_study(grid(world)).cells] == ["alone", "label_smoothing", "kd", "at"]
