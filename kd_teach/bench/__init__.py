"""How fast: one epoch against the textbook loop, and each loss against the forms commonly published."""

from kd_teach.bench.epoch import bench_epoch
from kd_teach.bench.losses import bench_losses, show

__all__ = ["bench_epoch", "bench_losses", "show"]
