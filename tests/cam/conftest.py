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


@pytest.fixture
def gap_net() -> GapNet:
    torch.manual_seed(3)
    return GapNet()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 3, 8, 6, generator=torch.Generator().manual_seed(1))
