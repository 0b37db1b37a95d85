"""What encoders with at most one class token, patches of one size and transformer blocks share."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import torch
from geoseg.models.networks.encoders.encoder import About, Encoder
from torch import Tensor


class PlainTransformer(Encoder):
    """Embeds patches, adds a class token where there is one, and returns the tokens of some blocks as maps.

    The tokens of all dates go through the blocks together; each level has the features of the dates one after
    the other, so that its width is T times that of a token.
    """

    def __init__(self, *, width: int, patch: int, layers: Sequence[int], dates: int = 1) -> None:
        """Take the sizes.

        Args:
            width: D of a token.
            patch: pixels of a side of a patch.
            layers: blocks, from 0, whose tokens are returned.
            dates: T.
        """
        super().__init__()
        self.width, self.patch, self.layers, self.dates = width, patch, tuple(layers), dates
        self.widths = (width * dates,) * len(self.layers)
        self.strides = (patch,) * len(self.layers)
        self.table: Tensor | None = None

    @abc.abstractmethod
    def positions(self, rows: int, cols: int) -> Tensor:
        """Return the encodings of the places of patches, which are added to the tokens."""

    def fix_size(self, height: int, width: int) -> None:
        """Store the encodings of places in images of one size."""
        self.table = self.positions(height // self.patch, width // self.patch)

    def places(self, images: Tensor) -> Tensor:
        """Return the encodings of the places of the patches of images, stored or made for their size."""
        if self.table is not None:
            return self.table
        return self.positions(images.shape[-2] // self.patch, images.shape[-1] // self.patch)

    @abc.abstractmethod
    def embed(self, images: Tensor, about: About) -> tuple[Tensor, Tensor]:
        """Return tokens (N, T, P, D) with all encodings, and the class token (N or 1, 1, D), or none."""

    def finish(self, tokens: Tensor) -> Tensor:
        """Return the tokens of the last block as they are returned; a norm, where there is one."""
        return tokens

    def forward(self, images: Tensor, about: About) -> list[Tensor]:
        """Return the features of each level; H and W of the images are multiples of the patch."""
        count, _, _, height, width = images.shape
        rows, cols = height // self.patch, width // self.patch
        tokens, first = self.embed(images, about)
        stream = torch.cat([first.expand(count, -1, -1), tokens.flatten(1, 2)], dim=1)
        features = []
        blocks = self.stages()
        for index, block in enumerate(blocks):
            stream = block(stream)
            if index in self.layers:
                level = self.finish(stream) if index == len(blocks) - 1 else stream
                maps = level[:, first.shape[1] :].unflatten(1, (self.dates, rows, cols))
                features.append(maps.permute(0, 1, 4, 2, 3).flatten(1, 2))
        return features


def sincos(positions: Tensor, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return (L, width): sines, then cosines of positions times 10000^(-2k / width), k = 0, 1, … .

    Args:
        positions: any shape, of L numbers.
        width: even.
        dtype: of the computation.
    """
    rates = 10000.0 ** -(torch.arange(width // 2, dtype=dtype, device=positions.device) / (width / 2))
    angles = positions.to(dtype).flatten()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()
