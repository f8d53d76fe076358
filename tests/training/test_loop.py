"""The loop: repeatable, resumable bit for bit, interruptible, and loud about losses that are not finite."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kd_teach import Alone, Distiller, Phase, Settings, create_model, train
from kd_teach._support.errors import NotFiniteError
from kd_teach.training import checkpoint
from kd_teach.training.records import history_table
from kd_teach.training.settings import make_optimizer, schedule, share_epochs
from tests.helpers import same_weights, tiny_data

DATA = tiny_data()
FOUR = Settings(epochs=4, batch_size=8, lr=0.05, device="cpu")  # 3 steps an epoch


def make(method, **options):
    """A student, a teacher and a method, always from the same weights; method None trains alone."""
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("resnet8", 3)
    if method is None:
        return Alone(student, DATA)
    return Distiller(method, student=student, teacher=teacher, data=DATA, **options)


def interrupting(run, at):
    """`run` with a Ctrl-C pressed during step number `at`, counted over all phases."""
    seen = 0

    def press():
        nonlocal seen
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGINT)

    phases = [replace(phase, after_step=press) for phase in run.phases()]
    run.phases = lambda: phases
    return run


@pytest.mark.parametrize("method", [None, "kd", "fitnet"])
def test_same_seed_same_history_and_weights(method):
    first, second = make(method), make(method)
    histories = [history_table(list(train(run, DATA, FOUR))).drop(columns="seconds") for run in (first, second)]
    assert histories[0].equals(histories[1])
    assert same_weights(first.student, second.student)
    other = make(method)
    list(train(other, DATA, replace(FOUR, seed=1)))
    assert not same_weights(first.student, other.student)


@pytest.mark.parametrize("at", [1, 3, 5, 12])  # first step, end of the first phase, middle of the second, last step
@pytest.mark.parametrize("method", [None, "fitnet"])
def test_interrupted_and_resumed_equals_uninterrupted(method, at, tmp_path, capsys):
    whole = make(method)
    records = list(train(whole, DATA, FOUR))
    checkpoint = tmp_path / "checkpoint.pt"
    interrupted = list(train(interrupting(make(method), at), DATA, FOUR, checkpoint=checkpoint))
    assert "Stopping after this batch" in capsys.readouterr().out
    assert len(interrupted) == (at + 2) // 3 and interrupted[-1].complete == (at % 3 == 0)

    resumed = make(method)
    torch.manual_seed(123)  # the state of the generator is the checkpoint's
    again = list(train(resumed, DATA, FOUR, checkpoint=checkpoint))
    assert same_weights(resumed.student, whole.student) and same_weights(resumed.loss, whole.loss)
    assert [(r.phase, r.epoch, r.terms, r.val_accuracy) for r in again] == [
        (r.phase, r.epoch, r.terms, r.val_accuracy) for r in records
    ]


def test_a_checkpoint_is_written_while_somebody_holds_what_was_hashed(tmp_path, monkeypatch):
    """A profiler's thread, as a cluster's workers have one, keeps frames and what is in them."""
    held, plain = [], checkpoint.sha256
    monkeypatch.setattr(checkpoint, "sha256", lambda content: held.append(content) or plain(content))
    list(train(make(None), DATA, replace(FOUR, epochs=1), checkpoint=tmp_path / "checkpoint.pt"))
    assert held and (tmp_path / "checkpoint.pt").exists()


def test_interrupted_twice(tmp_path):
    whole, checkpoint = make("kd"), tmp_path / "checkpoint.pt"
    list(train(whole, DATA, FOUR))
    for _ in range(2):
        list(train(interrupting(make("kd"), 2), DATA, FOUR, checkpoint=checkpoint))
    last = make("kd")
    list(train(last, DATA, FOUR, checkpoint=checkpoint))
    assert same_weights(last.student, whole.student)


def test_second_ctrl_c_ends_at_once():
    run = make(None)
    phases = [replace(run.phases()[0], after_step=lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)])]
    run.phases = lambda: phases
    with pytest.raises(KeyboardInterrupt):
        list(train(run, DATA, FOUR))


def test_checkpoint_of_another_run_is_refused(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    list(train(make(None), DATA, FOUR, checkpoint=checkpoint))
    with pytest.raises(ValueError, match="lr: 0.05 then, 0.2 now"):
        list(train(make(None), DATA, replace(FOUR, lr=0.2), checkpoint=checkpoint))
    other = Alone(create_model("resnet14", 3), DATA)
    with pytest.raises(ValueError, match="other networks"):
        list(train(other, DATA, FOUR, checkpoint=checkpoint))


def test_alone_and_distilled_see_the_same_images():
    seen = {}
    for name in (None, "kd"):
        run = make(name)
        phase = run.phases()[0]
        batches = seen[name] = []

        def spy(s, t, batch, objective=phase.objective, batches=batches):
            batches.append(batch.images.clone())
            return objective(s, t, batch)

        run.phases = lambda phase=phase, spy=spy: [replace(phase, objective=spy)]
        list(train(run, DATA, replace(FOUR, epochs=1)))
    assert len(seen[None]) == 3
    assert all(torch.equal(a, b) for a, b in zip(seen[None], seen["kd"], strict=True))


def test_learns():
    run = make(None)
    records = list(train(run, DATA, replace(FOUR, epochs=16)))
    assert records[-1].terms["task"] < 0.5 * records[0].terms["task"]
    assert records[-1].val_accuracy > 0.8


def test_teacher_stays_as_it_was_and_everything_trainable_moves():
    run, start = make("kd"), make("kd")
    list(train(run, DATA, replace(FOUR, epochs=1)))
    assert same_weights(run.teacher, start.teacher)
    assert all(p.grad is None for p in run.teacher.parameters())
    for (name, after), before in zip(run.student.named_parameters(), start.student.parameters(), strict=True):
        assert not torch.equal(after, before), name


def test_a_loss_that_is_not_finite_names_term_and_step():
    run = make("kd")
    steps = iter(range(1, 100))
    phase = run.phases()[0]

    def objective(s, t, batch):
        terms = phase.objective(s, t, batch)
        return terms if next(steps) < 2 else terms | {"distil": terms["distil"] * float("nan")}

    run.phases = lambda: [replace(phase, objective=objective)]
    with pytest.raises(FloatingPointError, match=r"'distil' became nan at step 2 of epoch 1.*learning rate too high"):
        list(train(run, DATA, FOUR))


def test_a_student_that_became_nan_is_reported_with_phase_and_step():
    """One step ruins the weights, the next forward pass is NaN, and the loss refuses it before there is a term."""
    settings = replace(FOUR, lr=1e30)
    with pytest.raises(
        NotFiniteError, match=r"phase 'distil' \(task, distil\) met NaN at step 2 of epoch 1\. The student"
    ):
        list(train(make("kd"), DATA, settings))


def test_terms_and_weights_must_agree():
    phase = Phase("odd", [], lambda s, t, b: {}, {"task": 1.0, "distil": 2.0})
    with pytest.raises(ValueError, match=r"\['distil'\] must be in both"):
        phase.weigh({"task": torch.tensor(1.0)}, 0.0)


def test_weights_may_follow_the_progress():
    phase = Phase("moving", [], lambda s, t, b: {}, {"task": 1.0, "kd": lambda p: 4 - 3 * p})
    one = torch.tensor(1.0)
    assert [phase.weigh({"task": one, "kd": one}, p).item() for p in (0.0, 1.0)] == [5.0, 2.0]


def test_a_phase_that_trains_nothing_is_refused():
    with pytest.raises(ValueError, match="trains nothing"):
        make_optimizer(Phase("idle", [torch.nn.ReLU()], None, {}), FOUR)


def test_no_weight_decay_on_norms_and_biases():
    run = make(None)
    decayed, spared = make_optimizer(run.phases()[0], FOUR).param_groups
    assert decayed["weight_decay"] == 5e-4 and all(p.ndim > 1 for p in decayed["params"])
    assert spared["weight_decay"] == 0 and all(p.ndim == 1 for p in spared["params"])


@given(st.lists(st.floats(0.05, 4), min_size=1, max_size=4), st.integers(0, 60))
def test_epochs_are_shared_out_in_proportion(shares, extra):
    epochs = len(shares) + extra
    phases = [Phase(str(i), [], None, {}, share=share) for i, share in enumerate(shares)]
    shared = share_epochs(phases, epochs)
    assert sum(shared) == epochs and min(shared) >= 1
    if min(s * epochs / sum(shares) for s in shares) >= 1:
        assert all(abs(n - s * epochs / sum(shares)) < 1 + 1e-9 for n, s in zip(shared, shares, strict=True))


def test_fewer_epochs_than_phases():
    with pytest.raises(ValueError, match=r"1 epochs cannot be shared out among 2 phases \(hint, distil\)"):
        list(train(make("fitnet"), DATA, replace(FOUR, epochs=1)))


def test_schedule_rises_then_falls_to_zero():
    rates = [schedule(p / 100, 0.1) for p in range(101)]
    assert 0 < rates[0] < 0.1 and rates[10] == pytest.approx(1) and rates[100] == 0
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize("field", ["epochs", "batch_size", "lr"])
def test_bad_settings(field):
    with pytest.raises(ValueError, match=f"{field} is 0; expected a .*number"):
        Settings(**{field: 0})
