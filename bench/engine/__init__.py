"""The engine: a batch of images in, every map, curve and metric out. It knows no option, no file and no command."""

from bench.engine.job import Job, control_sample, forward_passes, layer_shapes
from bench.engine.scoring import BatchScores, score_batch
from bench.engine.stopwatch import Stopwatch

__all__ = ["BatchScores", "Job", "Stopwatch", "control_sample", "forward_passes", "layer_shapes", "score_batch"]
