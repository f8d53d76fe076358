"""Every form of a race computes the package's loss: otherwise the race between them would mean nothing."""

import pytest
import torch

from kd_teach.bench.losses import passes
from kd_teach.bench.published import PUBLISHED
from kd_teach.bench.races import Sizes, prepare, rows_of_races, tensors
from kd_teach.methods import list_methods
from tests.methods.losses import EVERY

SMALL = Sizes(batch=5, grid=16, stem=4, widths=(4, 4, 6), classes=7, images=60, options={"crd": {"negatives": 20}})
ROWS = rows_of_races(list_methods())


@pytest.mark.parametrize(("method", "variant", "options"), ROWS)
def test_all_forms_give_the_same_value_and_gradients(method, variant, options):
    race = prepare(method, variant, SMALL, dtype=torch.float64, options=options)
    expected, *others = (passes(race, form)() for form in reversed(race.forms.values()))
    assert expected[0] != 0 and all(
        gradient.abs().max() > 0 for gradient in expected[1 : 1 + len(tensors(race.student))]
    )
    for other in others:
        for mine, theirs in zip(expected, other, strict=True):
            assert (mine is None) == (theirs is None)  # FT's paraphraser takes no part
            if mine is not None:
                torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-10)


def test_every_variant_races_and_only_what_costs_another_order_has_a_published_form():
    assert {row[:2] for row in ROWS} == set(EVERY)
    assert {method for method, _ in PUBLISHED} == {"nst", "fsp", "crd"}
