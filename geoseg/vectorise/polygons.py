"""Rings of pixel edges to valid polygons in pixel coordinates."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.vectorise.trace import Ints, Rings

Polygons = NDArray[np.object_]
Floats = NDArray[np.float64]


def build(rings: Rings, regions: Ints) -> Polygons:
    """Build the polygon of each region, in (column, row) coordinates of pixel corners.

    Where an outline touches itself at a corner it is cut there, so that polygons are valid by the
    simple-feature rules: one shell, and holes that touch it at points at most. Every ring starts at its
    least corner and holes are sorted, so equal regions give equal polygons.

    Args:
        rings: all rings of these regions.
        regions: the regions wanted, in the order of the result.
    """
    if len(regions) == 0:
        return np.empty(0, object)
    cols, rows, offsets, owner = _corners(rings)
    cols, rows, offsets, owner = _cut_at_touches(cols, rows, offsets, owner)
    areas = _areas(cols, rows, offsets)
    by_name = np.argsort(regions)
    position = by_name[np.searchsorted(regions[by_name], owner)]
    # The shell is the one ring with the region inside; it comes first.
    order = np.lexsort((areas <= 0, position))
    lengths = np.diff(offsets)[order]
    closed = np.append(0, np.cumsum(lengths + 1))
    source = np.repeat(offsets[:-1][order], lengths + 1) + _ramp(lengths + 1) % np.repeat(
        lengths, lengths + 1
    )
    coordinates = np.stack((cols[source], rows[source]), axis=1).astype(np.float64)
    shells = np.searchsorted(position[order], np.arange(len(regions) + 1))
    polygons = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, coordinates, (closed, shells.astype(np.int64))
    )
    return np.asarray(shapely.normalize(polygons))


def _corners(rings: Rings) -> tuple[Ints, Ints, Ints, Ints]:
    """Corner columns and rows of all rings, where each ring begins, and its region."""
    cols = np.stack((rings.froms, rings.tos), axis=1).ravel()
    rows = np.repeat(rings.rows, 2)
    return cols, rows, 2 * rings.offsets, rings.regions


def _areas(cols: Ints, rows: Ints, offsets: Ints) -> Ints:
    """Signed areas of rings whose odd sides are horizontal; positive with the inside on the right."""
    starts = offsets[:-1]
    nexts = np.arange(1, len(cols) + 1)
    nexts[offsets[1:] - 1] = starts
    return np.add.reduceat((cols - cols[nexts]) * rows, starts)


def _ramp(lengths: Ints) -> Ints:
    """0, 1, … n - 1 for each n, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _cut_at_touches(cols: Ints, rows: Ints, offsets: Ints, owner: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Cut rings that visit a corner twice into rings that do not."""
    ring_of = np.repeat(np.arange(len(owner)), np.diff(offsets))
    width = int(cols.max()) + 1
    order = np.lexsort((rows * width + cols, ring_of))
    same = (np.diff(ring_of[order]) == 0) & (np.diff((rows * width + cols)[order]) == 0)
    touching = np.unique(ring_of[order][:-1][same])
    if len(touching) == 0:
        return cols, rows, offsets, owner
    whole = np.ones(len(owner), np.bool_)
    whole[touching] = False
    keep = np.repeat(whole, np.diff(offsets))
    new_cols, new_rows = [cols[keep]], [rows[keep]]
    lengths, owners = [np.diff(offsets)[whole]], [owner[whole]]
    for ring in touching.tolist():
        part = slice(offsets[ring], offsets[ring + 1])
        for loop in _loops(list(zip(cols[part].tolist(), rows[part].tolist(), strict=True))):
            corners = np.array(loop, np.int64)
            new_cols.append(corners[:, 0])
            new_rows.append(corners[:, 1])
            lengths.append(np.array([len(loop)], np.int64))
            owners.append(owner[ring : ring + 1])
    return (
        np.concatenate(new_cols),
        np.concatenate(new_rows),
        np.append(0, np.cumsum(np.concatenate(lengths))),
        np.concatenate(owners),
    )


def _loops(corners: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Split a closed walk at the corners that it visits more than once."""
    loops: list[list[tuple[int, int]]] = []
    path: list[tuple[int, int]] = []
    place: dict[tuple[int, int], int] = {}
    for corner in corners:
        if corner in place:
            start = place[corner]
            loop = path[start:]
            for visited in loop[1:]:
                del place[visited]
            del path[start + 1 :]
            loops.append(loop)
        else:
            place[corner] = len(path)
            path.append(corner)
    loops.append(path)
    return loops


def holes_on_background(polygons: Polygons, rings: Rings, regions: Ints) -> NDArray[np.object_]:
    """Per polygon, whether each of its holes has only background along its outline.

    Args:
        polygons: as `build` made them.
        rings: their rings.
        regions: their regions.
    """
    found = np.empty(len(polygons), object)
    blocked: dict[int, list[shapely.Geometry]] = {}
    for ring in np.flatnonzero(~np.logical_and.reduceat(rings.fillable, rings.offsets[:-1])).tolist():
        part = slice(rings.offsets[ring], rings.offsets[ring + 1])
        at = np.flatnonzero(~rings.fillable[part]) + part.start
        middle = np.stack(((rings.froms[at] + rings.tos[at]) / 2, rings.rows[at]), axis=1)
        blocked.setdefault(int(rings.regions[ring]), []).append(shapely.multipoints(middle))
    for index, polygon in enumerate(polygons):
        holes = shapely.get_rings(polygon)[1:]
        points = shapely.union_all(blocked.get(int(regions[index]), []))
        found[index] = ~np.asarray(shapely.intersects(holes, points), np.bool_).reshape(-1)
    return found
