import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kd_teach.data.seeds import generator
from kd_teach.data.subsets import stratified_rows


@st.composite
def labels_and_count(draw):
    sizes = draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=generator(draw(st.integers()), "shuffle"))]
    return labels, draw(st.integers(len(sizes), len(labels)))


@settings(deadline=None, max_examples=50)
@given(labels_and_count(), st.integers())
def test_rows_are_a_partition_with_every_class_in_proportion(case, seed):
    labels, count = case
    chosen, rest = stratified_rows(labels, count, random=generator(seed))
    assert len(chosen) == count
    assert sorted(torch.cat([chosen, rest]).tolist()) == list(range(len(labels)))

    sizes, quotas = torch.bincount(labels), torch.bincount(labels[chosen], minlength=int(labels.max()) + 1)
    assert quotas.min() >= 1
    fair = sizes * count / len(labels)
    rare = int((fair < 1).sum())  # each may have taken one image from the frequent classes
    assert ((quotas - fair).abs() < 1 + rare).all()
    for size in sizes.unique():
        assert quotas[sizes == size].float().std(correction=0) <= 0.5 or rare  # differ by at most 1


def test_equal_classes_differ_by_at_most_one():
    labels = torch.arange(100) % 10
    chosen, _ = stratified_rows(labels, 37, random=generator(0))
    assert sorted(torch.bincount(labels[chosen]).tolist()) == [3] * 3 + [4] * 7


def test_unequal_classes_stay_in_proportion():
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([60, 30, 10]))
    chosen, _ = stratified_rows(labels, 50, random=generator(0))
    assert torch.bincount(labels[chosen]).tolist() == [30, 15, 5]
    chosen, _ = stratified_rows(labels, 8, random=generator(0))  # 4.8, 2.4 and 0.8: the largest remainders win
    assert torch.bincount(labels[chosen]).tolist() == [5, 2, 1]


def test_a_rare_class_keeps_one_image():
    labels = torch.repeat_interleave(torch.arange(2), torch.tensor([990, 10]))
    chosen, _ = stratified_rows(labels, 20, random=generator(0))
    assert torch.bincount(labels[chosen]).tolist() == [19, 1]


def test_the_generator_decides():
    labels = torch.arange(100) % 10
    first, again, other = (stratified_rows(labels, 30, random=generator(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_generators_of_other_seeds_and_purposes_differ():
    words = [(0, "epoch", 1), (1, "epoch", 0), (0, "epoch", 11), (0, "epoch1"), (-1,), (2**64,), (0,)]
    assert len({generator(*each).initial_seed() for each in words}) == len(words)
