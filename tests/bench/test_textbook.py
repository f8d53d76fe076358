"""Every textbook form computes the package's loss: otherwise the race between them would mean nothing."""

import pytest
import torch

from kd_teach.bench import textbook
from kd_teach.bench.losses import our_form, passes, prepare, tensors, textbook_form
from kd_teach.bench.pairs import CONTESTS, Sizes
from kd_teach.methods import list_methods
from tests.methods.losses import EVERY

SMALL = Sizes(batch=5, grid=16, stem=3, widths=(3, 4, 6), classes=7, images=60, negatives=20)


@pytest.mark.parametrize(("method", "variant"), CONTESTS)
def test_same_value_and_gradients_as_the_package(method, variant):
    contest = prepare(method, variant, SMALL, dtype=torch.float64)
    ours, expected = (passes(contest, form(contest))() for form in (our_form, textbook_form))
    assert ours[0] != 0 and len(ours) == 1 + len(tensors(contest.student)) + len(list(contest.loss.parameters()))
    for mine, theirs in zip(ours, expected, strict=True):
        assert (mine is None) == (theirs is None)  # FT's paraphraser takes no part
        if mine is not None:
            torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-10)
    assert all(gradient.abs().max() > 0 for gradient in ours[1 : 1 + len(tensors(contest.student))])


def test_every_method_races_in_every_variant():
    assert {method for method, _ in CONTESTS} == set(list_methods())
    by_kernel = {("nst", "paper"), ("cc", "paper")}  # a race for each of their kernels
    assert set(EVERY) - set(CONTESTS) == by_kernel


def test_hand_computed_similarity_and_kernel():
    eye, ones = torch.eye(2), torch.ones(2, 2)
    assert textbook.sp(eye, ones).item() == pytest.approx(0.292893, abs=1e-6)
    assert textbook.pkt(eye, ones).item() == pytest.approx(0.029446, abs=1e-6)
    assert textbook.kd(torch.zeros(1, 2), torch.tensor([[2.0, 0.0]]), temperature=2.0).item() == pytest.approx(
        0.443776, abs=1e-6
    )


def test_hand_computed_toy_maps():
    a, b = torch.tensor([[1.0, 2.0], [3.0, 0.0]]).double(), torch.tensor([[2.0, 1.0], [1.0, 1.0]]).double()
    a, b = a[None, :, None], b[None, :, None]  # (1, C, 1, W)
    assert textbook.nst([a], [b]).item() == pytest.approx(0.13, abs=1e-6)
    assert textbook.at([a], [b]).item() == pytest.approx(0, abs=1e-12)
    assert textbook.flow(a, b).tolist() == [[[2.0, 1.5], [3.0, 1.5]]]
