"""Pictures. Numbers go in, Axes come out: nothing here knows a network, a method or a data set.

Call `use_style()` once. A function draws on the `ax` that it is given, or else on a new figure (4 to 8 inches wide),
and returns the Axes; those named report make and return a whole Figure. Names that contain "teacher", "alone" or
"distil" have their fixed colours. What does not fit (nothing to draw, shapes, counts, types, unknown names, numbers
that are NaN or impossible) is a ValueError that says what came and what was expected, and no empty figure stays. In
a notebook, end the last line of a cell with a semicolon, or Jupyter shows the returned object too.
"""

from kd_teach.plots.attention import attention_bars, attention_grid, attention_in_mask
from kd_teach.plots.bars import accuracy_bars
from kd_teach.plots.boundaries import (
    activation_boundaries,
    hinge_report,
    side_loss,
    sign_agreement_bars,
)
from kd_teach.plots.calibration import reliability_diagram
from kd_teach.plots.channels import channel_grid, channel_report, channel_sigmas, maps_beside_photos, sigma_report
from kd_teach.plots.comparisons import (
    cost_report,
)
from kd_teach.plots.contrast import information_bound, score_histograms
from kd_teach.plots.curves import accuracy_curves, training_curves, training_report
from kd_teach.plots.distances import angle_histogram, distance_histogram, relation_report
from kd_teach.plots.factors import factor_maps, project_channels, reconstructions
from kd_teach.plots.flow import flow_distances, flow_history, flow_matrix
from kd_teach.plots.gradients import gradient_by_layer, gradient_by_temperature, gradient_cosines
from kd_teach.plots.images import image_grid
from kd_teach.plots.layers import layer_similarity
from kd_teach.plots.lookalikes import class_similarity, class_similarity_report, similarity_order
from kd_teach.plots.margins import channel_histogram, loss_plane, loss_plane_report
from kd_teach.plots.neighbours import neighbour_bars, neighbour_report
from kd_teach.plots.regressors import fit_regressor, r_squared, r_squared_bars
from kd_teach.plots.responses import soft_target_report, soft_targets, soft_targets_by_network
from kd_teach.plots.selectivity import (
    block_means,
    channel_order,
    gram_row,
    kernel_blocks,
    kernel_matrix,
    kernels_report,
    similar_regions,
    similar_regions_report,
)
from kd_teach.plots.similarities import kernel_curves, similarity_matrix, similarity_report
from kd_teach.plots.studies import (
    accuracy_against_cost,
    difference_forest,
    fall_against_gain,
    gain_grid,
    rank_intervals,
    weight_curve,
    weight_report,
)
from kd_teach.plots.style import STYLE, use_style

__all__ = [
    "STYLE",
    "accuracy_against_cost",
    "accuracy_bars",
    "accuracy_curves",
    "activation_boundaries",
    "angle_histogram",
    "attention_bars",
    "attention_grid",
    "attention_in_mask",
    "block_means",
    "channel_grid",
    "channel_histogram",
    "channel_order",
    "channel_report",
    "channel_sigmas",
    "class_similarity",
    "class_similarity_report",
    "cost_report",
    "difference_forest",
    "distance_histogram",
    "factor_maps",
    "fall_against_gain",
    "fit_regressor",
    "flow_distances",
    "flow_history",
    "flow_matrix",
    "gain_grid",
    "gradient_by_layer",
    "gradient_by_temperature",
    "gradient_cosines",
    "gram_row",
    "hinge_report",
    "image_grid",
    "information_bound",
    "kernel_blocks",
    "kernel_curves",
    "kernel_matrix",
    "kernels_report",
    "layer_similarity",
    "loss_plane",
    "loss_plane_report",
    "maps_beside_photos",
    "neighbour_bars",
    "neighbour_report",
    "project_channels",
    "r_squared",
    "r_squared_bars",
    "rank_intervals",
    "reconstructions",
    "relation_report",
    "reliability_diagram",
    "score_histograms",
    "side_loss",
    "sigma_report",
    "sign_agreement_bars",
    "similar_regions",
    "similar_regions_report",
    "similarity_matrix",
    "similarity_order",
    "similarity_report",
    "soft_target_report",
    "soft_targets",
    "soft_targets_by_network",
    "training_curves",
    "training_report",
    "use_style",
    "weight_curve",
    "weight_report",
]
