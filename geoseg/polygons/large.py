"""Polygons of so many corners that only their bytes are made, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoseg.polygons.outlines import Outlines, closed_rings, loops, reading_order
from geoseg.polygons.segments import Ints, Rings

RINGS = 2**15
"""Rings of a piece."""

POINT_BYTES = 16
"""Bytes of a corner in WKB."""


@dataclass(frozen=True, kw_only=True)
class LargePolygon:
    """One polygon as WKB (ISO 19125-1, little-endian), shell counter-clockwise, rings in reading order."""

    loops: Outlines
    """Each ring as a region of its own, in any order."""
    order: Ints
    """Of the rings: the shell, then the holes by their first corners."""
    transform: Affine
    """From (column, row) to coordinates."""

    @property
    def nbytes(self) -> int:
        """Return the length of the WKB."""
        return 9 + 4 * len(self.order) + POINT_BYTES * (len(self.loops.cols) + len(self.order))

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return the least x and y and the greatest x and y."""
        # The shell holds all other rings.
        xy, _ = closed_rings(self._part(self.order[:1]), self.transform)
        return (*xy.min(axis=0).tolist(), *xy.max(axis=0).tolist())

    def wkb(self) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        yield b"\x01\x03\x00\x00\x00" + np.uint32(len(self.order)).astype("<u4").tobytes()
        for begin in range(0, len(self.order), RINGS):
            yield self._wkb_of(self._part(self.order[begin : begin + RINGS])).tobytes()

    def _part(self, rings: Ints) -> Outlines:
        return self.loops.take(rings)

    def _wkb_of(self, part: Outlines) -> NDArray[np.uint8]:
        """Return each ring as its number of points and their coordinates."""
        xy, offsets = closed_rings(part, self.transform)
        out = np.empty(4 * len(part) + xy.nbytes, np.uint8)
        is_count = np.zeros(len(out), np.bool_)
        at = POINT_BYTES * offsets[:-1] + 4 * np.arange(len(part))
        for byte in range(4):
            is_count[at + byte] = True
        out[is_count] = np.diff(offsets).astype("<u4").view(np.uint8)
        out[~is_count] = xy.astype("<f8", copy=False).reshape(-1).view(np.uint8)
        return out


def large_polygon(rings: Rings, transform: Affine) -> LargePolygon:
    """Return the polygon of all rings, which are those of one region."""
    parts, _ = loops(replace(rings, regions=np.zeros(len(rings.regions), np.int64)))
    order = reading_order(parts, np.zeros(len(parts), np.int64))
    return LargePolygon(loops=parts, order=order, transform=transform)
