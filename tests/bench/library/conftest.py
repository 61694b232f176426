"""A small network of three classes with batch normalisation, and images of noise."""

import pytest
import torch
from torch import nn

NAMES = ("cat", "dog", "fox")
SIDE = 32


class Small(nn.Module):
    """Two convolutions, batch normalisation that has seen something, dropout, a linear layer."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 8, 3),
            nn.ReLU(),
        )
        self.drop, self.head = nn.Dropout(), nn.Linear(8, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.features(images).mean(dim=(2, 3))))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    network = Small()
    network.features[1].running_mean.uniform_(-0.2, 0.2)
    return network


@pytest.fixture(scope="session")
def images() -> torch.Tensor:
    return torch.rand(5, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def labels() -> list[str]:
    return ["cat", "dog", "fox", "cat", "dog+fox"]


@pytest.fixture(scope="session")
def masks() -> torch.Tensor:
    return torch.randint(0, 2, (5, SIDE, SIDE), generator=torch.Generator().manual_seed(2))


@pytest.fixture
def score(model, images, labels):
    """`evaluate` with little to do; what is given takes the place of what is here."""
    from bench import evaluate

    def call(*given, **options):
        cheap = {"classes": NAMES, "layers": ["features.4"], "steps": 2, "controls": "none", "methods": ["gradcam"],
                 "metrics": ["effective_area", "insertion_auc"], "mean": (0.5,) * 3, "std": (0.2,) * 3}  # fmt: skip
        return evaluate(*(given or (model, images, labels)), **{**cheap, **options})

    return call
