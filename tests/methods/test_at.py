"""Attention transfer against its equations, its bounds, and the phase that differentiates twice."""

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F

from kd_teach import Distiller, Settings, create_model, train
from kd_teach.methods import ATLoss, GradientATLoss, attention_map, input_gradient
from kd_teach.methods.at import attention, peaks
from tests.helpers import same_weights, tiny_data

variants = pytest.mark.parametrize("variant", ["paper", "repdistiller"])
A, B = (torch.tensor(rows, dtype=torch.float64)[None, :, None, :] for rows in ([[1, 2], [3, 0]], [[2, 1], [1, 1]]))


def maps(n, c, h, w, seed=0):
    return torch.randn(n, c, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- the equations, one number at a time -----------------------------------------------------------------------------


TOGETHER = {attention: sum, peaks: max}  # how a map puts the channels of a place together


def attention_by_loops(image, p, together):
    """The unit vector of sum_c |f_c|^p, or of max_c, over the places of one image."""
    channels, height, width = image.shape
    q = [together([abs(image[c, y, x]) ** p for c in range(channels)]) for y, x in product(range(height), range(width))]
    norm = sum(v * v for v in q) ** 0.5
    return [v / norm for v in q]


def squares_by_loops(f_s, f_t, p, q):
    """The squared distance of the two maps of each image."""
    for s, t in zip(f_s, f_t, strict=True):
        q_s, q_t = (attention_by_loops(image, p, TOGETHER[q]) for image in (s, t))
        yield sum((a - b) ** 2 for a, b in zip(q_s, q_t, strict=True))


def at_by_loops(f_s, f_t, p, q):
    return sum(square**0.5 for square in squares_by_loops(f_s, f_t, p, q)) / len(f_s)


def at_squares_by_loops(f_s, f_t, p, q):
    return sum(squares_by_loops(f_s, f_t, p, q)) / (len(f_s) * f_s[0, 0].numel())


def mean_norm_by_loops(g_s, g_t):
    squares = [
        sum((a - b) ** 2 for a, b in zip(s.flatten(), t.flatten(), strict=True)) for s, t in zip(g_s, g_t, strict=True)
    ]
    return sum(square**0.5 for square in squares) / len(squares)


LOOPS = {"paper": at_by_loops, "repdistiller": at_squares_by_loops, "gradient": mean_norm_by_loops}


@variants
@pytest.mark.parametrize(("map", "q"), [("sum", attention), ("max", peaks)])
@pytest.mark.parametrize("p", [0.5, 1, 2, 3, 4, 2.5])
@pytest.mark.parametrize("n", [1, 4])
def test_equals_the_equation_in_loops(n, p, map, q, variant):
    f_s = maps(n, 3, 2, 3, seed=1), maps(n, 5, 1, 2, seed=2)
    f_t = maps(n, 4, 2, 3, seed=3), maps(n, 1, 1, 2, seed=4)
    value = ATLoss(p=p, map=map, variant=variant)(f_s, f_t)
    expected = sum(LOOPS[variant](s, t, p, q) for s, t in zip(f_s, f_t, strict=True))
    assert value.item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("n", [1, 7])
def test_gradient_variant_equals_its_equation_in_loops(n):
    g_s, g_t = maps(n, 3, 2, 3, seed=1), maps(n, 3, 2, 3, seed=2)
    assert GradientATLoss()([g_s], [g_t]).item() == pytest.approx(mean_norm_by_loops(g_s, g_t).item(), rel=1e-12)


# --- hand-computed values and facts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "value"), [("paper", 1.414214), ("repdistiller", 1.0)])
def test_hand_computed_and_the_largest_possible(variant, value):
    left, right = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
    assert ATLoss(variant=variant)([left], [right]).item() == pytest.approx(value, abs=1e-6)  # sqrt(2), 2 / HW


@pytest.mark.parametrize(("p", "value"), [(2, 0.0), (1, 0.007722)])
def test_hand_computed_for_maps_with_the_same_energy_but_another_content(p, value):
    assert ATLoss(p=p, variant="repdistiller")([A], [B]).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("map", ["sum", "max"])
@pytest.mark.parametrize("p", [0.7, 1, 2, 3])
def test_attention_maps_are_unit_vectors_without_a_sign(p, map):
    q = attention_map(maps(5, 3, 2, 4), p, map)
    assert q.shape == (5, 8) and (q >= 0).all()
    torch.testing.assert_close(q.norm(dim=1), torch.ones(5, dtype=torch.float64))


def test_a_channels_sign_is_invisible_to_odd_powers_too():
    f_s, f_t = maps(2, 3, 2, 4, seed=1), maps(2, 3, 2, 4, seed=2)
    flipped = f_s * torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    for p in (1, 2, 3):
        assert ATLoss(p=p)([flipped], [f_t]).item() == pytest.approx(ATLoss(p=p)([f_s], [f_t]).item(), rel=1e-12)


@variants
def test_an_image_is_not_normalised_by_the_others_in_its_batch(variant):
    f_s, f_t, loss = maps(4, 3, 2, 4, seed=1), maps(4, 3, 2, 4, seed=2), ATLoss(variant=variant)
    alone = [loss([s[None]], [t[None]]).item() for s, t in zip(f_s, f_t, strict=True)]
    assert loss([f_s], [f_t]).item() == pytest.approx(sum(alone) / 4, rel=1e-12)


@pytest.mark.parametrize(("size_s", "size_t"), [((4, 6), (2, 3)), ((2, 3), (4, 6)), ((2, 6), (4, 3))])
def test_the_larger_map_is_pooled_before_the_power(size_s, size_t):
    f_s, f_t = maps(2, 3, *size_s, seed=1), maps(2, 4, *size_t, seed=2)
    pooled = [F.adaptive_avg_pool2d(f, (2, 3)) for f in (f_s, f_t)]
    assert ATLoss()([f_s], [f_t]).item() == pytest.approx(at_by_loops(*pooled, 2, attention).item(), rel=1e-9)


def test_a_high_power_keeps_the_peak_and_stays_in_range():
    f = torch.full((2, 3, 2, 2), 0.05)
    f[:, 1, 0, 1] = 0.1
    for scale in (1.0, 1e-6, 1e4):
        torch.testing.assert_close(attention_map(scale * f, p=40), torch.tensor([[0.0, 1, 0, 0]] * 2))


@variants
@pytest.mark.parametrize("p", [0.5, 1, 2, 3])
def test_zeros_of_a_relu_get_no_gradient(p, variant):
    f_s = maps(3, 4, 2, 3, seed=1).relu()
    f_s[0], f_s[1, :, 0, 0] = 0, 0  # a black image, and a place where every channel is silent
    f_s.requires_grad_()
    ATLoss(p=p, variant=variant)([f_s], [maps(3, 4, 2, 3, seed=2)]).backward()
    assert f_s.grad.isfinite().all() and f_s.grad.abs().sum() > 0
    assert (f_s.grad[f_s == 0] == 0).all()


@variants
def test_no_gradient_where_student_and_teacher_agree(variant):
    f = maps(2, 3, 2, 4).requires_grad_()
    value = ATLoss(variant=variant)([f], [f.detach()])
    value.backward()
    assert value == 0 and (f.grad == 0).all()


@pytest.mark.parametrize("p", [0, -1, math.nan, math.inf])
def test_bad_power(p):
    with pytest.raises(ValueError, match="number above 0"):
        ATLoss(p=p)
    with pytest.raises(ValueError, match="number above 0"):
        attention_map(maps(1, 1, 2, 2), p)


def test_bad_words_and_shapes():
    with pytest.raises(ValueError, match="Unknown attention map 'maxx'. Did you mean 'max'"):
        ATLoss(map="maxx")
    with pytest.raises(ValueError, match="Unknown variant of ATLoss 'papre'. Did you mean 'paper'"):
        ATLoss(variant="papre")
    with pytest.raises(ValueError, match=r"student \(3, 2, 2\) must equal teacher \(4, 2, 2\)"):
        GradientATLoss()([maps(1, 3, 2, 2)], [maps(1, 4, 2, 2)])


# --- the gradient-based recipe ---------------------------------------------------------------------------------------


def test_the_input_gradient_of_an_image_does_not_depend_on_its_neighbours():
    torch.manual_seed(0)
    model, images, labels = create_model("resnet8", 3).eval(), torch.rand(3, 3, 8, 8), torch.tensor([0, 1, 2])
    images.requires_grad_()
    together = input_gradient(model(images).logits, images, labels)
    alone = input_gradient(model(images[:1]).logits, images, labels[:1])[:1]
    torch.testing.assert_close(together[:1], alone)
    assert together.shape == images.shape and all(p.grad is None for p in model.parameters())


def test_the_input_gradient_of_a_linear_classifier_is_known():
    weight, images = maps(1, 4, 1, 12)[0, :, 0], maps(2, 3, 2, 2, seed=1).requires_grad_()
    logits, labels = images.flatten(1) @ weight.T, torch.tensor([1, 3])
    expected = (logits.softmax(dim=1) - F.one_hot(labels, 4)) @ weight
    torch.testing.assert_close(input_gradient(logits, images, labels).flatten(1), expected)


def distiller(data, **options):
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model("wrn_16_2", 3).eval()
    return Distiller("at", student=student, teacher=teacher, data=data, variant="gradient", **options)


def test_the_gradient_phase_trains_the_student_on_more_than_the_labels():
    data = tiny_data(16)
    with_at, without, untouched = distiller(data), distiller(data, weight=0.0), distiller(data)
    settings = Settings(epochs=1, batch_size=8, device="cpu")
    (record,), _ = list(train(with_at, data, settings)), list(train(without, data, settings))
    assert record.terms.keys() == {"task", "distil"} and record.terms["distil"] > 0
    assert not same_weights(with_at.student.stem, without.student.stem)  # the second differentiation arrives
    assert same_weights(with_at.teacher, untouched.teacher)
    assert all(p.grad is None for p in with_at.teacher.parameters())
    assert with_at.student.stem[1].num_batches_tracked == 2  # one forward pass a step


def test_the_gradient_phase_takes_kd_beside_it():
    data = tiny_data(16)
    (record,) = train(distiller(data, with_kd=0.5), data, Settings(epochs=1, batch_size=8, device="cpu"))
    assert record.terms.keys() == {"task", "kd", "distil"} and record.terms["kd"] > 0


def test_the_second_derivative_is_that_of_finite_differences():
    data = tiny_data(16)
    run = distiller(data)
    run.student.double().eval()
    run.teacher.double()
    (phase,) = run.phases()
    images, labels = maps(4, 3, 8, 8), torch.tensor([0, 1, 2, 0])
    batch = type("Batch", (), {"images": images, "labels": labels})
    bias, step = run.student.classifier.weight, 1e-5
    (slope,) = torch.autograd.grad(phase.objective(None, None, batch)["distil"], [bias])
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            bias[1, 2] += sign * step
        values.append(phase.objective(None, None, batch)["distil"].item())
        with torch.no_grad():
            bias[1, 2] -= sign * step
    assert slope[1, 2].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)
    assert slope[1, 2].abs() > 1e-6
