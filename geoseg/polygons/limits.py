"""How much memory polygons may take: sizes of batches, and the largest polygon."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from geoseg.files.scratch import Spill

MEMORY_MIB = 600
"""MiB for polygons at which `Limits` has its defaults."""

MOST_BYTES = 900 * 10**6
"""Of a polygon: SQLite holds values of up to 10^9 bytes."""

LEAST_MIB = 40
"""MiB below which batches do not become smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes that bound the memory of a `Polygoniser`; results do not depend on the first four."""

    runs: int = 2**17
    """Stretches of one class in the rows that are processed at once, at about 1,500 bytes."""
    segments: int = 2**19
    """Horizontal edges of open regions in memory, at about 300 bytes while they are written to disk."""
    large: int = 2**20
    """Horizontal edges of a region from which on its polygon is written as bytes, not as an object."""
    edits: int = 2**21
    """Corners of changed regions in memory, at 16 bytes."""
    polygon_bytes: int = 220 * 10**6
    """Of the corners of the largest polygon; SQLite holds them twice while it writes."""
    held: int = 2**19
    """Regions that cleaning may hold, at about 1,200 bytes."""

    @classmethod
    def within(cls, memory_mib: int) -> Self:
        """Return the limits for so many MiB."""
        usual, share = cls(), max(memory_mib, LEAST_MIB) / MEMORY_MIB
        batches = {
            name: int(getattr(usual, name) * min(share, 1)) for name in ("runs", "segments", "large", "edits")
        }
        return cls(
            **batches,
            polygon_bytes=min(int(usual.polygon_bytes * share), MOST_BYTES),
            held=int(usual.held * share),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where polygons are kept until they are written."""

    spill: Spill = field(default_factory=Spill)
    """For what does not fit memory; the caller closes it."""
    limits: Limits = field(default_factory=Limits)
    """Of memory."""
    keep_edits: bool = True
    """Whether the edits are needed, for a class raster or a preview."""
