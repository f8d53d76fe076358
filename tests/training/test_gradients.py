"""Gradients against the same numbers taken by hand; and nothing that is looked at changes."""

import math

import pytest
import torch
import torch.nn.functional as F

from kd_teach import Alone, Distiller, create_model
from kd_teach.data import plain_batches
from kd_teach.methods import KDLoss
from kd_teach.training.gradients import compare_gradients, gradient_norms, layer_gradients
from tests.helpers import same_weights, tiny_data

DATA = tiny_data()


@pytest.fixture
def pair():
    torch.manual_seed(0)
    student, teacher = (create_model("resnet8", num_classes=3) for _ in range(2))
    return student, teacher.eval().requires_grad_(False)


def batch():
    return next(plain_batches(DATA.train.select(slice(8)), DATA, 8))


def run_of(method, pair, **options):
    return Distiller(method, student=pair[0], teacher=pair[1], data=DATA, **options)


def norm_of_weights(loss, model):
    model.zero_grad()
    loss.backward(retain_graph=True)
    return math.sqrt(sum((p.grad**2).sum().item() for p in model.parameters()))


def test_norms_match_backward(pair):
    student, teacher = pair
    run = run_of("kd", pair)
    table = gradient_norms(run, batch())
    s, t = student.train()(batch().images), teacher(batch().images)
    terms = {"task": F.cross_entropy(s.logits, batch().labels), "distil": KDLoss(4.0)(s.logits, t.logits)}
    assert list(table.index) == ["task", "distil"]
    for name, term in terms.items():
        assert table.loc[name, "value"] == pytest.approx(term.item(), rel=1e-5)
        assert table.loc[name, "norm"] == pytest.approx(norm_of_weights(term, student), rel=1e-4)
    assert table["weight"].tolist() == [0.1, 0.9]
    assert table["weighted"].tolist() == pytest.approx((table["norm"] * table["weight"]).tolist())


def test_norm_counts_only_what_the_phase_trains(pair):
    run = run_of("fitnet", pair)
    before = gradient_norms(run, batch()).loc["distil", "norm"]
    copied = run_of("fitnet", pair)
    copied.loss.load_state_dict(run.loss.state_dict())
    phase = copied.phases()[0]
    student = pair[0].train()
    student.stages[2].eval()
    loss = phase.objective(student(batch().images), pair[1](batch().images), batch())["distil"]
    assert before == pytest.approx(norm_of_weights_of(loss, student.lower(1)), rel=1e-4)


def norm_of_weights_of(loss, modules):
    weights = [p for module in modules for p in module.parameters()]
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)]).norm().item()


def test_phases_and_progress_are_chosen(pair):
    run = run_of("fitnet", pair)
    early, late = (gradient_norms(run, batch(), phase="distil", progress=p).loc["kd", "weight"] for p in (0, 1))
    assert (early, late) == pytest.approx((4 / 9, 1 / 9))
    with pytest.raises(ValueError, match="Did you mean 'hint'"):
        gradient_norms(run, batch(), phase="hnt")


def test_a_phase_without_the_student_shows_what_it_trains(pair):
    table = gradient_norms(run_of("ft", pair), batch())
    assert list(table.index) == ["reconstruct"] and table["norm"].item() > 0


def test_a_student_alone_has_one_term(pair):
    assert list(gradient_norms(Alone(pair[0], DATA), batch()).index) == ["task"]


@pytest.mark.parametrize("method", ["kd", "crd"])
def test_nothing_changes(pair, method):
    run = run_of(method, pair)
    reference = run_of(method, pair)
    reference.loss.load_state_dict(run.loss.state_dict())
    untouched = create_model("resnet8", num_classes=3)
    untouched.load_state_dict(pair[0].state_dict())
    state, random = pair[0].training, torch.get_rng_state()
    gradient_norms(run, batch())
    layer_gradients(run, batch())
    assert torch.equal(random, torch.get_rng_state())
    assert same_weights(pair[0], untouched) and pair[0].training == state  # running statistics included
    assert same_weights(run.loss, reference.loss)
    assert all(p.grad is None for p in pair[0].parameters())
    assert method == "kd" or run.loss.last is None


def test_layer_gradients_match_autograd(pair):
    pull = layer_gradients(run_of("kd", pair), batch())
    s, t = pair[0].train()(batch().images), pair[1](batch().images)
    for name, tensor in {"stem": s.stem, "stage 3": s.preacts[2], "embedding": s.embedding}.items():
        task, distil = (
            torch.autograd.grad(loss, tensor, retain_graph=True)[0]
            for loss in (F.cross_entropy(s.logits, batch().labels), KDLoss()(s.logits, t.logits))
        )
        row = pull.layers.loc[name]
        assert row["task"] == pytest.approx(task.norm().item(), rel=1e-4)
        assert row["distil"] == pytest.approx(distil.norm().item(), rel=1e-4)
        cosine = F.cosine_similarity(task.flatten(), distil.flatten(), dim=0).item()
        assert row["cosine"] == pytest.approx(cosine, abs=1e-4)
    assert pull.weight == 0.9
    assert list(pull.layers.index) == ["stem", "stage 1", "stage 2", "stage 3", "embedding", "logits"]


def test_a_loss_does_not_pull_above_its_tap(pair):
    rows = layer_gradients(run_of("fitnet", pair), batch()).layers
    assert (rows.loc[:"stage 2", "distil"] > 0).all() and (rows.loc["stage 3":, "distil"] == 0).all()
    assert rows["cosine"].isna().tolist() == [False] * 3 + [True] * 3
    ab = layer_gradients(run_of("ab", pair), batch()).layers  # taps maps before the ReLU
    assert ab.loc["stage 3", "distil"] > 0 and ab.loc["embedding", "distil"] == 0


@pytest.mark.parametrize("model", ["wrn_16_1", "mobilenet_v2"])
def test_stages_of_every_family_are_reached(model):
    networks = [create_model(model, num_classes=3) for _ in range(2)]
    for method in ("ofd", "vid"):  # before and after the ReLU
        rows = layer_gradients(run_of(method, networks), batch()).layers
        stages = rows[rows.index.str.startswith("stage")]
        assert (stages["distil"] > 0).all()


def test_a_method_that_shows_no_features_is_refused(pair):
    with pytest.raises(ValueError, match="shows no features"):
        layer_gradients(run_of("at", pair, variant="gradient"), batch())


def test_compare_leaves_out_what_the_pair_forbids(pair, monkeypatch):
    monkeypatch.setattr("kd_teach.training.gradients.list_methods", lambda: ["kd", "fsp", "at"])
    wide = create_model("resnet8x4", num_classes=3)
    pulls = compare_gradients(pair[0], wide, DATA, batch())
    assert list(pulls) == ["kd", "at"]  # FSP wants equal widths
    assert pulls["at"].weight == 10
