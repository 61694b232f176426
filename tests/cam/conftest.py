"""Small networks whose maps can be computed by hand."""

import pytest
import torch
from torch import nn


class GapNet(nn.Module):
    """Convolution, in-place ReLU, global average pooling, linear head: the CAM setting."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(5, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.relu(self.conv(images)).mean(dim=(2, 3)))


class TwoStages(nn.Module):
    """Two resolutions and a head that bends."""

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.late = nn.Sequential(nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
        with torch.no_grad():
            self.early[1].running_mean.uniform_(-0.3, 0.3)
            self.head[0].weight.mul_(20)
            self.head[2].weight.mul_(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.late(self.pool(self.early(images))).mean(dim=(2, 3)))


@pytest.fixture
def two_stages() -> TwoStages:
    torch.manual_seed(5)
    return TwoStages().eval().requires_grad_(False)


@pytest.fixture
def gap_net() -> GapNet:
    torch.manual_seed(3)
    return GapNet()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 3, 8, 6, generator=torch.Generator().manual_seed(1))
