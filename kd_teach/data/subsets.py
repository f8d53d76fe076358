"""Stratified cuts: part of a data set with the classes in the proportions of the whole."""

import torch
from torch import Tensor


def stratified_rows(labels: Tensor, count: int, *, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """(chosen, rest): `count` rows drawn with every class in proportion, and all other rows, both ascending.

    labels (N,) int64 in 0..K-1. Classes of one size get counts that differ by at most 1, and no class that
    has images is left without one in `chosen`: `count` must be at least the number of classes.
    """
    quotas = _quotas(torch.bincount(labels).tolist(), count)
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label, quota in enumerate(quotas):
        rows = (labels == label).nonzero().squeeze(1)
        chosen[rows[torch.randperm(len(rows), generator=random)[:quota]]] = True
    return chosen.nonzero().squeeze(1), (~chosen).nonzero().squeeze(1)


def _quotas(sizes: list[int], count: int) -> list[int]:
    """How many of each class: largest remainders, in whole numbers, the lower label first when they tie."""
    total = sum(sizes)
    quotas = [size * count // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda label: -(sizes[label] * count % total))
    for label in by_remainder[: count - sum(quotas)]:
        quotas[label] += 1
    for label, size in enumerate(sizes):
        if size and not quotas[label]:  # a rare class: the most frequent one makes room for it
            quotas[quotas.index(max(quotas))] -= 1
            quotas[label] = 1
    return quotas
