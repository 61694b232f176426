"""The engine as a library call: images, labels and a network in memory; scores, tables, figures and a report out."""

from bench.library.call import evaluate
from bench.library.result import Result

__all__ = ["Result", "evaluate"]
