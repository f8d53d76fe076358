"""Pictures. Numbers go in, Axes come out: nothing here knows a network, a method or a data set.

Call `use_style()` once. A function draws on the `ax` that it is given, or else on a new figure, and returns
the Axes; those named report or card make and return a whole Figure. In a notebook, end the last line of a
cell with a semicolon, or Jupyter shows the returned object too.
"""

from kd_teach.plots.bars import accuracy_bars
from kd_teach.plots.curves import accuracy_curves, training_curves, training_report
from kd_teach.plots.images import image_grid
from kd_teach.plots.lookalikes import class_similarity, similarity_order
from kd_teach.plots.responses import soft_target_card, soft_targets
from kd_teach.plots.style import STYLE, use_style

__all__ = [
    "STYLE",
    "accuracy_bars",
    "accuracy_curves",
    "class_similarity",
    "image_grid",
    "similarity_order",
    "soft_target_card",
    "soft_targets",
    "training_curves",
    "training_report",
    "use_style",
]
