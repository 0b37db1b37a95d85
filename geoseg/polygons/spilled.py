"""Parts of the outlines of open regions on disk: memory does not depend on how long the outlines are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.features import members
from geoseg.files.scratch import Spill
from geoseg.polygons.graphs import walk_rings
from geoseg.polygons.segments import Ints, Rings, Segments, among, positions

Corners = NDArray[np.int32]
"""(n, 3) row, first and last column of segments, as they are stored."""

SHORTEST = 16
"""Segments of the shortest stretch that is worth a place on disk."""

_SEGMENT_BYTES, _LENGTH_BYTES = 12, 4


_EXTENT = np.dtype(
    [
        ("region", np.int64),
        ("rings", np.int64),  # number of rings
        ("lengths_at", np.int64),  # byte offset of the number of segments of each ring
        ("segments", np.int64),  # number of segments of all rings
        ("segments_at", np.int64),  # byte offset of the segments
    ]
)
"""Where closed rings are: each entry holds rings of one region."""


class SpilledOutlines:
    """Closed rings of open regions, and stretches of rings that are still open.

    A stretch is replaced by one segment: its row is -1, `froms` the byte offset of the stretch, and `tos` its
    number of segments.
    """

    def __init__(self, spill: Spill) -> None:
        """Write to a scratch file that the caller closes."""
        self._spill = spill
        self._extents = np.empty(0, _EXTENT)
        self.used = False
        """Whether anything was written."""

    def rename(self, renamed_from: Ints, renamed_to: Ints) -> None:
        """Give regions their new ids; `renamed_from` is ascending."""
        if len(self._extents):
            at = np.searchsorted(renamed_from, self._extents["region"])
            self._extents["region"] = renamed_to[at]

    def shorten(self, segments: Segments) -> Segments:
        """Write closed rings and stretches of open ones, and return the segments that stay in memory.

        Raises:
            OutputError: the disk is full.
        """
        self.used = True
        count = len(segments.names)
        known = segments.nexts >= 0
        targets = positions(segments.names, segments.nexts[known])
        is_head = np.ones(count, np.bool_)
        is_head[targets] = False
        # Heads first, and tails linked to any head: walks of open rings then begin at a head.
        numbering = np.concatenate((np.flatnonzero(is_head), np.flatnonzero(~is_head)))
        place = np.empty(count, np.int64)
        place[numbering] = np.arange(count)
        nexts = np.empty(count, np.int64)
        nexts[place[known]] = place[targets]
        nexts[place[~known]] = np.arange(count - len(targets))
        order, offsets = walk_rings(nexts)
        order = numbering[order]
        closed = ~is_head[order[offsets[:-1]]]
        lengths = np.diff(offsets)
        in_closed = np.repeat(closed, lengths)
        self._write_rings(segments, order[in_closed], lengths[closed])
        kept = np.ones(count, np.bool_)
        kept[order[in_closed]] = False
        return self._write_stretches(segments, order[~in_closed], is_head, kept)

    def sizes(self, segments: Segments, regions: Ints) -> Ints:
        """Return the number of segments of regions, in memory and on disk."""
        order = np.argsort(regions)
        ascending = regions[order]
        total = np.zeros(len(regions), np.int64)
        held = np.where(segments.rows < 0, segments.tos, 1)
        for owners, counts in (
            (segments.regions, held),
            (self._extents["region"], self._extents["segments"]),
        ):
            own = among(owners, regions)
            np.add.at(total, order[np.searchsorted(ascending, owners[own])], counts[own])
        return total

    def forget(self, regions: Ints) -> None:
        """Forget the closed rings of regions."""
        if len(self._extents):
            self._extents = self._extents[~among(self._extents["region"], regions)]

    def take(self, regions: Ints) -> list[Rings]:
        """Read the closed rings of regions and forget them."""
        wanted = among(self._extents["region"], regions)
        found = self._extents[wanted]
        self._extents = self._extents[~wanted]
        parts = []
        for region, rings, lengths_at, segments, segments_at in found.tolist():
            lengths = np.empty(rings, np.int32)
            corners = np.empty((segments, 3), np.int32)
            self._spill.read(lengths, lengths_at)
            self._spill.read(corners, segments_at)
            parts.append(
                Rings(
                    regions=np.full(len(lengths), region),
                    offsets=np.append(0, np.cumsum(lengths, dtype=np.int64)),
                    rows=corners[:, 0],
                    froms=corners[:, 1],
                    tos=corners[:, 2],
                )
            )
        return parts

    def whole(self, rings: Rings) -> Rings:
        """Return rings with their stretches in place."""
        short = rings.rows < 0
        if not short.any():
            return rings
        lengths = np.where(short, rings.tos, 1)
        starts = np.append(0, np.cumsum(lengths))
        corners = np.empty((int(starts[-1]), 3), np.int32)
        single = np.flatnonzero(~short)
        for column, values in enumerate((rings.rows, rings.froms, rings.tos)):
            corners[starts[single], column] = values[single]
        for at in np.flatnonzero(short).tolist():
            self._spill.read(corners[starts[at] : starts[at + 1]], int(rings.froms[at]))
        return replace(
            rings,
            offsets=starts[rings.offsets],
            rows=corners[:, 0],
            froms=corners[:, 1],
            tos=corners[:, 2],
        )

    def _write_rings(self, segments: Segments, order: Ints, lengths: Ints) -> None:
        """Write closed rings, sorted by region.

        Args:
            segments: all.
            order: positions of the segments of closed rings, ring after ring.
            lengths: of the rings.
        """
        if not len(lengths):
            return
        offsets = np.append(0, np.cumsum(lengths))
        rings = self.whole(
            Rings(
                regions=segments.regions[order[offsets[:-1]]],
                offsets=offsets,
                rows=segments.rows[order],
                froms=segments.froms[order],
                tos=segments.tos[order],
            )
        )
        by_region = np.argsort(rings.regions, kind="stable")
        at, starts = members(rings.offsets, by_region)
        segments_at = self._spill.append(_stored(rings.rows[at], rings.froms[at], rings.tos[at]))
        lengths_at = self._spill.append(np.diff(starts).astype(np.int32))
        regions, first = np.unique(rings.regions[by_region], return_index=True)
        stops = np.append(first[1:], len(by_region))
        added = np.empty(len(regions), _EXTENT)
        added["region"], added["rings"] = regions, stops - first
        added["lengths_at"] = lengths_at + _LENGTH_BYTES * first
        added["segments"] = starts[stops] - starts[first]
        added["segments_at"] = segments_at + _SEGMENT_BYTES * starts[first]
        self._extents = np.concatenate((self._extents, added))

    def _write_stretches(
        self, segments: Segments, order: Ints, is_head: NDArray[np.bool_], kept: NDArray[np.bool_]
    ) -> Segments:
        """Write the stretches between the first and the last segment of open rings.

        Args:
            segments: all.
            order: positions of the segments of open rings, in walking order from their first segments.
            is_head: whether a segment is the first one of an open ring.
            kept: segments that stay in memory; changed.
        """
        inner = (segments.rows[order] >= 0) & ~is_head[order] & (segments.nexts[order] >= 0)
        starts = np.flatnonzero(inner & ~np.append(False, inner[:-1]))
        stops = np.flatnonzero(inner & ~np.append(inner[1:], False)) + 1
        long = stops - starts >= SHORTEST
        starts, stops = starts[long], stops[long]
        lengths = stops - starts
        at, offsets = members(np.append(0, np.cumsum(lengths)), np.arange(len(lengths)))
        at = order[at - np.repeat(offsets[:-1], lengths) + np.repeat(starts, lengths)]
        stored = self._spill.append(_stored(segments.rows[at], segments.froms[at], segments.tos[at]))
        rows, froms, tos = segments.rows.copy(), segments.froms.copy(), segments.tos.copy()
        nexts = segments.nexts.copy()
        first, last = order[starts], order[stops - 1]
        rows[first], tos[first] = -1, lengths
        froms[first] = stored + _SEGMENT_BYTES * offsets[:-1]
        nexts[first] = segments.nexts[last]
        kept[at] = False
        kept[first] = True
        return replace(segments, rows=rows, froms=froms, tos=tos, nexts=nexts).take(kept)


def _stored(rows: Ints, froms: Ints, tos: Ints) -> Corners:
    """Return segments as they are stored."""
    return np.stack((rows, froms, tos), axis=1).astype(np.int32)
