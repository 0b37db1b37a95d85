"""Trace the exact outlines of regions strip by strip.

An outline is a ring of pixel edges, walked with the region on the right (rows count downwards): top edges
to the east, right edges to the south, bottom edges to the west, left edges to the north. It is made of
horizontal segments, which never cross a strip border, and of vertical links from the end of one segment to
the start of the next. A link may cross borders: its upper end waits, per pixel column, for its lower end.
At a vertex where only diagonal pixels agree, the outline stays with the same pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.files.scratch import Spill
from geoseg.pixels import Classes, nodata_class
from geoseg.polygons.graphs import walk_rings
from geoseg.polygons.segments import Ints, Rings, Segments, among, join_rings, positions
from geoseg.polygons.spilled import SpilledOutlines

_NONE = np.empty(0, np.int64)


class Tracer:
    """Traces the outlines of all regions of a map."""

    def __init__(self, width: int, spill: Spill, most: int = 2**19) -> None:
        """Start above the first row.

        Args:
            width: columns of the map.
            spill: for outlines that do not fit memory.
            most: segments in memory from which on outlines are written to `spill`.
        """
        self._width = width
        self._least_most = self._most = most
        self._spilled = SpilledOutlines(spill)
        self._above: Classes = np.zeros(width + 2, np.uint8)
        self._segments = Segments(**dict.fromkeys(Segments.__slots__, _NONE))
        self._next_name = 0
        self._row = 0
        self._last: tuple[int, Callable[[Ints], Ints]] = (0, lambda positions: positions)
        # Upper ends of vertical links that wait for their lower end: (pixel column, segment).
        self._right = (_NONE, _NONE)
        self._left = (_NONE, _NONE)

    def add(
        self,
        row: int,
        classes: Classes,
        region_at: Callable[[Ints], Ints],
        renamed_from: Ints = _NONE,
        renamed_to: Ints = _NONE,
    ) -> None:
        """Add the rows of a strip.

        Args:
            row: first row of the strip.
            classes: (H, W) class values.
            region_at: region of pixels given by (row - first row) * W + column; the row above is row -1.
            renamed_from: regions that have a new id, ascending.
            renamed_to: the new ids.

        Raises:
            OutputError: there is no space for a scratch file.
        """
        if len(self._segments.names) > self._most:
            self._segments = self._spilled.shorten(self._segments)
            self._most = max(self._least_most, 2 * len(self._segments.names))
        height, width = classes.shape
        padded = np.zeros((height + 1, width + 2), classes.dtype)
        padded[0] = self._above
        padded[1:, 1:-1] = classes
        self._above = padded[-1].copy()
        self._row, self._last = row + height, (height, region_at)
        if len(renamed_from):
            at = np.searchsorted(renamed_from, self._segments.regions)
            self._segments = replace(self._segments, regions=renamed_to[at])
            self._spilled.rename(renamed_from, renamed_to)
        above, below = padded[:-1, 1:-1], padded[1:, 1:-1]
        borders, cols = np.divmod(np.flatnonzero(above != below), width)
        top = self._edges(row, borders, cols, below[borders, cols], region_at, top=True)
        bottom = self._edges(row, borders, cols, above[borders, cols], region_at, top=False)
        self._segments = self._segments.join(top).join(bottom)
        self._link(row, padded, top, bottom)

    def finish(self) -> None:
        """End below the last row."""
        height, region_at = self._last
        offset = height * self._width
        nothing = np.zeros((1, self._width), self._above.dtype)
        self.add(self._row, nothing, lambda positions: region_at(positions + offset))

    def _edges(
        self,
        row: int,
        borders: Ints,
        cols: Ints,
        own: Classes,
        region_at: Callable[[Ints], Ints],
        *,
        top: bool,
    ) -> Segments:
        """Return the top or bottom edges at the row borders of a strip, joined to maximal segments.

        Args:
            row: first row of the strip.
            borders: row borders of the pixel edges where the class changes, in reading order.
            cols: their pixel columns.
            own: class on the inner side of each.
            region_at: see `add`.
            top: whether the inner side is the lower one.
        """
        inside = (own != 0) & (own != nodata_class(own.dtype))
        at = np.flatnonzero(inside)
        borders, cols, own = borders.take(at), cols.take(at), own.take(at)
        begins = np.ones(len(cols), np.bool_)
        begins[1:] = (cols[1:] != cols[:-1] + 1) | (own[1:] != own[:-1]) | (borders[1:] != borders[:-1])
        starts = np.flatnonzero(begins)
        lengths = np.diff(np.append(starts, len(cols)))
        first, border = cols[starts], borders[starts]
        owner_row = border if top else border - 1
        names = self._next_name + np.arange(len(starts))
        self._next_name += len(starts)
        return Segments(
            names=names,
            rows=row + border,
            froms=first if top else first + lengths,
            tos=first + lengths if top else first,
            nexts=np.full(len(starts), -1, np.int64),
            regions=region_at(owner_row * self._width + first) if len(starts) else _NONE,
        )

    def _link(self, row: int, padded: Classes, top: Segments, bottom: Segments) -> None:
        """Link the segments of this strip at their corners.

        `padded[r, c]` is the pixel above-left of vertex (r, c) of the strip; its column 0 and its last one
        lie outside of the map.
        """
        # Corners of top edges: (r, c0) where they start, (r, c1) where they end, by their inner pixel.
        r = top.rows - row
        own = padded[r + 1, top.froms + 1]
        beyond, diagonal = padded[r + 1, top.tos + 1], padded[r, top.tos + 1]
        concave_end = (beyond == own) & (diagonal == own)
        before, above = padded[r + 1, top.froms], padded[r, top.froms]
        concave_start = (before == own) & (above == own)
        # Corners of bottom edges: they start at the east (r, c1) and end at the west (r, c0).
        s = bottom.rows - row
        mine = padded[s, bottom.tos + 1]
        east, below_east = padded[s, bottom.froms + 1], padded[s + 1, bottom.froms + 1]
        bottom_concave_start = (east == mine) & (below_east == mine)
        west, below_west = padded[s, bottom.tos], padded[s + 1, bottom.tos]
        bottom_concave_end = (west == mine) & (below_west == mine)

        # Right edges are walked down: from their upper vertex (a segment ends) to the lower (one starts).
        self._right = self._pair(
            self._right,
            upper=(
                (top.tos - 1, r, top.names, ~concave_end),
                (bottom.tos - 1, s, bottom.names, bottom_concave_end),
            ),
            lower=(
                (top.froms - 1, r, top.names, concave_start),
                (bottom.froms - 1, s, bottom.names, ~bottom_concave_start),
            ),
            downwards=True,
        )
        # Left edges are walked up: from their lower vertex (a segment ends) to the upper (one starts).
        self._left = self._pair(
            self._left,
            upper=(
                (top.froms, r, top.names, ~concave_start),
                (bottom.froms, s, bottom.names, bottom_concave_start),
            ),
            lower=(
                (top.tos, r, top.names, concave_end),
                (bottom.tos, s, bottom.names, ~bottom_concave_end),
            ),
            downwards=False,
        )

    def _pair(
        self,
        waiting: tuple[Ints, Ints],
        *,
        upper: tuple[tuple[Ints, Ints, Ints, NDArray[np.bool_]], ...],
        lower: tuple[tuple[Ints, Ints, Ints, NDArray[np.bool_]], ...],
        downwards: bool,
    ) -> tuple[Ints, Ints]:
        """Join upper and lower ends of vertical links, column by column, from top to bottom.

        Args:
            waiting: pixel columns and segments of upper ends from earlier strips.
            upper: per kind of corner: pixel columns, vertex rows, segments, and which of them count.
            lower: likewise.
            downwards: whether the walk goes from the upper to the lower end.

        Returns:
            Upper ends without a lower end so far.
        """
        columns, names = [waiting[0]], [waiting[1]]
        ranks = [np.full(len(waiting[0]), -1, np.int64)]
        # At one vertex the link above ends before the link below begins.
        for corners, later in ((upper, 1), (lower, 0)):
            for own_columns, rows, own_names, keep in corners:
                at = np.flatnonzero(keep)
                columns.append(own_columns.take(at))
                names.append(own_names.take(at))
                ranks.append(2 * rows.take(at) + later)
        column, name, rank = (np.concatenate(part) for part in (columns, names, ranks))
        # One key sorts several times faster than two; no two ends are alike.
        order = np.argsort(column * (int(rank.max(initial=0)) + 2) + rank)
        column, name, is_upper = column[order], name[order], (rank[order] & 1).astype(np.bool_)
        followed = np.zeros(len(order), np.bool_)
        followed[:-1] = is_upper[:-1] & ~is_upper[1:] & (column[1:] == column[:-1])
        above = np.flatnonzero(followed)
        source, target = (above, above + 1) if downwards else (above + 1, above)
        at = positions(self._segments.names, name[source])
        self._segments.nexts[at] = name[target]
        still = is_upper & ~followed
        return column[still], name[still]

    def sizes(self, regions: Ints) -> Ints | None:
        """Return the number of segments of regions; None: all are in memory, and were never too many."""
        return self._spilled.sizes(self._segments, regions) if self._spilled.used else None

    def forget(self, regions: Ints) -> None:
        """Remove the outlines of closed regions."""
        self._segments = self._segments.take(~among(self._segments.regions, regions))
        self._spilled.forget(regions)

    def take(self, regions: Ints) -> Rings:
        """Remove the rings of closed regions, whose links are all known, and return them."""
        chosen = among(self._segments.regions, regions)
        done = self._segments.take(chosen)
        self._segments = self._segments.take(~chosen)
        order, offsets = walk_rings(positions(done.names, done.nexts))
        rings = Rings(
            regions=done.regions[order][offsets[:-1]],
            offsets=offsets,
            rows=done.rows[order],
            froms=done.froms[order],
            tos=done.tos[order],
        )
        if not self._spilled.used:
            return rings
        return join_rings([self._spilled.whole(rings), *self._spilled.take(regions)])
