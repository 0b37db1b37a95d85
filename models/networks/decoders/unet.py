"""The decoder of a U-Net (Ronneberger et al. 2015, arXiv:1505.04597): levels joined from coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from geoseg.models.networks.decoders.layers import convolution, enlarge
from torch import Tensor, nn


class UnetDecoder(nn.Module):
    """Levels of a pyramid to planes at the resolution of the finest."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        """Create the layers.

        Args:
            widths: channels of the levels, the finest first.
            channels: of the result; each coarser level has twice as many, up to 4 times.
        """
        super().__init__()
        self.channels = channels
        made = [channels * min(2**index, 4) for index in range(len(widths))]
        self.start = convolution(widths[-1], made[-1])
        self.steps = nn.ModuleList(
            nn.Sequential(
                convolution(widths[index] + made[index + 1], made[index]),
                convolution(made[index], made[index]),
            )
            for index in range(len(widths) - 2, -1, -1)
        )

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return (N, channels, h, w)."""
        planes = self.start(levels[-1])
        for step, level in zip(self.steps, reversed(levels[:-1]), strict=True):
            planes = step(torch.cat([level, enlarge(planes, level)], dim=1))
        return planes
