"""DPT (Ranftl et al. 2021, arXiv:2103.13413): residual units that fuse levels from coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.models.networks.decoders.layers import convolution, enlarge
from torch import Tensor, nn


class Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        """Create the layers."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, planes: Tensor) -> Tensor:
        """Return planes of the same shape."""
        return planes + self.layers(planes)


class Dpt(nn.Module):
    """Levels of a pyramid to planes at the resolution of the finest."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        """Create the layers.

        Args:
            widths: channels of the levels, the finest first.
            channels: of the result.
        """
        super().__init__()
        self.channels = channels
        self.reduce = nn.ModuleList(nn.Conv2d(width, channels, 3, padding=1) for width in widths)
        self.first = nn.ModuleList(Residual(channels) for _ in widths[:-1])
        self.second = nn.ModuleList(Residual(channels) for _ in widths)
        self.out = convolution(channels, channels)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return (N, channels, h, w)."""
        reduced = [layer(level) for layer, level in zip(self.reduce, levels, strict=True)]
        planes = self.second[-1](reduced[-1])
        for index in range(len(reduced) - 2, -1, -1):
            planes = self.first[index](reduced[index]) + enlarge(planes, reduced[index])
            planes = self.second[index](planes)
        return self.out(planes)
