"""What each loss cannot see: changes of the student's features that leave its value as it was.

What a loss is blind to is exactly what it cannot teach. `BLIND_TO` is the one place where this is written down: the
property cards (`kd_teach.describe`) and the README print it, and one test draws random features and checks every
entry, the "no" as well as the "yes".

Changes are made to the student's tap alone, every stage by itself, with its adapters as they are (in eval mode: the
batch statistics of a BN in training mode would undo a global scale). FT is judged on its factors, FSP with the same
change on all maps. A pooled or response tap has a single "pixel", so permuting pixels cannot change it.
"""

import pandas as pd

CHANGES = {
    "channel permutation": "the channels come in another order",
    "orthogonal channel mix": "every channel vector is rotated or reflected by the same matrix",
    "channel sign flip": "one channel changes its sign",
    "per-sample scale": "every sample is multiplied by a positive number of its own",
    "global scale": "everything is multiplied by one positive number",
    "per-channel scale": "every channel is multiplied by a positive number of its own",
    "translation": "the same vector of channels is added everywhere",
    "per-sample shift": "a number of its own is added to all that a sample shows",
    "pixel permutation": "the pixels of all maps come in another order, the same for all samples",
    "batch permutation": "the samples of both networks come in another order",
}

MIRRORS = {"channel permutation", "orthogonal channel mix", "channel sign flip"}
POOLED = {"pixel permutation", "batch permutation"}  # hold for every loss on an embedding or on logits

BLIND_TO: dict[tuple[str, str], set[str]] = {
    ("kd", "paper"): {"per-sample shift"} | POOLED,
    ("fitnet", "paper"): {"batch permutation"},
    ("fitnet", "repdistiller"): {"batch permutation"},
    ("at", "paper"): MIRRORS | {"per-sample scale", "global scale", "batch permutation"},
    ("at", "repdistiller"): MIRRORS | {"per-sample scale", "global scale", "batch permutation"},
    ("at", "gradient"): {"batch permutation"},
    ("vid", "paper"): {"batch permutation"},
    ("vid", "repdistiller"): {"batch permutation"},
    ("ab", "paper"): {"batch permutation"},
    ("ab", "repdistiller"): {"batch permutation"},
    ("ft", "paper"): {"per-sample scale", "global scale", "batch permutation"},
    ("ft", "repdistiller"): MIRRORS | {"per-sample scale", "global scale", "batch permutation"},
    ("nst", "paper"): {
        "channel permutation",
        "channel sign flip",
        "per-sample scale",
        "global scale",
        "per-channel scale",
        "batch permutation",
    },
    ("ofd", "paper"): {"batch permutation"},
    ("ofd", "batch"): {"batch permutation"},
    ("fsp", "paper"): POOLED,
    ("fsp", "repdistiller"): POOLED,
    ("fsp", "adapter"): POOLED,
    ("sp", "paper"): MIRRORS | {"global scale"} | POOLED,
    ("cc", "paper"): MIRRORS | {"per-sample scale", "global scale"} | POOLED,
    ("cc", "repdistiller"): {"pixel permutation"},  # it compares neighbours in the batch
    ("rkd", "paper"): MIRRORS | {"global scale", "translation"} | POOLED,
    ("rkd", "repdistiller"): MIRRORS | {"global scale", "translation"} | POOLED,
    ("pkt", "paper"): MIRRORS | {"per-sample scale", "global scale"} | POOLED,
    ("pkt", "repdistiller"): MIRRORS | {"per-sample scale", "global scale"} | POOLED,
    ("crd", "paper"): POOLED,
    ("crd", "repdistiller"): POOLED,
}


def invariances() -> pd.DataFrame:
    """The whole table: a row per method and variant, a column per change, "yes" where the loss cannot see it."""
    rows = {row: ["yes" if change in blind else "–" for change in CHANGES] for row, blind in BLIND_TO.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(CHANGES))
    table.index = pd.MultiIndex.from_tuples(table.index, names=["method", "variant"])
    return table
