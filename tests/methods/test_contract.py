"""What must hold for every method and variant: the tests that a new method gets for free."""

import math

import pytest
import torch

from kd_teach import Distiller, Settings, create_model, get_recipe, list_methods, train
from tests.helpers import same_weights, tiny_data

DATA = tiny_data(16)
EVERY = [(name, variant) for name in list_methods() for variant in get_recipe(name).variants]
PAIRS = [("resnet8", "resnet14"), ("resnet8", "wrn_16_2")]  # equal and unequal channels


def distiller(method, variant, pair=PAIRS[1], **options):
    torch.manual_seed(0)
    student, teacher = (create_model(name, 3) for name in pair)
    return Distiller(method, student=student, teacher=teacher, data=DATA, variant=variant, **options)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize(("method", "variant"), EVERY)
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
def test_takes_kd_beside_it_or_says_why_not(method, variant):
    together = [p for p in distiller(method, variant).phases() if p.weights.keys() >= {"task", "distil"}]
    run = distiller(method, variant, with_kd=0.123)
    if together:
        assert any(phase.weights.get("kd") == 0.123 for phase in run.phases())
    else:
        with pytest.raises(ValueError, match=r"with_kd=0\.123 would have no effect"):
            run.phases()


@pytest.mark.parametrize("name", list_methods())
def test_declares_itself(name):
    recipe = get_recipe(name)
    assert recipe.name == name and recipe.title and recipe.paper
    assert recipe.knowledge in ("response", "feature", "relation")
    assert next(iter(recipe.variants)) == "paper"
    assert all(variant.source for variant in recipe.variants.values())
