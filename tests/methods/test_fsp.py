"""FSP against its equation, the algebra of flow matrices, the adapter and what it hides, and the two phases."""

import math
from functools import partial
from itertools import pairwise, product

import pytest
import torch
import torch.nn.functional as F

from kd_teach import Distiller, Settings, create_model, train
from kd_teach.methods import FSPLoss, fsp_matrix
from tests.helpers import same_weights, tiny_data

A, B = (torch.tensor(rows, dtype=torch.float64)[None, :, None, :] for rows in ([[1, 2], [3, 0]], [[2, 1], [1, 1]]))
variants = pytest.mark.parametrize("variant", ["paper", "repdistiller"])


def maps(n, c, h, w, seed=0):
    return torch.randn(n, c, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- the equation, one number at a time ------------------------------------------------------------------------------


def window(i, size, cells):
    """Rows (or columns) that adaptive pooling of `size` to `cells` puts into cell i."""
    return range(i * size // cells, math.ceil((i + 1) * size / cells))


def pooled(plane, h, w, pool):
    """A list of the h * w cells of one channel."""
    high, wide = plane.shape
    return [
        pool([plane[y, x].item() for y in window(i, high, h) for x in window(j, wide, w)])
        for i, j in product(range(h), range(w))
    ]


def flow_by_loops(f1, f2, pool):
    """G[i][j] = 1/hw sum F1_i F2_j for one image."""
    h, w = min(f1.shape[1], f2.shape[1]), min(f1.shape[2], f2.shape[2])
    p1, p2 = ([pooled(plane, h, w, pool) for plane in f] for f in (f1, f2))
    return [[sum(a * b for a, b in zip(x, y, strict=True)) / (h * w) for y in p2] for x in p1]


def mean(values):
    return sum(values) / len(values)


def by_loops(f_s, f_t, variant):
    pool = {"paper": max, "repdistiller": mean}[variant]
    total = 0.0
    for (s1, s2), (t1, t2) in zip(pairwise(f_s), pairwise(f_t), strict=True):
        for n in range(len(s1)):
            g_s, g_t = flow_by_loops(s1[n], s2[n], pool), flow_by_loops(t1[n], t2[n], pool)
            gaps = [(a - b) ** 2 for xs, xt in zip(g_s, g_t, strict=True) for a, b in zip(xs, xt, strict=True)]
            total += {"paper": sum, "repdistiller": mean}[variant](gaps) / len(s1)
    return total


def flow_loops(f1, f2):
    """G[i][j] of one image, on one grid."""
    (m, h, w), n = f1.shape, len(f2)
    places = list(product(range(h), range(w)))
    return [[sum(f1[i, y, x] * f2[j, y, x] for y, x in places) / (h * w) for j in range(n)] for i in range(m)]


def fsp_loops(f1_s, f2_s, f1_t, f2_t, share=sum):
    """The signature of `fsp`, one number at a time."""
    total = 0.0
    for n in range(len(f1_s)):
        g_s, g_t = flow_loops(f1_s[n], f2_s[n]), flow_loops(f1_t[n], f2_t[n])
        total += share([(a - b) ** 2 for xs, xt in zip(g_s, g_t, strict=True) for a, b in zip(xs, xt, strict=True)])
    return total / len(f1_s)


LOOPS = {"paper": fsp_loops, "adapter": fsp_loops, "repdistiller": partial(fsp_loops, share=mean)}


@variants
@pytest.mark.parametrize("n", [1, 7])
def test_equals_the_equation_in_loops(n, variant):
    f_s = maps(n, 2, 4, 6, seed=1), maps(n, 3, 4, 6, seed=2), maps(n, 5, 2, 3, seed=3)
    f_t = maps(n, 2, 3, 5, seed=4), maps(n, 3, 2, 3, seed=5), maps(n, 5, 2, 4, seed=6)  # other grids, uneven windows
    assert FSPLoss(variant=variant)(f_s, f_t).item() == pytest.approx(by_loops(f_s, f_t, variant), rel=1e-9)


@pytest.mark.parametrize("n", [1, 7])
def test_the_adapter_is_the_papers_loss_behind_its_convolutions(n):
    torch.manual_seed(0)
    loss = FSPLoss(variant="adapter", student_channels=(2, 3, 3), teacher_channels=(2, 5, 2)).double()
    f_s = maps(n, 2, 4, 6, seed=1), maps(n, 3, 4, 6, seed=2), maps(n, 3, 2, 3, seed=3)
    f_t = maps(n, 2, 4, 6, seed=4), maps(n, 5, 4, 6, seed=5), maps(n, 2, 2, 3, seed=6)
    weights = [loss.adapters[i].weight[:, :, 0, 0].detach() for i in (1, 2)]
    adapted = [f_s[0], *(torch.einsum("dc,nchw->ndhw", w, f) for w, f in zip(weights, f_s[1:], strict=True))]
    assert loss(f_s, f_t).item() == pytest.approx(by_loops(adapted, f_t, "paper"), rel=1e-9)


# --- hand-computed values and algebra --------------------------------------------------------------------------------


def test_hand_computed():
    expected = torch.tensor([[[2, 1.5], [3, 1.5]]], dtype=torch.float64)  # RepDistiller stores the transpose
    torch.testing.assert_close(fsp_matrix(A, B), expected)
    twice = [A, 2 * B]
    assert FSPLoss()([A, B], twice).item() == pytest.approx(4 + 2.25 + 9 + 2.25)
    assert FSPLoss(variant="repdistiller")([A, B], twice).item() == pytest.approx(17.5 / 4)


def test_the_larger_map_is_pooled_by_maxima_or_by_averages():
    large, small = torch.tensor([[[[1.0, 3.0], [0.0, 8.0]]]]), torch.tensor([[[[1.0], [2.0]]]])
    assert fsp_matrix(large, small).item() == (3 * 1 + 8 * 2) / 2
    assert fsp_matrix(large, small, pool=F.adaptive_avg_pool2d).item() == (2 * 1 + 4 * 2) / 2


def test_algebra_of_flow_matrices():
    f1, f2 = maps(3, 4, 2, 5, seed=1), maps(3, 6, 2, 5, seed=2)
    flow = fsp_matrix(f1, f2)
    assert flow.shape == (3, 4, 6)
    torch.testing.assert_close(fsp_matrix(f2, f1), flow.mT)
    torch.testing.assert_close(fsp_matrix(2 * f1, -3 * f2), -6 * flow)
    torch.testing.assert_close(fsp_matrix(f1 + f1.flip(0), f2), flow + fsp_matrix(f1.flip(0), f2))
    own = fsp_matrix(f1, f1)
    torch.testing.assert_close(own, own.mT)
    assert (torch.linalg.eigvalsh(own) > -1e-12).all()


@variants
def test_turning_all_signs_of_one_network_is_invisible_and_scaling_is_not(variant):
    f_s, f_t = ([maps(2, c, 2, 4, seed=seed + c) for c in (2, 3, 4)] for seed in (0, 10))
    loss = FSPLoss(variant=variant)
    value = loss(f_s, f_t).item()
    assert loss([-f for f in f_s], f_t).item() == pytest.approx(value, rel=1e-12)
    assert loss([f_s[0], -f_s[1], f_s[2]], f_t).item() != pytest.approx(value, rel=1e-3)
    assert loss([2 * f for f in f_s], f_t).item() != pytest.approx(value, rel=1e-3)
    assert loss(f_t, f_t).item() == 0


# --- the adapter -----------------------------------------------------------------------------------------------------


def test_adapters_stand_only_where_widths_differ_and_start_without_changing_the_size_of_a_flow():
    loss = FSPLoss(variant="adapter", student_channels=(2, 3, 3), teacher_channels=(2, 6, 5)).double()
    assert [sum(p.numel() for p in adapter.parameters()) for adapter in loss.adapters] == [0, 18, 15]
    f = maps(4, 3, 2, 5, seed=1), maps(4, 3, 2, 5, seed=2)
    adapted = [adapter(m) for adapter, m in zip(loss.adapters[1:], f, strict=True)]
    torch.testing.assert_close(fsp_matrix(*adapted).norm(dim=(1, 2)), fsp_matrix(*f).norm(dim=(1, 2)))


def test_adapters_want_as_many_maps_of_both_networks():
    with pytest.raises(ValueError, match="the student has 3 maps and the teacher 4"):
        FSPLoss(variant="adapter", student_channels=(2, 3, 3), teacher_channels=(2, 6, 5, 4))


def test_an_adapter_can_make_a_wrong_flow_look_right():
    student, teacher = [maps(4, 2, 2, 5, seed=1), maps(4, 3, 2, 5, seed=2)], None
    loss = FSPLoss(variant="adapter", student_channels=(2, 3), teacher_channels=(2, 4)).double()
    torch.nn.init.normal_(loss.adapters[1].weight)
    teacher = [student[0], loss.adapters[1](student[1]).detach()]
    assert loss(student, teacher).item() == pytest.approx(0, abs=1e-20)
    gap = fsp_matrix(*student) - fsp_matrix(*teacher)[:, :, :3]
    assert gap.abs().mean() > 0.1


# --- bad input -------------------------------------------------------------------------------------------------------


def test_unequal_widths_are_refused_before_and_during_training():
    says = r"student's widths \(2, 3\) must equal the teacher's \(2, 5\).*variant='adapter'"
    with pytest.raises(ValueError, match=says):
        FSPLoss(student_channels=[2, 3], teacher_channels=[2, 5])
    f_s, f_t = [maps(1, 2, 2, 2), maps(1, 3, 2, 2)], [maps(1, 2, 2, 2), maps(1, 5, 2, 2)]
    with pytest.raises(ValueError, match=says):
        FSPLoss(variant="repdistiller")(f_s, f_t)
    with pytest.raises(ValueError, match=r"widths \(16, 16, 32, 64\) must equal the teacher's \(16, 32, 64, 128\)"):
        distiller(tiny_data(), teacher="wrn_16_2")


def test_bad_input():
    with pytest.raises(ValueError, match="one map"):
        FSPLoss()([A], [A])
    with pytest.raises(ValueError, match="pass student_channels, teacher_channels"):
        FSPLoss(variant="adapter", student_channels=(2, 3))
    with pytest.raises(ValueError, match=r"widths \(2, 2\) .* built for \(2, 2\) and \(4, 4\)"):
        FSPLoss(variant="adapter", student_channels=(2, 2), teacher_channels=(4, 4))([A, B.float()], [A, B])
    with pytest.raises(ValueError, match="Unknown variant of FSPLoss 'adaptor'. Did you mean 'adapter'"):
        FSPLoss(variant="adaptor")


# --- the two phases --------------------------------------------------------------------------------------------------


def distiller(data, *, teacher="resnet14", **options):
    torch.manual_seed(0)
    student, teacher = create_model("resnet8", 3), create_model(teacher, 3).eval()
    return Distiller("fsp", student=student, teacher=teacher, data=data, **options)


def test_first_the_body_and_the_adapters_then_the_whole_student_alone():
    data = tiny_data()
    run, untouched = (distiller(data, teacher="wrn_16_2", variant="adapter") for _ in range(2))
    records = train(run, data, Settings(epochs=4, batch_size=8, device="cpu"))
    record = next(records)
    assert record.phase == "initialise" and record.terms.keys() == {"distil"}
    student, start = run.student, untouched.student
    assert not same_weights(student.stem, start.stem) and not same_weights(student.stages[2], start.stages[2])
    assert same_weights(student.classifier, start.classifier)
    moved = [not torch.equal(p, q) for p, q in zip(run.loss.parameters(), untouched.loss.parameters(), strict=True)]
    assert moved == [True] * 3

    stage = {name: value.clone() for name, value in student.stages[2].state_dict().items()}
    loss = {name: value.clone() for name, value in run.loss.state_dict().items()}
    for record in records:
        assert record.phase == "task" and record.terms.keys() == {"task"}
    assert not same_weights(student.classifier, start.classifier)
    assert not all(torch.equal(value, stage[name]) for name, value in student.stages[2].state_dict().items())
    assert all(torch.equal(value, loss[name]) for name, value in run.loss.state_dict().items())
    assert same_weights(run.teacher, untouched.teacher)


def test_the_papers_sum_is_weighed_down_to_a_mean_over_entries():
    data = tiny_data()
    entries = (16 * 16 + 16 * 32 + 32 * 64) / 3
    assert distiller(data, weight=3.0).phases()[0].weights["distil"] == pytest.approx(3 / entries)
    assert distiller(data, weight=3.0, variant="repdistiller").phases()[0].weights["distil"] == 3


def test_kd_joins_the_second_phase():
    first, second = distiller(tiny_data(), with_kd=0.5).phases()
    assert "kd" not in first.weights and second.weights["kd"] == 0.5
    assert second.teacher_runs and not distiller(tiny_data()).phases()[1].teacher_runs
