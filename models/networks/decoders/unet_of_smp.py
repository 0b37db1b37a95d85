"""The U-Net decoder of segmentation-models-pytorch on a pyramid, as terratorch uses it."""

from __future__ import annotations

from collections.abc import Sequence

from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder as SmpDecoder
from torch import Tensor, nn


class SmpUnet(nn.Module):
    """Levels of a pyramid to planes at the resolution of the finest."""

    def __init__(self, widths: Sequence[int], channels: Sequence[int]) -> None:
        """Create the layers.

        Args:
            widths: channels of the levels, the finest first.
            channels: of the block of each level, the coarsest first.
        """
        super().__init__()
        self.channels = channels[-1]
        # The decoder does not read its first level, which is at the resolution of the image.
        self.decoder = SmpDecoder([widths[0], *widths], list(channels), n_blocks=len(channels))

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return (N, channels, h, w)."""
        made: Tensor = self.decoder([levels[0], *levels])
        return made
