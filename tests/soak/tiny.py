"""A network so small that reading, storing and reporting are what takes the time."""

from torch import nn

from weights import Architecture


def build(classes: int) -> nn.Module:
    """Images (B, 3, 48, 48) to logits (B, classes) over maps of 6 x 6."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes),
    )  # fmt: skip


TINY = Architecture(build, "3", "two convolutions")
