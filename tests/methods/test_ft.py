"""Factor transfer against its equations, what its distances cannot see, and the two phases."""

import math
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kd_teach import Distiller, Settings, create_model, look, train
from kd_teach.data.batches import normalise
from kd_teach.methods.ft import FTLoss, collapsed_distance, factor_distance, paraphrase_then_distil
from kd_teach.training.distiller import some_images
from tests.helpers import same_weights, tiny_data
from tests.methods.loops import chain_by_loops, numbers, with_offsets

variants = pytest.mark.parametrize("variant", ["paper", "repdistiller"])
A, B = (torch.tensor(rows, dtype=torch.float64)[None, :, None, :] for rows in ([[1, 2], [3, 0]], [[2, 1], [1, 1]]))


def maps(n, c, h, w, seed=0):
    return torch.randn(n, c, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def built(c_s, c_t, size, **options):
    torch.manual_seed(0)
    return with_offsets(FTLoss((c_s, *size), (c_t, *size), **options).double())


# --- the equations, one number at a time -----------------------------------------------------------------------------


def unit_by_loops(vector):
    norm = sum(v * v for v in vector) ** 0.5
    return [v / norm for v in vector]


def distance_by_loops(vectors_s, vectors_t, p):
    """p = 1: mean over samples and entries of |difference|; p = 2: mean over samples of the Euclidean norm."""
    total = 0.0
    for one_s, one_t in zip(vectors_s, vectors_t, strict=True):
        gaps = [abs(s - t) for s, t in zip(unit_by_loops(one_s), unit_by_loops(one_t), strict=True)]
        total += sum(gaps) / len(gaps) if p == 1 else sum(gap**2 for gap in gaps) ** 0.5
    return total / len(vectors_s)


def ft_by_loops(F_s, F_t, p):
    return distance_by_loops(F_s.flatten(1), F_t.flatten(1), p)


def energy_by_loops(factor):
    """Mean of squares over channels, one number per pixel."""
    channels, height, width = factor.shape
    return [sum(factor[c, y, x] ** 2 for c in range(channels)) / channels for y in range(height) for x in range(width)]


def energy_ft_by_loops(F_s, F_t, p):
    return distance_by_loops(*([energy_by_loops(factor) for factor in F] for F in (F_s, F_t)), p)


LOOPS = {"paper": ft_by_loops, "repdistiller": energy_ft_by_loops}


@variants
@pytest.mark.parametrize(("n", "size", "p"), [(1, (3, 4), 1), (7, (2, 3), 1), (7, (2, 3), 2)])
def test_equals_the_equation_in_loops(variant, n, size, p):
    loss, f_s, f_t = (
        built(2, 4, size, rate=0.75, p=p, variant=variant),
        maps(n, 2, *size, seed=1),
        maps(n, 4, *size, seed=2),
    )
    factors = chain_by_loops(loss.translate, f_s.tolist()), chain_by_loops(loss.encode, f_t.tolist())
    factor_s, factor_t = (torch.tensor(factor, dtype=torch.float64) for factor in factors)
    assert len(factor_s[0]) == len(factor_t[0]) == 3  # k C_t
    assert loss(f_s, f_t).item() == pytest.approx(LOOPS[variant](factor_s, factor_t, p).item(), rel=1e-9)


@variants
def test_reconstruction_equals_the_equation_in_loops(variant):
    loss, f_t = built(2, 3, (2, 3), variant=variant), maps(3, 3, 2, 3)
    guess = numbers(chain_by_loops([loss.encode, loss.decode], f_t.tolist()))
    squares = [(g - x) ** 2 for g, x in zip(guess, numbers(f_t.tolist()), strict=True)]
    expected = sum(squares) / {"paper": 3, "repdistiller": len(squares)}[variant]
    assert loss.reconstruct(f_t).item() == pytest.approx(expected, rel=1e-9)


def test_hand_values():
    assert factor_distance(A, B).item() == pytest.approx(0.361752, abs=1e-6)
    assert collapsed_distance(A, B).item() == 0  # RepDistiller's reading cannot tell the two apart


# --- the distances ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [factor_distance, collapsed_distance])
@pytest.mark.parametrize("p", [1, 2])
def test_only_directions_count(distance, p):
    one, other = maps(3, 4, 2, 5, seed=1), maps(3, 4, 2, 5, seed=2)
    scales = torch.tensor([0.1, 3.0, 50.0]).double()[:, None, None, None]
    assert distance(scales * other, other, p=p).item() == pytest.approx(0, abs=1e-12)
    assert distance(scales * one, other, p=p).item() == pytest.approx(distance(one, other, p=p).item(), rel=1e-9)
    if distance is factor_distance:  # energy has no sign
        assert distance(-other, other, p=p) > distance(one, other, p=p) > 0


def test_bounds_and_the_cosine():
    one, other = maps(1, 4, 2, 5, seed=1), maps(1, 4, 2, 5, seed=2)
    signs = one.sign()  # all entries of one size: the bound 2 / sqrt(M) is reached
    assert factor_distance(-signs, signs).item() == pytest.approx(2 / math.sqrt(40), rel=1e-9)
    assert factor_distance(one, other) < 2 / math.sqrt(40)
    cosine = F.cosine_similarity(one.flatten(1), other.flatten(1)).item()
    assert factor_distance(one, other, p=2).item() ** 2 == pytest.approx(2 - 2 * cosine, rel=1e-9)
    norm = (one / one.norm() - other / other.norm()).abs().sum().item()
    assert factor_distance(one, other, p=1).item() == pytest.approx(norm / 40, rel=1e-9)


@pytest.mark.parametrize("p", [1, 2])
def test_no_gradient_is_nan_where_the_factors_agree(p):
    factor = maps(2, 3, 2, 2).requires_grad_()
    factor_distance(factor, factor.detach().clone(), p=p).backward()
    assert factor.grad.isfinite().all()


def test_the_collapse_forgets_channels():
    one, other = maps(3, 4, 2, 5, seed=1), maps(3, 4, 2, 5, seed=2)
    mixed = torch.einsum("ck,nkhw->nchw", torch.linalg.qr(maps(1, 1, 4, 4, seed=3)[0, 0]).Q, one)
    assert collapsed_distance(mixed, other).item() == pytest.approx(collapsed_distance(one, other).item(), rel=1e-9)
    twice = torch.cat([one, one], dim=1)  # of twice as many channels
    assert collapsed_distance(twice, other).item() == pytest.approx(collapsed_distance(one, other).item(), rel=1e-9)
    assert factor_distance(mixed, other).item() != pytest.approx(factor_distance(one, other).item(), rel=1e-2)


# --- the modules -----------------------------------------------------------------------------------------------------


def test_parameter_counts():
    with torch.device("meta"):
        loss = FTLoss((256, 8, 8), (256, 8, 8))
        copied = FTLoss((256, 8, 8), (256, 8, 8), variant="repdistiller")

    def count(*modules):
        return sum(p.numel() for module in modules for p in module.parameters())

    assert count(loss.encode, loss.decode) == count(copied.encode, copied.decode) == 2_065_536
    assert count(loss.translate) == 1_032_704 and count(copied.translate) == 1_032_704 + 1024  # batch norm
    assert not any(
        isinstance(m, nn.BatchNorm2d) for part in (loss, copied.encode, copied.decode) for m in part.modules()
    )


@pytest.mark.parametrize(("variant", "linear"), [("paper", True), ("repdistiller", False)])
def test_whether_the_decoder_squeezes_negative_numbers(variant, linear):
    decode, factor = built(2, 4, (3, 3), variant=variant).decode, maps(2, 2, 3, 3)
    with torch.no_grad():
        before = decode(factor)
        for p in (decode[4].weight, decode[4].bias):  # the last convolution
            p.neg_()
        assert torch.allclose(decode(factor), -before) == linear


@variants
@pytest.mark.parametrize(("size_s", "size_t"), [((6, 10), (3, 5)), ((3, 5), (6, 10))])
def test_the_larger_factor_is_pooled(variant, size_s, size_t):
    loss, f_s, f_t = built(2, 4, (3, 5), variant=variant), maps(2, 2, *size_s, seed=1), maps(2, 4, *size_t, seed=2)
    factors = [F.adaptive_avg_pool2d(f, (3, 5)) for f in (loss.translate(f_s), loss.encode(f_t))]
    distance = {"paper": factor_distance, "repdistiller": collapsed_distance}[variant]
    assert loss(f_s, f_t).item() == pytest.approx(distance(*factors).item(), rel=1e-12)


@variants
def test_the_encoder_learns_from_the_reconstruction_alone(variant):
    loss = built(2, 4, (3, 3), variant=variant)
    graphs = []
    loss.encode.register_forward_hook(lambda module, args, out: graphs.append(out.requires_grad))
    loss(maps(2, 2, 3, 3), maps(2, 4, 3, 3)).backward()
    assert graphs == [False] and all(p.grad is None for p in [*loss.encode.parameters(), *loss.decode.parameters()])
    loss.zero_grad()
    f_t = maps(2, 4, 3, 3).requires_grad_()
    loss.reconstruct(f_t).backward()
    assert all(p.grad.abs().sum() > 0 for p in [*loss.encode.parameters(), *loss.decode.parameters()])
    assert f_t.grad is None and all(p.grad is None for p in loss.translate.parameters())


def test_half_precision_is_reconstructed_in_float32():
    loss, f_t = FTLoss((2, 3, 3), (4, 3, 3)), maps(2, 4, 3, 3).half()
    assert loss.reconstruct(f_t).item() == loss.reconstruct(f_t.float()).item()


def test_bad_input():
    with pytest.raises(ValueError, match="variant of FTLoss 'papre'"):
        FTLoss((3, 8, 8), (5, 8, 8), variant="papre")
    with pytest.raises(ValueError, match="is 3; expected a whole number from 1 to 2"):
        FTLoss((3, 8, 8), (5, 8, 8), p=3)
    with pytest.raises(ValueError, match="is 0; expected a whole number from 1 to 2"):
        factor_distance(A, B, p=0)
    for rate in (0, -0.5, 0.05, math.nan):
        with pytest.raises(ValueError, match=f"rate (of|is) {rate}"):
            FTLoss((3, 8, 8), (5, 8, 8), rate=rate)
    with pytest.raises(ValueError, match="number of factors"):
        FTLoss((3, 8, 8), (5, 8, 8), rate=1e30)
    with pytest.raises(ValueError, match=r"\(1, 4\) and \(1, 2\)"):
        factor_distance(A, B[:, :1])
    loss = FTLoss((3, 8, 8), (5, 8, 8))
    with pytest.raises(ValueError, match=r"student's map has shape \(2, 4, 8, 8\); .*\(N, 3, H, W\)"):
        loss(torch.rand(2, 4, 8, 8), torch.rand(2, 5, 8, 8))
    with pytest.raises(ValueError, match=r"teacher's map has shape \(2, 6, 8, 8\); .*\(N, 5, H, W\)"):
        loss(torch.rand(2, 3, 8, 8), torch.rand(2, 6, 8, 8))
    with pytest.raises(ValueError, match=r"teacher's map has shape \(5, 8, 8\)"):
        loss.reconstruct(torch.rand(5, 8, 8))


# --- the phases ------------------------------------------------------------------------------------------------------


def distiller(data, variant, **options):
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("wrn_16_2", 3).eval()
    return Distiller("ft", student=student, teacher=teacher, data=data, variant=variant, **options)


@variants
def test_paraphraser_first_then_frozen(variant):
    data = tiny_data()
    run, untouched = distiller(data, variant), distiller(data, variant)
    with torch.no_grad():
        x = run.teacher(normalise(data.train.images, data)).stages[-1]
    records = train(run, data, Settings(epochs=2, batch_size=8))
    first = next(records)
    assert first.phase == "paraphrase" and first.terms.keys() == {"reconstruct"}
    assert not same_weights(run.loss.encode, untouched.loss.encode)
    assert not same_weights(run.loss.decode, untouched.loss.decode)
    assert same_weights(run.student, untouched.student)  # running statistics too
    assert same_weights(run.loss.translate, untouched.loss.translate)

    encode, decode = (
        {k: v.clone() for k, v in part.state_dict().items()} for part in (run.loss.encode, run.loss.decode)
    )
    reconstruction = run.loss.reconstruct(x).item()
    assert reconstruction < untouched.loss.reconstruct(x).item()
    second = next(records)
    assert second.phase == "distil" and second.terms.keys() == {"task", "distil"}
    assert not run.loss.encode.training and run.loss.translate.training
    for part, before in ((run.loss.encode, encode), (run.loss.decode, decode)):
        assert all(torch.equal(v, before[k]) for k, v in part.state_dict().items())
    assert run.loss.reconstruct(x).item() == reconstruction
    assert not same_weights(run.student, untouched.student)
    assert not same_weights(run.loss.translate, untouched.loss.translate)
    assert same_weights(run.teacher, untouched.teacher)


@variants
def test_the_first_phase_is_unsupervised_and_minimises_the_missed_share_of_the_energy(variant):
    data = tiny_data()
    run = distiller(data, variant)
    paraphrase, distil = run.phases()
    assert not paraphrase.student_runs and distil.student_runs
    t = run.teacher(torch.rand(2, 3, 16, 16))
    terms = paraphrase.objective(None, t, None)  # neither student nor labels
    x = t.stages[-1]
    missed = F.mse_loss(run.loss.decode(run.loss.encode(x)), x)
    energy = run.tap(look(run.teacher, some_images(data))).square().mean()
    assert paraphrase.weigh(terms, 0.5).item() == pytest.approx((missed / energy).item(), rel=1e-5)


@variants
def test_the_first_phase_pulls_alike_whatever_the_scale_of_the_teacher(variant):
    """Ten times the map: the same share is missed, and the weights of the first layer are pulled as hard."""
    pulls = []
    for scale in (1.0, 10.0):
        torch.manual_seed(0)
        f_t = scale * torch.rand(4, 8, 4, 4)
        loss = FTLoss((4, 4, 4), (8, 4, 4), variant=variant, energy=f_t.square().mean().item())
        run = Mock(loss=loss, variant=variant, tap=lambda t: t)
        paraphrase = paraphrase_then_distil(run)[0]
        paraphrase.weigh(paraphrase.objective(None, f_t, None), 0.0).backward()
        pulls.append(loss.encode[0].weight.grad)
    assert torch.allclose(*pulls, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("energy", [0.0, -1.0, math.nan, math.inf])
def test_an_energy_that_cannot_be_is_refused(energy):
    with pytest.raises(ValueError, match="expected a positive number"):
        FTLoss((4, 4, 4), (8, 4, 4), energy=energy)


def test_rate_and_norm_are_options():
    run = distiller(tiny_data(), "paper", rate=0.25, p=2)
    assert run.loss.encode[-2].out_channels == 32 and run.loss.p == 2
