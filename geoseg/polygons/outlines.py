"""Turn rings of pixel edges into valid outlines with integer corners, and outlines into polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from geoseg.polygons.trace import Ints, Rings

Polygons = NDArray[np.object_]


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
        rings, regions = _spans(self.regions, index)
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
        corners, offsets = _spans(self.rings, rings)
        return {"cols": self.cols[corners], "rows": self.rows[corners], "rings": offsets}


def untraced(count: int) -> Outlines:
    """Return outlines without rings, for regions that are still open."""
    none = np.empty(0, np.int32)
    return Outlines(cols=none, rows=none, rings=np.zeros(1, np.int64), regions=np.zeros(count + 1, np.int64))


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
    cols = np.stack((rings.froms, rings.tos), axis=1).ravel()
    rows = np.repeat(rings.rows, 2)
    keys = rows * (int(cols.max()) + 1) + cols
    order, offsets, owner = _cut_at_touches(keys, 2 * rings.offsets, rings.regions)
    cols, rows, keys = cols[order], rows[order], keys[order]

    starts, lengths = offsets[:-1], np.diff(offsets)
    least = np.minimum.reduceat(keys, starts)
    shifts = np.flatnonzero(keys == np.repeat(least, lengths)) - starts
    by_name = np.argsort(regions)
    position = by_name[np.searchsorted(regions[by_name], owner)]
    # A hole lies below the top row of its shell, so the least corner of all is the shell's.
    order = np.lexsort((least, position))
    starts, lengths, shifts = starts[order], lengths[order], shifts[order]
    steps = _ramp(lengths) + np.repeat(shifts, lengths)
    steps -= np.where(steps >= np.repeat(lengths, lengths), np.repeat(lengths, lengths), 0)
    source = np.repeat(starts, lengths) + steps
    return Outlines(
        cols=cols[source].astype(np.int32),
        rows=rows[source].astype(np.int32),
        rings=np.append(0, np.cumsum(lengths)),
        regions=np.searchsorted(position[order], np.arange(len(regions) + 1)),
    )


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
    step = _ramp(between + 1)
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
    """Build polygons, shells counter-clockwise and holes clockwise.

    Args:
        outlines: of regions.
        transform: from (column, row) to coordinates; None: coordinates are columns and rows.
    """
    a, b, c, d, e, f = (transform or Affine.identity())[:6]
    starts, lengths = outlines.rings[:-1], np.diff(outlines.rings)
    closed = lengths + 1
    steps, last = _ramp(closed), np.repeat(lengths, closed)
    # With the region on the right, rows downwards, shells run clockwise on a map whose north is up.
    steps = last - steps if a * e - b * d < 0 else steps
    source = np.repeat(starts, closed) + np.where(steps == last, 0, steps)
    cols, rows = outlines.cols[source], outlines.rows[source]
    coordinates = np.empty((len(source), 2))
    coordinates[:, 0] = a * cols + b * rows + c
    coordinates[:, 1] = d * cols + e * rows + f
    return np.asarray(
        shapely.from_ragged_array(
            shapely.GeometryType.POLYGON,
            coordinates,
            (np.append(0, np.cumsum(closed)), outlines.regions),
        ),
        object,
    )


def _spans(offsets: Ints, index: Ints) -> tuple[Ints, Ints]:
    """Return the members of some groups given by offsets, and the offsets of these groups."""
    lengths = np.diff(offsets)[index]
    return np.repeat(offsets[:-1][index], lengths) + _ramp(lengths), np.append(0, np.cumsum(lengths))


def _ramp(lengths: Ints) -> Ints:
    """Return 0, 1, … n - 1 for each n, concatenated."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)


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
    corners, _ = _spans(offsets, np.flatnonzero(whole))
    cut: list[int] = []
    lengths: list[int] = []
    owners: list[int] = []
    for ring in touching.tolist():
        start, stop = int(offsets[ring]), int(offsets[ring + 1])
        loops = _loops(keys[start:stop].tolist(), start)
        for loop in loops:
            cut.extend(loop)
        lengths.extend(map(len, loops))
        owners.extend([int(owner[ring])] * len(loops))
    return (
        np.concatenate((corners, np.array(cut, np.int64))),
        np.append(0, np.cumsum(np.concatenate((np.diff(offsets)[whole], np.array(lengths, np.int64))))),
        np.concatenate((owner[whole], np.array(owners, np.int64))),
    )


def _loops(corners: list[int], start: int) -> list[list[int]]:
    """Split a closed walk at the corners that it visits more than once.

    Args:
        corners: the walk.
        start: added to the positions in the result.
    """
    loops: list[list[int]] = []
    path: list[int] = []
    place: dict[int, int] = {}
    for position, corner in enumerate(corners):
        if corner in place:
            begin = place[corner]
            loop = path[begin:]
            loops.append(loop)
            for visited in loop[1:]:
                del place[corners[visited - start]]
            del path[begin:]
        else:
            place[corner] = len(path)
        path.append(position + start)
    loops.append(path)
    return loops
