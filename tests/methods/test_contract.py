"""What must hold for every method and variant: the tests that a new method gets for free."""

import math

import pytest
import torch

from kd_teach import Distiller, Settings, create_model, get_recipe, legality, list_methods, train
from tests.helpers import same_weights, tiny_data
from tests.methods.losses import EVERY

DATA = tiny_data(16)
EQUAL, WIDE = ("resnet8", "resnet14"), ("resnet8", "wrn_16_2")  # a teacher of equal, and of twice as many channels


def distiller(method, variant, pair=WIDE, **options):
    torch.manual_seed(0)
    student, teacher = (create_model(name, 3) for name in pair)
    return Distiller(method, student=student, teacher=teacher, data=DATA, variant=variant, **options)


def legal_pairs() -> list:
    legal = {pair: legality(*pair, image_size=16)["legal"] for pair in (EQUAL, WIDE)}
    return [(*which, pair) for pair in legal for which in EVERY if legal[pair][which]]


@pytest.mark.parametrize(("method", "variant", "pair"), legal_pairs())
def test_trains_what_it_declares_and_nothing_of_the_teacher(method, variant, pair):
    run, start = distiller(method, variant, pair), distiller(method, variant, pair)
    declared = {id(p) for phase in run.phases() for module in phase.trains for p in module.parameters()}
    records = list(train(run, DATA, Settings(epochs=len(run.phases()), batch_size=8, device="cpu")))
    assert all(math.isfinite(value) for record in records for value in (*record.terms.values(), record.loss))
    assert [record.phase for record in records] == [phase.name for phase in run.phases()]
    assert same_weights(run.teacher, start.teacher)
    for part in ("student", "loss"):
        after, before = getattr(run, part), getattr(start, part)
        for (name, new), old in zip(after.named_parameters(), before.parameters(), strict=True):
            assert torch.equal(new, old) != (id(new) in declared), f"{part}: {name}"


@pytest.mark.parametrize(("method", "variant"), EVERY)
def test_every_learnt_part_is_trained_in_some_phase(method, variant):
    run = distiller(method, variant, EQUAL)
    declared = {id(p) for phase in run.phases() for module in phase.trains for p in module.parameters()}
    assert {name for name, p in run.loss.named_parameters() if id(p) not in declared} == set()
    assert {name for name, p in run.student.named_parameters() if id(p) not in declared} == set()


@pytest.mark.parametrize(("method", "variant"), EVERY)
def test_takes_kd_beside_it(method, variant):
    run = distiller(method, variant, EQUAL, with_kd=0.123)
    assert any(phase.weights.get("kd") == 0.123 for phase in run.phases())
    records = list(train(run, DATA, Settings(epochs=len(run.phases()), batch_size=8, device="cpu")))
    assert all(math.isfinite(record.loss) for record in records)
    assert records[-1].terms["kd"] > 0


@pytest.mark.parametrize("name", list_methods())
def test_declares_itself(name):
    recipe = get_recipe(name)
    assert recipe.name == name and recipe.title and recipe.paper
    assert recipe.knowledge in ("response", "feature", "relation")
    assert next(iter(recipe.variants)) == "paper"
    assert all(variant.source for variant in recipe.variants.values())
