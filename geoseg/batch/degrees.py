"""Geometries in other reference systems, and in degrees on both sides of the antimeridian."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

DEGREES = CRS.from_epsg(4326)

Shapes = TypeVar("Shapes", shapely.Geometry, NDArray[np.object_])

STEP_M = 1000.0
"""Longest part of a line between two corners that are transformed, m: a straight line of one UTM zone is
curved in another one and in degrees, by 0.1 m at most on such a part up to 80 degrees of latitude."""
STEP_DEGREES = 0.01


def moved(shapes: Shapes, source: CRS, target: CRS) -> Shapes:
    """Return a geometry, or an array of geometries, in another CRS.

    Long lines get more corners, so that borders stay where they are. In degrees, what crosses the
    antimeridian is split there.
    """
    if source == target:
        # In one system lines are straight, however long they are.
        return split_at_antimeridian(shapely.segmentize(shapes, 90)) if target == DEGREES else shapes
    transformer = Transformer.from_crs(source, target, always_xy=True)
    fine = shapely.segmentize(shapes, _step(source))
    found: Shapes = shapely.transform(fine, transformer.transform, interleaved=False)
    return split_at_antimeridian(found) if target == DEGREES else found


def split_at_antimeridian(shapes: Shapes) -> Shapes:
    """Return geometries in degrees of which those that cross the antimeridian are split there.

    Args:
        shapes: polygons and points. Where longitudes of two corners in succession differ by more than 180,
            the line between them crosses. Longitudes beyond -180..180 are moved into the range.
    """
    if isinstance(shapes, shapely.Geometry):
        one: Shapes = _split(shapes)
        return one
    west, _, east, _ = shapely.bounds(shapes).T
    crossing = np.flatnonzero(_leaves_range(west, east))
    if not len(crossing):
        return shapes
    shapes = shapes.copy()
    for index in crossing:
        shapes[index] = _split(shapes[index])
    return shapes


def bounds_of(shape: shapely.Geometry) -> tuple[float, float, float, float]:
    """Return west, south, east, north in degrees; west is the greater one across the antimeridian."""
    west, south, east, north = (float(value) for value in shape.bounds)
    if west > -180 or east < 180:
        return west, south, east, north
    sides = [part.bounds for part in shapely.get_parts(shape)]
    starts = [float(side[0]) for side in sides if side[2] == 180]
    ends = [float(side[2]) for side in sides if side[0] == -180]
    return min(starts), south, max(ends), north


def _step(crs: CRS) -> float:
    """Return `STEP_M` in the unit of a CRS."""
    return STEP_DEGREES if crs.is_geographic else STEP_M / crs.axis_info[0].unit_conversion_factor


def _split(shape: shapely.Geometry) -> shapely.Geometry:
    west, _, east, _ = shape.bounds
    if not _leaves_range(west, east) or not math.isfinite(east - west):
        return shape
    if shape.geom_type not in {"Polygon", "MultiPolygon"}:
        return shapely.transform(shape, lambda x, y: ((x + 180) % 360 - 180, y), interleaved=False)
    pieces: list[shapely.Geometry] = []
    for part in shapely.get_parts(shape):
        whole = shapely.make_valid(_unwrapped(part))
        first, _, last, _ = whole.bounds
        for turn in range(math.floor((first + 180) / 360), math.floor((last + 180) / 360) + 1):
            here = shapely.intersection(whole, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90))
            moved_here = shapely.transform(here, partial(_turned, turns=turn), interleaved=False)
            pieces += [piece for piece in shapely.get_parts(moved_here) if piece.area > 0]
    return shapely.union_all(pieces)


def _leaves_range(west: Any, east: Any) -> Any:
    """Return whether bounds, numbers or arrays, are beyond -180..180, or wide enough to cross its border."""
    return (east - west > 180) | (east > 180) | (west < -180)


def _turned(
    x: NDArray[np.float64], y: NDArray[np.float64], *, turns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return x - 360 * turns, y


def _unwrapped(polygon: shapely.Geometry) -> shapely.Geometry:
    """Return a polygon whose longitudes do not jump along its rings, also where these leave -180..180."""
    shell = _ring(shapely.get_exterior_ring(polygon))
    holes = [_ring(ring) for ring in shapely.get_rings(polygon)[1:]]
    # A hole begins on any side of the antimeridian.
    middle = float(shell[:, 0].min() + shell[:, 0].max()) / 2
    for hole in holes:
        hole[:, 0] += 360 * np.round((middle - (hole[:, 0].min() + hole[:, 0].max()) / 2) / 360)
    return shapely.Polygon(shell, holes)


def _ring(ring: shapely.Geometry) -> NDArray[np.float64]:
    """Return the corners (N, 2) of a ring; one around a pole is closed along the pole."""
    corners: NDArray[np.float64] = shapely.get_coordinates(ring)
    steps = np.diff(corners[:, 0])
    corners[1:, 0] -= 360 * np.round(steps / 360).cumsum()
    (first, _), (last, _) = corners[0], corners[-1]
    if abs(last - first) < 180:
        return corners
    pole = math.copysign(90.0, float(corners[:, 1].mean()))
    closed = [[last, pole], [first, pole], corners[0]]
    return np.vstack([corners, closed]).astype(np.float64)
