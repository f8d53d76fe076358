"""CRD against its equation, its start values and its bound; the banks' part in training; resuming bit for bit."""

import itertools
import math
import os
import signal
from dataclasses import replace

import pytest
import torch

from kd_teach import Distiller, Settings, create_model, train
from kd_teach.methods.crd import VARIANTS, CRDLoss, mutual_information_bound
from tests.helpers import same_weights, tiny_data

LABELS = torch.arange(20) % 3


def make(variant="paper", *, labels=LABELS, dim=5, seed=0, widths=(6, 4), **options):
    torch.manual_seed(seed)
    return CRDLoss(*widths, labels, dim=dim, variant=variant, **options).double()


def batch(n, *, widths=(6, 4), seed=0):
    random = torch.Generator().manual_seed(seed)
    e_s, e_t = (torch.randn(n, width, dtype=torch.float64, generator=random) for width in widths)
    return e_s, e_t, torch.randperm(20, generator=random)[:n]


def crd_by_loops(positive, scores, negative, tau, k, n, log_z=None):
    """L_side, one pair at a time; with log Z and the copied code's 1e-7 if `log_z` is given."""
    z, epsilon = (1.0, 0.0) if log_z is None else (log_z.exp(), 1e-7)
    total = 0.0
    for b in range(len(positive)):
        noise, p = k[b] / n, (positive[b] / tau).exp() / z
        total -= (p / (p + noise + epsilon)).log()
        others = [(scores[b, j] / tau).exp() / z for j in range(scores.shape[1]) if negative[b, j]]
        total -= k[b] * sum((noise / (q + noise + epsilon)).log() for q in others) / len(others)
    return total / len(positive)


LOOPS = dict.fromkeys(VARIANTS, crd_by_loops)


def by_loops(loss, e_s, e_t, index, *, variant, temperature, k=None):
    """Both sides, one score at a time; `k` is K where it is not the number of negatives drawn."""
    contrast = loss.contrasts(index)
    candidates = range(20) if contrast.candidates is None else contrast.candidates.tolist()
    sides = []
    for embed, e, bank in ((loss.embed_s, e_s, loss.bank_t.rows), (loss.embed_t, e_t, loss.bank_s.rows)):
        positive, scores = torch.zeros(len(e)).double(), torch.zeros(len(e), len(candidates)).double()
        for b in range(len(e)):
            v = [
                embed.bias[d].item() + sum((embed.weight[d, i] * e[b, i]).item() for i in range(e.shape[1]))
                for d in range(len(embed.bias))
            ]
            norm = math.sqrt(sum(x * x for x in v))

            def score(row, v=v, norm=norm, bank=bank):
                return sum(x / norm * bank[row, d].item() for d, x in enumerate(v))

            positive[b] = score(contrast.positive[b])
            scores[b] = torch.tensor([score(row) for row in candidates], dtype=torch.float64)
        counts = contrast.negative.sum(dim=1) if k is None else torch.full((len(e),), k)
        given = positive, scores, contrast.negative, temperature, counts.double(), 20
        log_z = [] if variant == "paper" else [math.log(20) + first_mean(*given[:4]).log()]
        sides.append(crd_by_loops(*given, *log_z).item())
    return sides


def first_mean(positive, scores, negative, tau):
    """Mean score of a batch, each anchor's K + 1 weighing the same."""
    rows = [torch.cat([positive[b, None], scores[b, negative[b]]]) for b in range(len(positive))]
    return sum((row / tau).exp().mean() for row in rows) / len(rows)


@pytest.mark.parametrize("sampling", ["exact", "relax", "all"])
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize(("variant", "temperature"), [("paper", 0.1), ("repdistiller", 0.07)])
def test_equals_the_equation_in_loops(variant, temperature, n, sampling):
    loss = make(variant, negatives=4, sampling=sampling)
    inputs = batch(n)
    torch.manual_seed(1)
    sides = [side.item() for side in loss.per_side(*inputs)]
    torch.manual_seed(1)
    assert sides == pytest.approx(by_loops(loss, *inputs, variant=variant, temperature=temperature), rel=1e-9)
    torch.manual_seed(1)
    assert loss(*inputs).item() == pytest.approx(sum(sides), rel=1e-12)  # also: Z stays that of the first batch


def test_more_negatives_than_there_are_rows_count_each_row_more_than_once():
    loss, inputs = make(negatives=50), batch(7)
    sides = [side.item() for side in loss.per_side(*inputs)]  # every other-class row is taken: nothing is random
    assert sides == pytest.approx(by_loops(loss, *inputs, variant="paper", temperature=0.1, k=50), rel=1e-9)


def equal_scores(variant, k, dot=-1.0, **options):
    """One anchor, one positive and K negatives, all with the same dot product."""
    labels = (torch.arange(k + 1) > 0).long()
    loss = make(variant, labels=labels, dim=2, negatives=k, **options)
    with torch.no_grad():
        for bank in (loss.bank_s, loss.bank_t):
            bank.rows.copy_(torch.tensor([dot, math.sqrt(1 - dot**2)]).expand(k + 1, 2))
        for embed in (loss.embed_s, loss.embed_t):
            embed.weight.zero_()
            embed.bias.copy_(torch.tensor([3.0, 0.0]))
    return [side.item() for side in loss.per_side(*batch(1)[:2], torch.tensor([0]))]


@pytest.mark.parametrize(("k", "value"), [(4, 2.502012), (255, 6.543222), (16384, 10.704091)])
def test_start_value_when_all_scores_are_equal(k, value):
    # Without Z the chance level needs exp(-1 / tau) = 1/n.
    assert equal_scores("paper", k, temperature=1 / math.log(k + 1)) == pytest.approx([value] * 2, abs=1e-6)
    # With Z any score will do. The 1e-7 adds about 1e-7 * n.
    assert equal_scores("repdistiller", k, dot=0.3) == pytest.approx([value] * 2, abs=1e-6 + 1e-7 * k)
    chance = 1 / (1 + k)
    assert value == pytest.approx(-math.log(chance) - k * math.log(1 - chance), abs=1e-6)


def test_start_value_over_random_banks():
    k, labels, index = 1000, torch.arange(2000) % 10, torch.arange(128)
    e_s, e_t = torch.randn(2, 128, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    options = {"labels": labels, "dim": 128, "widths": (64, 64), "negatives": k}
    for side in make("repdistiller", **options).per_side(e_s, e_t, index):
        assert side.item() == pytest.approx(math.log(k) + 1 + 1 / (2 * 128 * 0.07**2), abs=0.3)
    for side in make("paper", **options).per_side(e_s, e_t, index):
        assert side.item() == pytest.approx(k * math.log(1 + 2000 / k), rel=0.1)


def test_without_z_opposite_embeddings_are_the_best_at_the_benchmarks_size_and_worse_than_chance():
    n, k, tau, log_q = 50_000, 16_384, 0.1, math.log(16_384 / 50_000)

    def softplus(x):
        return max(x, 0) + math.log1p(math.exp(-abs(x)))

    # Mean embeddings m and -m: unrelated rows then meet at -|m|^2, partners at 1 - 2 |m|^2 or less (Cauchy-Schwarz).
    # Both terms are convex in the dot product, so by Jensen no embeddings do better than these two numbers (pairs of
    # one class, which are no negatives, are too few among 100 classes to matter).
    def side(m2):
        return softplus(log_q - (1 - 2 * m2) / tau) + k * softplus(-m2 / tau - log_q)

    best = min(range(1001), key=lambda i: side(i / 1000))
    assert best == 1000 and side(1.0) == pytest.approx(11.154, abs=1e-3)
    assert side(1.0) > math.log1p(k) + k * math.log1p(1 / k) > 10.7
    loss = make(labels=torch.arange(n) % 100, dim=2)
    with torch.no_grad():
        loss.embed_s.weight.zero_()
        loss.embed_s.bias.copy_(torch.tensor([1.0, 0.0]))
        loss.bank_t.rows.copy_(torch.tensor([-1.0, 0.0]).expand(n, 2))
    assert loss.per_side(*batch(3))[0].item() == pytest.approx(side(1.0), rel=1e-6)


def test_swapping_the_networks_and_their_banks_swaps_the_sides():
    loss, (e_s, e_t, index) = make("repdistiller", sampling="all"), batch(7)
    swapped = make("repdistiller", sampling="all", widths=(4, 6))
    state = loss.state_dict()
    other = {"embed_s": "embed_t", "embed_t": "embed_s", "bank_s": "bank_t", "bank_t": "bank_s", "log_z": "log_z"}
    renamed = {".".join([other[key.split(".")[0]], *key.split(".")[1:]]): value for key, value in state.items()}
    swapped.load_state_dict(renamed)
    student, teacher = loss.per_side(e_s, e_t, index)
    teacher_again, student_again = swapped.per_side(e_t, e_s, index)
    assert student.item() != pytest.approx(teacher.item(), rel=1e-3)
    assert (student_again.item(), teacher_again.item()) == pytest.approx((student.item(), teacher.item()), rel=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_falls_while_the_anchor_moves_to_its_positive(variant):
    loss = make(variant, dim=20, widths=(20, 20), sampling="all", temperature=1.0)
    with torch.no_grad():
        loss.bank_t.rows.copy_(torch.eye(20))  # every image its own direction
        loss.embed_s.weight.copy_(torch.eye(20))
        loss.embed_s.bias.zero_()
    index, e_t = torch.tensor([8]), torch.randn(1, 20, dtype=torch.float64)
    own_class = torch.eye(20, dtype=torch.float64)[[5]]  # class 2, like row 8: not a negative
    target = torch.eye(20, dtype=torch.float64)[[8]]
    path = [loss.per_side(own_class + t * (target - own_class), e_t, index)[0].item() for t in (0, 0.2, 0.4, 0.7, 1)]
    assert all(later < earlier - 1e-3 for earlier, later in itertools.pairwise(path))
    a_negative = torch.eye(20, dtype=torch.float64)[[9]]
    assert loss.per_side(a_negative, e_t, index)[0].item() > path[0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_bound_never_exceeds_log_k(variant):
    k = 13
    assert mutual_information_bound(0.0, k) == math.log(k)
    assert mutual_information_bound(math.log1p(k) + k * math.log1p(1 / k), k) < -0.9  # chance tells nothing
    for seed in range(10):
        for side in make(variant, negatives=k, seed=seed).per_side(*batch(7, seed=seed)):
            assert mutual_information_bound(side, k) <= math.log(k)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_reaches_both_linears_and_no_bank(variant):
    loss, (e_s, e_t, index) = make(variant), batch(7)
    start = {name: value.clone() for name, value in loss.state_dict().items() if "bank" in name}
    e_t.requires_grad_()
    loss(e_s, e_t, index).backward()
    assert e_t.grad is None
    assert all(p.grad.abs().sum() > 0 for p in loss.parameters())
    assert {name.split(".")[0] for name, _ in loss.named_parameters()} == {"embed_s", "embed_t"}
    assert len(start) == 2 and all(torch.equal(loss.state_dict()[name], value) for name, value in start.items())


def test_after_step_writes_the_rows_of_the_batch_and_no_other():
    loss, (e_s, e_t, index) = make(momentum=0.25), batch(7)
    loss(e_s, e_t, index)
    before = {bank: bank.rows.clone() for bank in (loss.bank_s, loss.bank_t)}
    loss.after_step()
    others = [row for row in range(20) if row not in index]
    for (bank, old), embed, e in zip(before.items(), (loss.embed_s, loss.embed_t), (e_s, e_t), strict=True):
        v = embed(e) / embed(e).norm(dim=1, keepdim=True)
        blend = 0.25 * old[index] + 0.75 * v
        torch.testing.assert_close(bank.rows[index], (blend / blend.norm(dim=1, keepdim=True)).detach())
        assert torch.equal(bank.rows[others], old[others]) and not bank.rows.requires_grad
    with pytest.raises(RuntimeError, match="no batch to remember"):
        loss.after_step()


def test_a_bad_batch_that_a_hand_written_loop_skips_is_not_remembered():
    loss, (e_s, e_t, index) = make(), batch(7)
    with pytest.raises(ValueError, match="1 NaN"):
        loss(torch.where(e_s == e_s[2, 3], math.nan, e_s), e_t, index)
    loss.after_step()
    assert loss.bank_s.rows.isfinite().all() and loss.bank_t.rows.isfinite().all()


def test_z_is_measured_once_and_saved():
    loss = make("repdistiller", negatives=4)
    assert loss.log_z.isnan().all() and not make("paper").log_z.any()
    loss(*batch(7))
    first = loss.log_z.clone()
    loss(*batch(5, seed=1))
    assert torch.equal(loss.log_z, first) and first.isfinite().all()
    resumed = make("repdistiller", negatives=4, seed=9)
    resumed.load_state_dict(loss.state_dict())
    resumed(*batch(5, seed=2))
    assert torch.equal(resumed.log_z, first)


def test_eval_mode_remembers_nothing():
    loss = make("repdistiller").eval()
    assert loss(*batch(7)).isfinite() and loss.log_z.isnan().all()
    with pytest.raises(RuntimeError, match="no batch"):
        loss.after_step()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_tiny_temperature_stays_finite(variant):  # exp(1 / 0.001) is far beyond float64
    loss, (e_s, e_t, index) = make(variant, temperature=0.001).float(), batch(7)
    e_s = e_s.float().requires_grad_()
    value = loss(e_s, e_t.float(), index)
    value.backward()
    assert value.isfinite() and e_s.grad.isfinite().all()


def test_keeps_a_tenth_of_what_gathering_the_negatives_would():
    n, k, dim, b = 2000, 500, 64, 16
    loss = CRDLoss(8, 8, torch.arange(n) % 100, dim=dim, negatives=k)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss(torch.randn(b, 8), torch.randn(b, 8), torch.arange(b))
    gathered = 2 * 4 * b * (k + 1) * dim  # two sides of float32 (B, K + 1, dim)
    assert 0 < sum(kept.values()) < gathered / 10


def test_bad_input():
    loss, (e_s, e_t, index) = make(), batch(3)
    for wrong in (None, index.double(), index > 3, index.tolist()):
        with pytest.raises(TypeError, match=r"The index is a .*expected an integer tensor \(3,\)"):
            loss(e_s, e_t, wrong)
    for wrong in (index[:2], index[:, None]):
        with pytest.raises(ValueError, match=r"The index has shape .*expected \(3,\)"):
            loss(e_s, e_t, wrong)
    for wrong in (torch.tensor([0, 1, 20]), torch.tensor([0, -1, 2])):
        with pytest.raises(ValueError, match=r"expected rows 0 to 19"):
            loss(e_s, e_t, wrong)
    with pytest.raises(ValueError, match=r"widths \(4, 6\); this loss was built for \(6, 4\)"):
        loss(e_t, e_s, index)
    for options, says in (
        ({"temperature": 0}, "temperature is 0"),
        ({"temperature": -1.0}, "temperature is -1"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"momentum": 1.0}, "momentum is 1"),
        ({"negatives": 0}, "negatives, .* is 0"),
        ({"dim": 0}, "dim is 0"),
        ({"dim": 1.5}, "dim is 1.5"),
        ({"sampling": "non"}, "Unknown sampling"),
        ({"variant": "papre"}, "Unknown variant of CRDLoss 'papre'. Did you mean 'paper'"),
        ({"labels": LABELS * 0}, "1 class"),
        ({"labels": LABELS.float()}, "expected an integer tensor"),
    ):
        with pytest.raises(ValueError, match=says):
            make(**options)


DATA = tiny_data(20)  # 20 images, batches of 8: 2 steps an epoch, 4 images left out of each
TWO = Settings(epochs=2, batch_size=8, lr=0.05, device="cpu")


def distiller(**options):
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("wrn_16_2", 3).eval()
    return Distiller("crd", student=student, teacher=teacher, data=DATA, **options)


def test_training_renews_the_banks():
    run, start = distiller(), distiller()
    list(train(run, DATA, replace(TWO, epochs=1)))
    for name in ("bank_s", "bank_t"):
        rows, old = getattr(run.loss, name).rows, getattr(start.loss, name).rows
        moved = (rows != old).any(dim=1)
        assert moved.sum() == 16
        torch.testing.assert_close(rows[moved].norm(dim=1), torch.ones(16))


@pytest.mark.parametrize(
    "options", [{"variant": "repdistiller", "negatives": 4}, {"negatives": 4, "sampling": "relax"}]
)
def test_interrupted_and_resumed_equals_uninterrupted(options, tmp_path, capsys):
    whole = distiller(**options)
    records = list(train(whole, DATA, TWO))
    interrupted, steps = distiller(**options), iter(range(1, 100))
    (phase,) = interrupted.phases()

    def remember_then_press():
        phase.after_step()
        if next(steps) == 3:  # in the middle of the second epoch
            os.kill(os.getpid(), signal.SIGINT)

    interrupted.phases = lambda: [replace(phase, after_step=remember_then_press)]
    checkpoint = tmp_path / "checkpoint.pt"
    assert len(list(train(interrupted, DATA, TWO, checkpoint=checkpoint))) == 2
    capsys.readouterr()

    resumed = distiller(**options)
    torch.manual_seed(123)  # the state of the generator is the checkpoint's
    again = list(train(resumed, DATA, TWO, checkpoint=checkpoint))
    assert same_weights(resumed.student, whole.student) and same_weights(resumed.loss, whole.loss)
    assert [(r.epoch, r.terms) for r in again] == [(r.epoch, r.terms) for r in records]
