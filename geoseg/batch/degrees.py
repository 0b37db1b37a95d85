"""Geometries in other reference systems, and in degrees on both sides of the antimeridian."""

from __future__ import annotations

from typing import TypeVar

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
        return shapes
    transformer = Transformer.from_crs(source, target, always_xy=True)
    fine = shapely.segmentize(shapes, _step(source))
    found: Shapes = shapely.transform(fine, transformer.transform, interleaved=False)
    return split_at_antimeridian(found) if target == DEGREES else found


def split_at_antimeridian(shapes: Shapes) -> Shapes:
    """Return geometries in degrees of which those that cross the antimeridian are split there.

    Args:
        shapes: longitudes are -180..180; polygons wider than half the globe are those that cross. Longitudes
            above 180 are moved into the range.
    """
    if isinstance(shapes, shapely.Geometry):
        one: Shapes = _split(shapes)
        return one
    west, _, east, _ = shapely.bounds(shapes).T
    crossing = np.flatnonzero((east - west > 180) | (east > 180))
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
    west, south, east, north = shape.bounds
    if not (east - west > 180 or east > 180):
        return shape
    if east - west > 180:
        shape = shapely.transform(shape, lambda x, y: (np.where(x < 0, x + 360, x), y), interleaved=False)
    if shape.geom_type != "Point" and not shape.is_valid:
        shape = shapely.make_valid(shape)
    here = shapely.intersection(shape, shapely.box(-180, south - 1, 180, north + 1))
    beyond = shapely.intersection(shape, shapely.box(180, south - 1, 540, north + 1))
    there = shapely.transform(beyond, lambda x, y: (x - 360, y), interleaved=False)
    return shapely.union_all([here, there])
