"""Smooth the outlines of a coverage: corners are cut, and neighbours keep their common edge."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.polygons.outlines import Polygons

ROUNDS = 2
"""Rounds of corner cutting; each halves the angle at every corner."""

ATTEMPTS = 4
"""Attempts in which polygons that smoothing would damage keep their corners."""


def smooth(shapes: Polygons) -> Polygons:
    """Cut the corners of polygons that form a coverage (Chaikin 1974, doi:10.1016/0146-664X(74)90028-8).

    Each corner becomes two, a quarter of the way to its neighbours. The two depend on the corner and its two
    neighbours only, so that both polygons of a common edge get the same ones. Corners at which more than two
    edges meet stay. Polygons that would become invalid, or would overlap others, keep their corners.

    Args:
        shapes: valid polygons whose common edges have the same corners.
    """
    fixed = np.zeros(len(shapes), np.bool_)
    for _ in range(ATTEMPTS):
        found = shapes
        for _ in range(ROUNDS):
            found = _cut(found, fixed)
        bad = ~shapely.is_valid(found) | ~shapely.is_empty(shapely.coverage_invalid_edges(found))
        if not bad.any():
            return found
        fixed |= bad
    return shapes


def _cut(shapes: Polygons, fixed: NDArray[np.bool_]) -> Polygons:
    """Cut every corner at which two edges meet, except those of fixed polygons."""
    rings, owners = shapely.get_rings(shapes, return_index=True)
    counts = shapely.get_num_coordinates(rings) - 1
    offsets = np.append(0, np.cumsum(counts))
    closed = shapely.get_coordinates(rings)
    last = np.zeros(len(closed), np.bool_)
    last[offsets[1:] + np.arange(len(rings))] = True
    xy = closed[~last]
    of_ring = np.repeat(np.arange(len(rings)), counts)
    position = np.arange(len(xy))
    following = np.where(position + 1 == offsets[of_ring + 1], offsets[of_ring], position + 1)
    preceding = np.empty_like(following)
    preceding[following] = position

    _, corner = np.unique(xy, axis=0, return_inverse=True)
    corner = corner.ravel()
    edges = np.unique(np.sort(np.stack((corner, corner[following]), axis=1), axis=1), axis=0)
    degree = np.bincount(edges.ravel(), minlength=corner.max(initial=0) + 1)
    stays = degree != 2
    stays[corner[fixed[owners[of_ring]]]] = True

    keep = stays[corner]
    first = np.where(keep[:, None], xy, 0.75 * xy + 0.25 * xy[preceding])
    second = 0.75 * xy + 0.25 * xy[following]
    points = np.stack((first, second), axis=1).reshape(-1, 2)
    used = np.stack((np.ones(len(keep), np.bool_), ~keep), axis=1).ravel()
    points = points[used]
    lengths = np.add.reduceat(np.where(keep, 1, 2), offsets[:-1])
    made = shapely.linearrings(points, indices=np.repeat(np.arange(len(rings)), lengths))
    return np.asarray(shapely.polygons(made, indices=owners), object)
