"""How fast: one epoch against the textbook loop, each loss against published forms, the steps of each method."""

from kd_teach.bench.epoch import bench_epoch
from kd_teach.bench.losses import bench_losses, show
from kd_teach.bench.steps import bench_steps

__all__ = ["bench_epoch", "bench_losses", "bench_steps", "show"]
