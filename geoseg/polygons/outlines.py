"""Turn rings of pixel edges into valid outlines with integer corners, and outlines into polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoseg.features import FlatPolygons, members
from geoseg.polygons.graphs import walk_rings
from geoseg.polygons.segments import Ints, Rings, ramp

Polygons = NDArray[np.object_]

MOST_AT_ONCE = 2**18
"""Segments of rings from which outlines are made at once, at about 300 bytes a segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """Outlines of regions on the corners of pixels; they take a tenth of the memory of polygon objects.

    Rings are open (the first corner is not repeated), begin at their least (row, column) corner and have
    the region on the right, rows counted downwards. Of each region the shell comes first, then the holes
    in order of their first corners.
    """

    cols: NDArray[np.int32]
    """Of all corners."""
    rows: NDArray[np.int32]
    """Of all corners."""
    rings: Ints
    """(rings + 1,) offsets of the corners of each ring."""
    regions: Ints
    """(regions + 1,) offsets of the rings of each region."""

    def __len__(self) -> int:
        return len(self.regions) - 1

    @property
    def owners(self) -> Ints:
        """Return the region of each ring."""
        return np.repeat(np.arange(len(self)), np.diff(self.regions))

    def take(self, index: Ints) -> Outlines:
        """Return the outlines at positions."""
        rings, regions = members(self.regions, index)
        return Outlines(**self._corners(rings), regions=regions)

    def as_regions(self, rings: Ints) -> Outlines:
        """Return each ring as an outline without holes."""
        return Outlines(**self._corners(rings), regions=np.arange(len(rings) + 1))

    def without(self, rings: Ints) -> Outlines:
        """Return the outlines without some holes."""
        kept = np.ones(len(self.rings) - 1, np.bool_)
        kept[rings] = False
        return Outlines(
            **self._corners(np.flatnonzero(kept)), regions=np.append(0, np.cumsum(kept))[self.regions]
        )

    def _corners(self, rings: Ints) -> dict[str, NDArray[np.signedinteger]]:
        """Return the corners of some rings and their offsets."""
        corners, offsets = members(self.rings, rings)
        return {"cols": self.cols[corners], "rows": self.rows[corners], "rings": offsets}


def rectangles(rows: Ints, cols: Ints, lengths: Ints, at: Ints, count: int) -> Outlines:
    """Return outlines of which some are bars of pixels of one row; the others have no rings.

    Args:
        rows: of the bars.
        cols: first columns of the bars.
        lengths: pixels of the bars.
        at: positions of the bars, ascending.
        count: of outlines.
    """
    right = cols + lengths
    drawn = np.zeros(count + 1, np.int64)
    drawn[at + 1] = 1
    return Outlines(
        cols=np.stack((cols, right, right, cols), axis=1).astype(np.int32).reshape(-1),
        rows=np.stack((rows, rows, rows + 1, rows + 1), axis=1).astype(np.int32).reshape(-1),
        rings=4 * np.arange(len(at) + 1),
        regions=np.cumsum(drawn),
    )


def join(parts: Sequence[Outlines]) -> Outlines:
    """Return all outlines of several batches, in their order."""
    lengths = np.concatenate([np.empty(0, np.int64), *(np.diff(part.rings) for part in parts)])
    counts = np.concatenate([np.empty(0, np.int64), *(np.diff(part.regions) for part in parts)])
    return Outlines(
        cols=np.concatenate([np.empty(0, np.int32), *(part.cols for part in parts)]),
        rows=np.concatenate([np.empty(0, np.int32), *(part.rows for part in parts)]),
        rings=np.append(0, np.cumsum(lengths)),
        regions=np.append(0, np.cumsum(counts)),
    )


def outline(rings: Rings, regions: Ints) -> Outlines:
    """Make the outline of each region from its rings.

    A ring that touches itself at a corner is split there, so that polygons are valid simple features: one
    shell, and holes that touch the shell or each other at points only.

    Args:
        rings: all rings of these regions.
        regions: ids, in the order of the result.
    """
    if len(regions) == 0:
        return join([])
    if len(rings.rows) > MOST_AT_ONCE and len(rings.regions) > 1:
        return _outline_in_parts(rings, regions)
    cols = np.stack((rings.froms, rings.tos), axis=1).ravel().astype(np.int64, copy=False)
    rows = np.repeat(rings.rows, 2).astype(np.int64, copy=False)
    keys = rows * (int(cols.max()) + 1) + cols
    order, offsets, owner = _cut_at_touches(keys, 2 * rings.offsets, rings.regions)
    cols, rows, keys = cols[order], rows[order], keys[order]

    starts, lengths = offsets[:-1], np.diff(offsets)
    least = np.minimum.reduceat(keys, starts)
    shifts = np.flatnonzero(keys == np.repeat(least, lengths)) - starts
    position = _positions(owner, regions)
    # A hole lies below the top row of its shell, so the least corner of all is the shell's.
    order = np.lexsort((least, position))
    starts, lengths, shifts = starts[order], lengths[order], shifts[order]
    steps = ramp(lengths) + np.repeat(shifts, lengths)
    steps -= np.where(steps >= np.repeat(lengths, lengths), np.repeat(lengths, lengths), 0)
    source = np.repeat(starts, lengths) + steps
    return Outlines(
        cols=cols[source].astype(np.int32),
        rows=rows[source].astype(np.int32),
        rings=np.append(0, np.cumsum(lengths)),
        regions=np.searchsorted(position[order], np.arange(len(regions) + 1)),
    )


def loops(rings: Rings) -> tuple[Outlines, Ints]:
    """Return the outline of each loop of rings, a part of the rings at a time, and the region of each loop.

    Rings that touch themselves are split into several loops.
    """
    parts, owners = [], []
    sizes = np.diff(rings.offsets)
    begin = 0
    while begin < len(sizes):
        most = rings.offsets[begin] + MOST_AT_ONCE
        end = max(begin + 1, int(np.searchsorted(rings.offsets, most, side="right")) - 1)
        cut = slice(int(rings.offsets[begin]), int(rings.offsets[end]))
        number = np.arange(end - begin)
        part = Rings(
            regions=number,
            offsets=rings.offsets[begin : end + 1] - cut.start,
            rows=rings.rows[cut],
            froms=rings.froms[cut],
            tos=rings.tos[cut],
        )
        own = outline(part, number)
        owners.append(rings.regions[begin:end][own.owners])
        parts.append(own)
        begin = end
    whole = join(parts)
    return replace(whole, regions=np.arange(len(whole.rings))), np.concatenate(owners)


def reading_order(outlines: Outlines, position: Ints) -> Ints:
    """Return the order of loops by position of their region, then by first corner."""
    first = outlines.rings[:-1]
    return np.lexsort((outlines.cols[first], outlines.rows[first], position))


def _outline_in_parts(rings: Rings, regions: Ints) -> Outlines:
    """Make outlines with less memory than at once."""
    parts, owner = loops(rings)
    position = _positions(owner, regions)
    order = reading_order(parts, position)
    return replace(parts.take(order), regions=np.searchsorted(position[order], np.arange(len(regions) + 1)))


def _positions(owner: Ints, regions: Ints) -> Ints:
    """Return the position of each owner in `regions`."""
    by_name = np.argsort(regions)
    return by_name[np.searchsorted(regions[by_name], owner)]


def noded(outlines: Outlines) -> Outlines:
    """Add the corners of other outlines that lie on an edge to that edge.

    Neighbours then have the same corners along their common edge, as a coverage requires.
    """
    cols, rows = outlines.cols.astype(np.int64), outlines.rows.astype(np.int64)
    follower = np.arange(1, len(cols) + 1)
    follower[outlines.rings[1:] - 1] = outlines.rings[:-1]
    level = rows == rows[follower]
    moving, fixed = np.where(level, cols, rows), np.where(level, rows, cols)
    ends = np.where(level, cols[follower], rows[follower])
    span = int(max(cols.max(initial=0), rows.max(initial=0))) + 1
    between = np.zeros(len(cols), np.int64)
    low = np.zeros(len(cols), np.int64)
    lines = {}
    for along, on_row in ((level, True), (~level, False)):
        lines[on_row] = np.unique(rows * span + cols if on_row else cols * span + rows)
        first = fixed[along] * span + np.minimum(moving, ends)[along]
        last = fixed[along] * span + np.maximum(moving, ends)[along]
        low[along] = np.searchsorted(lines[on_row], first, side="right")
        between[along] = np.searchsorted(lines[on_row], last, side="left") - low[along]

    edge = np.repeat(np.arange(len(cols)), between + 1)
    step = ramp(between + 1)
    new_cols, new_rows = cols[edge], rows[edge]
    forwards = (ends > moving)[edge]
    nth = low[edge] + np.where(forwards, step - 1, between[edge] - step)
    for on_row, new in ((True, new_cols), (False, new_rows)):
        added = (step > 0) & (level[edge] == on_row)
        new[added] = lines[on_row][nth[added]] % span
    return Outlines(
        cols=new_cols.astype(np.int32),
        rows=new_rows.astype(np.int32),
        rings=np.append(0, np.cumsum(between + 1))[outlines.rings],
        regions=outlines.regions,
    )


def polygons(outlines: Outlines, transform: Affine | None = None) -> Polygons:
    """Build polygons, shells counter-clockwise and holes clockwise; see `flat_polygons`."""
    return flat_polygons(outlines, transform).objects


def flat_polygons(outlines: Outlines, transform: Affine | None = None) -> FlatPolygons:
    """Return polygons, shells counter-clockwise and holes clockwise, without making objects.

    Args:
        outlines: of regions.
        transform: from (column, row) to coordinates; None: coordinates are columns and rows.
    """
    coordinates, offsets = closed_rings(outlines, transform)
    return FlatPolygons(coordinates=coordinates, rings=offsets, polygons=outlines.regions)


def closed_rings(outlines: Outlines, transform: Affine | None = None) -> tuple[NDArray[np.float64], Ints]:
    """Return coordinates (n, 2) of rings whose first corner is repeated, and the offsets of the rings.

    Args:
        outlines: of regions.
        transform: from (column, row) to coordinates; None: coordinates are columns and rows.
    """
    a, b, c, d, e, f = (transform or Affine.identity())[:6]
    starts, lengths = outlines.rings[:-1], np.diff(outlines.rings)
    closed = lengths + 1
    steps, last = ramp(closed), np.repeat(lengths, closed)
    # With the region on the right, rows downwards, shells run clockwise on a map whose north is up.
    steps = last - steps if a * e - b * d < 0 else steps
    source = np.repeat(starts, closed) + np.where(steps == last, 0, steps)
    cols, rows = outlines.cols[source], outlines.rows[source]
    coordinates = np.empty((len(source), 2))
    coordinates[:, 0] = a * cols + b * rows + c
    coordinates[:, 1] = d * cols + e * rows + f
    return coordinates, np.append(0, np.cumsum(closed))


def _cut_at_touches(keys: Ints, offsets: Ints, owner: Ints) -> tuple[Ints, Ints, Ints]:
    """Split rings that visit a corner twice.

    Args:
        keys: a number for each corner; equal for equal corners.
        offsets: of the rings.
        owner: region of each ring.

    Returns:
        Order of the corners, offsets of the rings in it, region of each ring.
    """
    ring_of = np.repeat(np.arange(len(owner)), np.diff(offsets))
    low, high = int(keys.min()), int(keys.max())
    span = high - low + 1
    visits = np.sort(ring_of * span + (keys - low))
    touching = np.unique(visits[1:][visits[1:] == visits[:-1]] // span)
    if len(touching) == 0:
        return np.arange(len(keys)), offsets, owner
    whole = np.ones(len(owner), np.bool_)
    whole[touching] = False
    corners, _ = members(offsets, np.flatnonzero(whole))
    own, starts = members(offsets, touching)
    cut, lengths, first = _loops(ring_of[own] * span + (keys[own] - low), starts)
    return (
        np.concatenate((corners, own[cut])),
        np.append(0, np.cumsum(np.concatenate((np.diff(offsets)[whole], lengths)))),
        np.concatenate((owner[whole], owner[ring_of[own[first]]])),
    )


def _loops(corners: Ints, offsets: Ints) -> tuple[Ints, Ints, Ints]:
    """Split rings at all corners that they visit twice.

    A ring touches itself only on its outer side and never crosses itself, so the loops do not depend on the
    order of the cuts: at each touch, the two ways on are exchanged.

    Args:
        corners: a number for each corner, other ones in each ring; at most two corners are equal.
        offsets: of the rings, each of which visits a corner twice.

    Returns:
        Positions of the corners, loop after loop; length of each loop; position of its first corner.
    """
    order = np.argsort(corners, kind="stable")
    pairs = np.flatnonzero(corners[order[1:]] == corners[order[:-1]])
    visits = np.concatenate((order[pairs], order[pairs + 1]))
    others = np.concatenate((order[pairs + 1], order[pairs]))
    at = np.argsort(visits)
    visits, others = visits[at], others[at]
    ring = np.searchsorted(offsets, visits, side="right") - 1
    starts, sizes = offsets[ring], np.diff(offsets)[ring]
    # The way from each visit leads to the next one of its ring, and back from the last to the first.
    last = np.append(ring[1:] != ring[:-1], True)
    following = np.arange(1, len(visits) + 1)
    following[last] = np.flatnonzero(np.append(True, last[:-1]))
    ways = visits[following] - visits + np.where(last, sizes, 0)
    walk, loops = walk_rings(np.searchsorted(visits, others)[following])
    steps = ramp(ways[walk]) + np.repeat((visits - starts)[walk], ways[walk])
    sizes = np.repeat(sizes[walk], ways[walk])
    steps -= np.where(steps >= sizes, sizes, 0)
    lengths = np.add.reduceat(ways[walk], loops[:-1])
    return steps + np.repeat(starts[walk], ways[walk]), lengths, visits[walk[loops[:-1]]]
