"""A network of 122 weights for jobs that are run hundreds of times."""

from torch import nn

from weights import Architecture


def build(classes: int) -> nn.Module:
    """One convolution of four channels."""
    convolution = nn.Conv2d(3, 4, 3, stride=4)
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))


tiny = Architecture(build, "1", "one convolution")
