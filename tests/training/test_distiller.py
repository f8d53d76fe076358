"""Binding a recipe: taps, options, weights, and a method of one's own."""

import math
import warnings
from inspect import signature
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach import Alone, Distiller, Phase, Recipe, Settings, Variant, create_model, get_recipe, list_methods, train
from kd_teach.data import plain_batches
from kd_teach.methods.recipe import initialise_then_task
from kd_teach.training.precision import autocast
from tests.helpers import same_weights, tiny_data

DATA = tiny_data()


def networks():
    torch.manual_seed(0)
    return {"student": create_model("resnet8", 3), "teacher": create_model("resnet14", 3)}


def features(run):
    batch = next(plain_batches(DATA.train, DATA, 8))
    return run.student(batch.images), run.teacher(batch.images), batch


def test_terms_and_their_weights():
    run = Distiller("kd", data=DATA, **networks())
    assert run.weights == {"task": 0.1, "distil": 0.9}
    assert run.task_and_distil(*features(run)).keys() == run.weights.keys()
    run = Distiller("fitnet", variant="repdistiller", weight=3.0, task_weight=2.0, with_kd=0.5, data=DATA, **networks())
    assert run.weights == {"task": 2.0, "distil": 3.0, "kd": 0.5}
    assert run.task_and_distil(*features(run)).keys() == run.weights.keys()


@pytest.mark.parametrize("method", ["fitnet", "vid", "crd"])
def test_a_shuffled_teacher_shows_another_image_and_only_to_the_methods_own_loss(method):
    def terms(shuffled, batch_of=lambda t: t):
        run = Distiller(method, data=DATA, with_kd=1.0, shuffled_teacher=shuffled, **networks())
        s, t, batch = features(run)
        return run.task_and_distil(s, batch_of(t), batch)

    rolled = [1, 2, 3, 4, 5, 6, 7, 0]
    moved = lambda x: x[rolled] if isinstance(x, torch.Tensor) else tuple(map(moved, x))
    plain, shuffled, by_hand = terms(False), terms(True), terms(False, lambda t: type(t)(*map(moved, t)))
    assert torch.equal(shuffled["distil"], by_hand["distil"]) and not torch.equal(shuffled["distil"], plain["distil"])
    assert torch.equal(shuffled["kd"], plain["kd"]) and torch.equal(shuffled["task"], plain["task"])


def numeric_options(method):
    """Names of a method's options that are numbers, by the annotations of its loss and of its tap."""
    recipe = get_recipe(method)
    run = Distiller(method, data=DATA, **networks())
    found = {name for name in recipe.tap_options if name in run.tap.func.__annotations__}
    for name, one in signature(type(run.loss)).parameters.items():
        if one.kind is one.KEYWORD_ONLY or type(run.loss).__name__ == "KDLoss":
            found |= {name} if {int, float} & {one.annotation, *get_args(one.annotation)} else set()
    return sorted(found - {"energy"})  # FT's is measured, not asked for


@pytest.mark.parametrize("method", list_methods())
def test_an_option_that_is_a_number_takes_no_word_no_list_and_no_truth(method):
    for name in numeric_options(method):
        for value in (True, np.True_, "1", [1], math.nan, -1):
            with pytest.raises(ValueError, match=rf"^{name}.* is .*; expected"):
                Distiller(method, data=DATA, **networks(), **{name: value})


def test_which_options_are_numbers():
    assert {name for method in list_methods() for name in numeric_options(method)} == {
        *("temperature", "stage", "p", "gamma", "order", "project", "distance", "angle", "margin", "rate"),
        *("dim", "negatives", "momentum"),
    }


def test_binding_leaves_no_trace():
    nets = networks()
    before = {name: networks()[name] for name in nets}
    nets["student"].train()
    Distiller("fitnet", data=DATA, **nets)
    assert all(same_weights(nets[name], before[name]) for name in nets)
    assert nets["student"].training


class Scaled(nn.Module):
    """A loss with a learnt part and a memory, as CRD has."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen = []
        self.steps = 0

    def forward(self, e_s, e_t, *, index):
        self.seen.append(index)
        return ((self.scale * e_s).mean() - e_t.mean()) ** 2

    def after_step(self):
        self.steps += 1


def own_recipe(**changes):
    fields = {
        "name": "own",
        "title": "Own",
        "paper": "none",
        "knowledge": "relation",
        "tap": lambda f: f.embedding,
        "build": lambda e_s, e_t, context, *, variant: Scaled(),
        "variants": {"paper": Variant(weight=0.5, source="here")},
        "needs": ("index",),
    }
    return Recipe(**fields | changes)


def test_a_method_of_ones_own_needs_no_registration():
    run = Distiller(own_recipe(), data=DATA, **networks())
    list(train(run, DATA, Settings(epochs=2, batch_size=8, device="cpu")))
    assert run.loss.steps == 6 and run.loss.scale.item() != 1
    assert sorted(torch.cat(run.loss.seen[:3]).tolist()) == list(range(24))


@pytest.mark.parametrize("tap", [lambda f: f.embedding, lambda f: f.logits])
def test_losses_of_ones_own_compute_in_float32_too(tap):
    seen = []

    class Watched(Scaled):
        def forward(self, e_s, e_t, *, index):
            seen.append((e_s.dtype, e_t.dtype, (e_s @ e_t.T).dtype))  # a product: what autocast would narrow
            return super().forward(e_s, e_t, index=index)

    recipe = own_recipe(tap=tap, build=lambda e_s, e_t, context, *, variant: Watched())
    run = Distiller(recipe, data=DATA, **networks())
    list(train(run, DATA, Settings(epochs=1, batch_size=8, device="cpu", precision="bfloat16")))
    assert set(seen) == {(torch.float32,) * 3}
    batch = next(plain_batches(DATA.train, DATA, 8))
    with autocast(batch.images.device, "bfloat16"):
        s = run.student(batch.images)
    assert s.logits.dtype == torch.bfloat16 and run.task(s, None, batch)["task"].dtype == torch.float32


def test_phases_may_leave_a_network_out_and_put_the_teacher_into_train_mode():
    seen = []

    def look(name):
        def objective(s, t, batch):
            seen.append((name, s is None, t is None, run.teacher.training, run.student.training))
            return {"term": (run.loss.scale - 2) ** 2}

        return objective

    phases = lambda run: [
        Phase("teacher only", [run.loss], look("a"), {"term": 1.0}, student_runs=False, teacher_mode="train"),
        Phase("student only", [run.loss, run.student], look("b"), {"term": 1.0}, teacher_runs=False),
    ]
    run = Distiller(own_recipe(variants={"paper": Variant(1.0, "here", phases=phases)}), data=DATA, **networks())
    start = networks()
    list(train(run, DATA, Settings(epochs=2, batch_size=24, device="cpu")))
    assert seen == [("a", True, False, True, False), ("b", False, True, False, True)]
    assert not same_weights(run.teacher, start["teacher"])  # running statistics follow the batches in train mode
    assert all(map(torch.equal, run.teacher.parameters(), start["teacher"].parameters()))


def test_a_learning_rate_of_its_own():
    phases = lambda run: [
        Phase("slow", [run.loss], lambda s, t, b: {"term": (run.loss.scale - 2) ** 2}, {"term": 1.0}, lr_scale=0.5)
    ]
    run = Distiller(own_recipe(variants={"paper": Variant(1.0, "here", phases=phases)}), data=DATA, **networks())
    half = list(train(run, DATA, Settings(epochs=1, batch_size=8, device="cpu")))
    full = list(train(Distiller("kd", data=DATA, **networks()), DATA, Settings(epochs=1, batch_size=8, device="cpu")))
    assert half[0].lr == pytest.approx(full[0].lr / 2)


def test_unknown_variant_shows_the_known_ones():
    with pytest.raises(ValueError, match="Unknown variant of kd 'papre'. Did you mean 'paper'"):
        Distiller("kd", variant="papre", data=DATA, **networks())


def test_kd_beside_a_method_that_has_no_room_for_it_is_refused():
    phases = lambda run: [Phase("own", [run.student], run.distil_only, {"distil": 1.0})]
    recipe = own_recipe(variants={"paper": Variant(1.0, "here", phases=phases)})
    Distiller(recipe, data=DATA, **networks()).phases()
    with pytest.raises(ValueError, match=r"with_kd=0\.5 would have no effect: no phase of own"):
        Distiller(recipe, with_kd=0.5, data=DATA, **networks()).phases()


def test_the_later_phase_needs_a_teacher_only_for_kd():
    def phases(run):
        return initialise_then_task(run, run.student.lower(2))

    recipe = own_recipe(variants={"paper": Variant(1.0, "here", phases=phases)})
    alone = Distiller(recipe, data=DATA, **networks()).phases()[1]
    assert alone.weights == {"task": 1.0} and not alone.teacher_runs
    beside = Distiller(recipe, with_kd=0.5, data=DATA, **networks()).phases()[1]
    assert beside.weights == {"task": 1.0, "kd": 0.5} and beside.teacher_runs


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda net: torch.compile(nn.DataParallel(net))])
@pytest.mark.parametrize("method", ["kd", "ofd"])
def test_wrapped_networks_train_as_the_bare_ones_do(method, wrap):
    runs = [
        Distiller(method, data=DATA, **{role: change(net) for role, net in networks().items()})
        for change in (lambda net: net, wrap)
    ]
    for run in runs:
        torch.manual_seed(0)
        list(train(run, DATA, Settings(epochs=1, batch_size=8, device="cpu")))
    assert same_weights(runs[0].student, runs[1].student)
    assert same_weights(Alone(wrap(networks()["student"]), DATA).student, networks()["student"])


class Answering(nn.Module):
    """A network of one's own: the features of another one, changed."""

    def __init__(self, change):
        super().__init__()
        self.network, self.change = create_model("resnet8", 3), change

    def forward(self, images):
        return self.change(self.network(images))


def test_a_softmax_at_the_end_is_named_once():
    nets = networks() | {"teacher": Answering(lambda f: f._replace(logits=f.logits.softmax(1)))}
    with pytest.warns(UserWarning, match="teacher's logits are probabilities.*softmax.*logits='...'") as seen:
        Distiller("kd", data=DATA, **nets)
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for harmless in (lambda z: z, lambda z: z.log_softmax(1), torch.Tensor.abs):
            teacher = Answering(lambda f, change=harmless: f._replace(logits=change(f.logits)))
            Distiller("kd", data=DATA, **networks() | {"teacher": teacher})


def test_maps_with_channels_last_are_refused_whoever_made_them():
    turned = Answering(lambda f: f._replace(stages=tuple(x.permute(0, 2, 3, 1) for x in f.stages)))
    with pytest.raises(ValueError, match=r"student has a map of shape .*looks like \(N, H, W, C\)"):
        Distiller("at", data=DATA, **networks() | {"student": turned})


def plain_kd(z_s, z_t, T):
    return T**2 * F.kl_div(F.log_softmax(z_s / T, 1), F.softmax(z_t / T, 1), reduction="batchmean")


def test_an_equation_of_ones_own_trains_in_the_place_of_the_recipes():
    own, library, wrong = (
        Distiller("kd", equation=equation, data=DATA, **networks())
        for equation in (plain_kd, None, lambda *args: 2 * plain_kd(*args))
    )
    s, t, batch = features(own)
    value = library.distil(s, t, batch).item()
    assert own.distil(s, t, batch).item() == pytest.approx(value, rel=1e-5)
    assert wrong.distil(s, t, batch).item() == pytest.approx(2 * value, rel=1e-5)


@pytest.mark.parametrize(
    ("returned", "came"), [(None, "None"), (torch.ones(3), r"a tensor of shape \(3,\)"), (1.5, "1.5")]
)
def test_an_equation_that_gives_no_number_is_refused(returned, came):
    def my_loss(*taps):
        return returned

    run = Distiller("kd", equation=my_loss, data=DATA, **networks())
    with pytest.raises(TypeError, match=f"my_loss returned {came}; expected one number"):
        run.distil(*features(run))


def test_an_equation_has_no_place_where_there_is_none():
    recipe = Recipe(
        "own", "Own", "", "response", lambda f: f.logits, lambda *a, **o: nn.MSELoss(), {"own": Variant(1.0, source="")}
    )
    with pytest.raises(ValueError, match="own has no equation in whose place yours could stand"):
        Distiller(recipe, equation=plain_kd, data=DATA, **networks())
