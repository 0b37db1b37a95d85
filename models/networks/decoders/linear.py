"""One linear layer on the features of every level: the probe that shows what features know."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from geoseg.models.networks.decoders.layers import enlarge
from torch import Tensor, nn


class Linear(nn.Module):
    """Normalised levels, joined at the resolution of the finest; the head is the linear layer."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        """Create the normalisation.

        Args:
            widths: channels of the levels.
            channels: not used: the levels are not reduced.
        """
        super().__init__()
        del channels
        self.channels = sum(widths)
        self.norm = nn.BatchNorm2d(self.channels)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return (N, channels, h, w)."""
        return self.norm(torch.cat([enlarge(level, levels[0]) for level in levels], dim=1))
