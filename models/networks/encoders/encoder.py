"""The contract of encoders: images of one or more dates to features at one or more scales."""

from __future__ import annotations

import abc
from dataclasses import dataclass

from torch import Tensor, nn

LEVELS = 4
"""Levels that decoders read, and of which they make a pyramid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of images apart from their pixels."""

    months: Tensor | None = None
    """(N, T) month of each date, 0 to 11; None: unknown."""
    days: Tensor | None = None
    """(N, T, 2) year and day of the year (from 1) of each date; None: unknown."""
    places: Tensor | None = None
    """(N, 2) latitude and longitude in degrees; None: unknown."""


class Encoder(nn.Module, abc.ABC):
    """(N, T, C, H, W) normalised images to features (N, D, h, w) of one or more levels, the finest first.

    A module of an encoder's family extends this class, and is listed in `build_encoder`.
    """

    widths: tuple[int, ...]
    """D of each level."""
    strides: tuple[int, ...]
    """Input pixels per feature of each level; equal strides for plain transformers."""
    dates: int
    """T."""
    reads_month: bool = False
    """Whether features depend on the month."""

    @property
    def is_plain(self) -> bool:
        """Whether all levels have one stride, so that a decoder needs a pyramid made of them."""
        return len(set(self.strides)) == 1

    @property
    def multiple(self) -> int:
        """Number that H and W must be multiples of."""
        return max(self.strides)

    @abc.abstractmethod
    def forward(self, images: Tensor, about: About) -> list[Tensor]:
        """Return the features of each level."""

    @abc.abstractmethod
    def fix_size(self, height: int, width: int) -> None:
        """Store tables of positions and resized kernels for images of one size, for an export."""

    @abc.abstractmethod
    def stages(self) -> list[nn.Module]:
        """Return the transformer blocks or stages, the first ones first, for learning rates by depth."""

    def is_unused(self, key: str) -> bool:
        """Return whether a published weight is not needed for the bands of this encoder."""
        del key
        return False
