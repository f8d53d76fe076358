"""One way to turn (seed, what for) into a random generator."""

import hashlib
import operator

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose, such as `generator(seed, "epoch", 3)`.

    Its state is seeded with the first 63 bits of sha256 over "seed/purpose/...". So integers of any size and
    sign will do, and streams of neighbouring seeds or epochs have nothing in common.
    """
    words = "/".join(str(word) for word in (operator.index(seed), *purpose))
    digest = hashlib.sha256(words.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
