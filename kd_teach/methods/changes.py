"""Changes of the student's features that some losses cannot see; what a loss is blind to, it cannot teach.

Each `Variant` names those that leave its value as it was (`blind_to`): the property cards (`kd_teach.describe`) and
the README print them, and one test draws random features and checks every entry, the "no" as well as the "yes".

Changes are made to the student's tap alone, every stage by itself, with its adapters as they are (in eval mode: the
batch statistics of a BN in training mode would undo a global scale). FT is judged on its factors, FSP with the same
change on all maps. A pooled or response tap has a single "pixel", so permuting pixels cannot change it.
"""

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

BATCH = {"batch permutation"}  # all but CC's neighbours
POOLED = {"pixel permutation", *BATCH}  # every loss on an embedding or on logits
MIRRORS = {"channel permutation", "orthogonal channel mix", "channel sign flip"}
SCALES = {"per-sample scale", "global scale"}
