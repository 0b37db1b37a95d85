"""The contract of encoders: images of one or more dates to features at one or more scales."""

from __future__ import annotations

import abc
from collections.abc import Collection
from dataclasses import dataclass

from torch import Tensor, nn

from geoseg.spec.encoders import FACTS_OF_DATE, Metadata, metadata_channels

LEVELS = 4
"""Levels that decoders read, and of which they make a pyramid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of images apart from their pixels."""

    months: Tensor | None = None
    """(N, T) month of each date, 0 to 11; None: unknown."""
    days: Tensor | None = None
    """(N, T, 2) year and day of the year (from 0) of each date, `UNKNOWN_FACT` where unknown; None: none is
    known."""
    places: Tensor | None = None
    """(N, 2) latitude and longitude in degrees, `UNKNOWN_FACT` where unknown; None: none is known."""


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
    reads: tuple[Metadata, ...] = ()
    """Facts besides pixels that features depend on."""

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

    @property
    def facts(self) -> int:
        """Number of planes of metadata behind the bands."""
        return len(metadata_channels(self.reads, ("",) * self.dates))

    def is_unused(self, key: str) -> bool:
        """Return whether a published weight is not needed for the bands of this encoder."""
        del key
        return False


def about_planes(planes: Tensor, reads: Collection[Metadata], dates: int) -> About:
    """Return the facts in planes of metadata (N, M, H, W), each of which has one value.

    Args:
        planes: in the order of `metadata_channels`.
        reads: facts of an encoder.
        dates: T.
    """
    if not reads:
        return About()
    values = planes[:, :, 0, 0]
    of_date = [name for fact, names in FACTS_OF_DATE.items() if fact in reads for name in names]
    dated = values[:, : dates * len(of_date)].unflatten(1, (dates, len(of_date))) if of_date else None
    found = {} if dated is None else {name: dated[:, :, at] for at, name in enumerate(of_date)}
    return About(
        months=found.get("month"),
        days=dated[:, :, : len(FACTS_OF_DATE["date"])] if dated is not None and "date" in reads else None,
        places=values[:, dates * len(of_date) :] if "lonlat" in reads else None,
    )
