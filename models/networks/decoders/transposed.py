"""The decoder of the mmseg networks of Prithvi-EO 1.0: four transposed convolutions, and one convolution."""

from __future__ import annotations

from geoseg.models.networks.decoders.layers import convolution
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """Layer normalisation of the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        """Create the layer."""
        super().__init__()
        self.ln = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, planes: Tensor) -> Tensor:
        """Return planes of the same shape."""
        normed: Tensor = self.ln(planes.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


class Transposed(nn.Module):
    """The last level to planes at 16 times its resolution."""

    def __init__(self, width: int, inner: int, channels: int, dates: int = 1) -> None:
        """Create the layers.

        Args:
            width: channels of the level, of all dates.
            inner: of the transposed convolutions.
            channels: of the result.
            dates: T; the level has the features of one date after the other.
        """
        super().__init__()
        self.channels, self.dates = channels, dates
        self.fpn1, self.fpn2 = (
            nn.Sequential(
                nn.ConvTranspose2d(first, inner, 2, 2),
                ChannelNorm(inner),
                nn.GELU(),
                nn.ConvTranspose2d(inner, inner, 2, 2),
            )
            for first in (width, inner)
        )
        self.join = convolution(inner, channels)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return (N, channels, 16 h, 16 w)."""
        # The published networks read the dates of one feature after the other.
        level = levels[-1].unflatten(1, (self.dates, -1)).transpose(1, 2).flatten(1, 2)
        made: Tensor = self.join(self.fpn2(self.fpn1(level)))
        return made
