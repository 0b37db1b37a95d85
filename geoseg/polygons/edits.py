"""Changes that cleaning makes to regions, for the class raster: in memory, or on disk where they are many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from geoseg.files.scratch import Spill
from geoseg.polygons.outlines import Outlines, Polygons, polygons
from geoseg.polygons.regions import Regions
from geoseg.polygons.segments import Ints

AT_ONCE = 2**13
"""Polygons of a batch."""


Dropped = Callable[[Regions], None]
"""Is called with regions that cleaning turns into background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Edits that were added together; on disk if `outlines` is None."""

    first_row: int
    last_row: int
    outlines: Outlines | None
    values: Ints | None
    sizes: tuple[int, int, int]
    """Numbers of corners, rings and regions."""
    offset: int


class Edits:
    """Changes made by cleaning, to be applied to the class raster in their order."""

    def __init__(
        self,
        spill: Spill | None = None,
        most: int = 2**21,
        dropped: Dropped | None = None,
        *,
        kept: bool = True,
    ) -> None:
        """Start without edits.

        Args:
            spill: for edits that do not fit memory; None: all stay in memory.
            most: corners in memory.
            dropped: is told of regions that become background.
            kept: whether edits are kept; False for maps with neither class raster nor picture.
        """
        self.kept = kept
        self._dropped = dropped
        self._spill, self._most = spill, most
        self._batches: list[_Batch] = []
        self._corners = 0

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, outlines: Outlines, values: Ints) -> None:
        """Append regions and the new class of their pixels.

        Raises:
            OutputError: there is no space for a scratch file.
        """
        if not self.kept or not len(outlines):
            return
        sizes = (len(outlines.cols), len(outlines.rings) - 1, len(outlines))
        rows = int(outlines.rows.min()), int(outlines.rows.max())
        offset = 0
        kept: tuple[Outlines | None, Ints | None] = outlines, values
        if self._spill is not None and self._corners + sizes[0] > self._most:
            parts = (outlines.cols, outlines.rows, np.diff(outlines.rings), np.diff(outlines.regions), values)
            offset = self._spill.append(np.concatenate([np.asarray(part, np.int32) for part in parts]))
            kept = None, None
        else:
            self._corners += sizes[0]
        self._batches.append(
            _Batch(
                first_row=rows[0],
                last_row=rows[1],
                outlines=kept[0],
                values=kept[1],
                sizes=sizes,
                offset=offset,
            )
        )

    def drop(self, regions: Regions) -> None:
        """Turn regions into background.

        Raises:
            OutputError: there is no space for a scratch file.
        """
        self.add(regions.outlines, np.zeros(len(regions), np.int64))
        if self._dropped is not None and len(regions):
            self._dropped(regions)

    def batches(self, row: int = 0, stop: int | None = None) -> Iterator[tuple[Polygons, Ints]]:
        """Yield polygons in pixel coordinates (column, row) and new classes; later polygons win.

        Args:
            row: first row of the raster that is needed; other polygons may be omitted.
            stop: the row after the last one; None: the last row of the map.
        """
        for batch in self._batches:
            if batch.last_row <= row or (stop is not None and batch.first_row >= stop):
                continue
            outlines, values = self._read(batch)
            if stop is not None and len(outlines) > AT_ONCE:
                here = np.flatnonzero(_reach(outlines, row, stop))
                outlines, values = outlines.take(here), values[here]
            for begin in range(0, len(outlines), AT_ONCE):
                part = np.arange(begin, min(begin + AT_ONCE, len(outlines)))
                yield polygons(outlines.take(part)), values[part]

    def _read(self, batch: _Batch) -> tuple[Outlines, Ints]:
        """Return a batch, from disk if it is there."""
        if batch.outlines is not None and batch.values is not None:
            return batch.outlines, batch.values
        corners, rings, regions = batch.sizes
        packed = np.empty(2 * corners + rings + 2 * regions, np.int32)
        if self._spill is not None:
            self._spill.read(packed, batch.offset)
        cols, rows, lengths, counts, values = np.split(packed, np.cumsum([corners, corners, rings, regions]))
        outlines = Outlines(
            cols=cols,
            rows=rows,
            rings=np.append(0, np.cumsum(lengths, dtype=np.int64)),
            regions=np.append(0, np.cumsum(counts, dtype=np.int64)),
        )
        return outlines, values.astype(np.int64)


def _reach(outlines: Outlines, row: int, stop: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return whether each region has a pixel in the rows."""
    # The first ring is the shell.
    corners = outlines.rings[outlines.regions]
    tops = np.minimum.reduceat(outlines.rows, corners[:-1])
    bottoms = np.maximum.reduceat(outlines.rows, corners[:-1])
    return np.asarray((tops < stop) & (bottoms > row))
