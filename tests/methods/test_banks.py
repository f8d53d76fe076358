"""Memory banks: which rows move and where to. Contrasts: who may be a negative, and how evenly they are drawn."""

import itertools
import math

import pytest
import torch

from kd_teach.methods._banks import Contrasts, MemoryBank

UNEVEN = torch.tensor([7, 7, 7, 7, 7, -1, -1, -1, -1, 3, 3, 3])  # classes of 5, 4 and 3; any integers will do


def unit_rows(n, dim, seed=0):
    rows = torch.randn(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return rows / rows.norm(dim=1, keepdim=True)


def bank(n=9, dim=4, momentum=0.5, seed=0):
    torch.manual_seed(seed)
    return MemoryBank(n, dim, momentum=momentum).double()


def test_a_new_bank_is_uniform_with_norms_near_one_and_follows_the_seed():
    rows = bank(500, 128).rows
    bound = 1 / math.sqrt(128 / 3)
    assert rows.abs().max() <= bound and rows.abs().mean() == pytest.approx(bound / 2, rel=0.02)
    assert rows.norm(dim=1).mean() == pytest.approx(1, rel=0.01)
    assert torch.equal(rows, bank(500, 128).rows) and not torch.equal(rows, bank(500, 128, seed=1).rows)
    assert "rows" in MemoryBank(3, 2, momentum=0.5).state_dict()


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
def test_renewal_in_loops_and_no_other_row_moves(momentum):
    memory, new, index = bank(momentum=momentum), unit_rows(3, 4), [7, 0, 4]
    old = memory.rows.clone()
    memory.renew(torch.tensor(index), new)
    for b, row in enumerate(index):
        blend = [momentum * old[row, d].item() + (1 - momentum) * new[b, d].item() for d in range(4)]
        norm = math.sqrt(sum(x * x for x in blend))
        assert memory.rows[row].tolist() == pytest.approx([x / norm for x in blend], rel=1e-12)
        assert memory.rows[row].norm().item() == pytest.approx(1, rel=1e-12)
    others = [row for row in range(9) if row not in index]
    assert torch.equal(memory.rows[others], old[others])


def test_an_index_that_occurs_twice_takes_the_mean_in_any_order():
    new = unit_rows(3, 4)
    twice, swapped, mean = bank(), bank(), bank()
    twice.renew(torch.tensor([2, 5, 2]), new)
    swapped.renew(torch.tensor([2, 5, 2]), new[[2, 1, 0]])
    mean.renew(torch.tensor([2, 5]), torch.stack([(new[0] + new[2]) / 2, new[1]]))
    torch.testing.assert_close(twice.rows, swapped.rows)
    torch.testing.assert_close(twice.rows, mean.rows)


def test_a_row_that_cancels_stays_as_it_was():
    memory = bank()
    memory.rows[1] = unit_rows(1, 4)[0]
    old = memory.rows.clone()
    memory.renew(torch.tensor([1]), -old[1:2])
    assert torch.equal(memory.rows, old)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_no_row_becomes_nan_and_the_next_batch_is_remembered(bad):
    memory, new = bank(), unit_rows(3, 4)
    old, spoilt = memory.rows.clone(), new.clone()
    spoilt[1] = bad
    memory.renew(torch.tensor([7, 0, 4]), spoilt)
    assert memory.rows.isfinite().all() and torch.equal(memory.rows[0], old[0])
    memory.renew(torch.tensor([7, 0, 4]), new)
    assert (memory.rows[[7, 0, 4]] != old[[7, 0, 4]]).all()


def test_a_renewal_records_no_gradient():
    memory, new = bank(), unit_rows(2, 4).requires_grad_()
    memory.renew(torch.tensor([0, 1]), new)
    assert not memory.rows.requires_grad


@pytest.mark.parametrize("momentum", [-0.1, 1.0, math.nan])
def test_a_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ValueError, match=r"momentum is .*of at least 0 and below 1"):
        MemoryBank(3, 2, momentum=momentum)


def drawn_rows(contrast):
    """The negatives of each anchor as lists of rows."""
    candidates = torch.arange(12) if contrast.candidates is None else contrast.candidates
    return [candidates[negative].tolist() for negative in contrast.negative]


@pytest.mark.parametrize("sampling", ["exact", "relax", "all"])
@pytest.mark.parametrize("negatives", [1, 3, 7, 8, 9, 100])
def test_negatives_are_distinct_and_never_of_the_anchors_class(sampling, negatives):
    torch.manual_seed(0)
    contrasts = Contrasts(UNEVEN, negatives=negatives, sampling=sampling)
    for _ in range(20):
        index = torch.randint(12, (5,))
        contrast = contrasts(index)
        for i, rows, k in zip(index, drawn_rows(contrast), contrast.k, strict=True):
            pool = int((UNEVEN[i] != UNEVEN).sum())
            assert not (UNEVEN[rows] == UNEVEN[i]).any()
            assert len(rows) == len(set(rows)) == (pool if sampling == "all" else min(negatives, pool))
            assert k == (pool if sampling == "all" else negatives)


def test_every_set_of_k_negatives_is_equally_likely_for_each_anchor():
    torch.manual_seed(0)
    contrasts, draws, anchors = Contrasts(UNEVEN, negatives=2, sampling="exact"), 1500, (0, 5, 11)
    counts = {}
    for anchor in anchors:
        pool = (UNEVEN[anchor] != UNEVEN).nonzero().flatten().tolist()
        counts[anchor] = dict.fromkeys(itertools.combinations(pool, 2), 0)
    for _ in range(draws):
        for anchor, rows in zip(anchors, drawn_rows(contrasts(torch.tensor(anchors))), strict=True):
            counts[anchor][tuple(sorted(rows))] += 1
    for sets in counts.values():
        expected, freedom = draws / len(sets), len(sets) - 1
        chi_square = sum((count - expected) ** 2 / expected for count in sets.values())
        assert abs(chi_square - freedom) < 5 * math.sqrt(2 * freedom)


def test_the_positive_is_the_image_itself_or_any_of_its_class():
    torch.manual_seed(0)
    index = torch.arange(12)
    for sampling in ("exact", "all"):
        assert torch.equal(Contrasts(UNEVEN, negatives=2, sampling=sampling)(index).positive, index)
    relaxed = Contrasts(UNEVEN, negatives=2, sampling="relax")
    positives = relaxed(index.repeat(1000)).positive.reshape(1000, 12)
    assert torch.equal(UNEVEN[positives], UNEVEN[index].expand(1000, 12))
    for i in range(12):
        members = (UNEVEN[i] == UNEVEN).nonzero().flatten()
        share = (positives[:, i, None] == members).double().mean(dim=0)
        torch.testing.assert_close(share, torch.full_like(share, 1 / len(members)), atol=0.08, rtol=0)


def test_the_generator_decides_and_all_draws_nothing():
    index = torch.tensor([0, 5, 11])
    for sampling in ("exact", "relax"):
        contrasts = Contrasts(UNEVEN, negatives=3, sampling=sampling)
        torch.manual_seed(3)
        first, second = contrasts(index), contrasts(index)
        torch.manual_seed(3)
        again = contrasts(index)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        assert not torch.equal(first.candidates, second.candidates)
    state = torch.get_rng_state()
    Contrasts(UNEVEN, negatives=3, sampling="all")(index)
    assert torch.equal(torch.get_rng_state(), state)


def test_labels_are_not_saved():
    assert not Contrasts(UNEVEN, negatives=3, sampling="exact").state_dict()


def test_bad_labels_and_options():
    def make(labels=UNEVEN, negatives=3, sampling="exact"):
        return Contrasts(labels, negatives=negatives, sampling=sampling)

    for labels in (UNEVEN.float(), UNEVEN[None], UNEVEN > 0, UNEVEN.tolist()):
        with pytest.raises(ValueError, match=r"The labels are a .*expected an integer tensor \(n,\)"):
            make(labels)
    with pytest.raises(ValueError, match="All 4 labels are of 1 class"):
        make(torch.zeros(4, dtype=torch.int64))
    for negatives in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"negatives, .* is {negatives};"):
            make(negatives=negatives)
    with pytest.raises(ValueError, match="Unknown sampling of CRDLoss 'exakt'. Did you mean 'exact'"):
        make(sampling="exakt")
