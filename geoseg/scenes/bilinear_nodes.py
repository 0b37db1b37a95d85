"""The four nodes of a coarse grid around a place, with the weights of bilinear interpolation."""

from __future__ import annotations

import math

import rasterio
from affine import Affine
from pyproj import CRS, Transformer

from geoseg.errors import SceneError
from geoseg.scenes.georeference import transform_of

Nodes = tuple[tuple[int, int, float], ...]
"""Row, column and weight of each; the weights sum to 1."""


def nodes_at(file: rasterio.DatasetReader, name: str, lon: float, lat: float, *, degrees: bool) -> Nodes:
    """Return the four pixels around a place, with weights.

    Within half a pixel of the edge, only the outermost pixels have weight. A grid in degrees may have
    longitudes from -180 or from 0; a global grid is continued at its edge.

    Args:
        file: an open raster.
        name: for messages.
        lon: degrees east.
        lat: degrees north.
        degrees: whether a file without CRS is in degrees of longitude and latitude.

    Raises:
        SceneError: the raster is not georeferenced, or the place lies outside it.
    """
    crs = CRS.from_wkt(file.crs.to_wkt()) if file.crs else None
    transform = transform_of(file)
    if (crs is None and not degrees) or transform == Affine.identity():
        raise SceneError(f"{name} is not a regular grid: it needs a CRS, or arrays of longitude and latitude")
    if crs is not None and crs.is_geographic and crs.is_derived:
        raise SceneError(f"{name} has a rotated-pole grid; regrid it to longitude and latitude")
    geographic = crs is None or crs.is_geographic
    x, y = lon, lat
    if crs is not None and not geographic:
        x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    a, b, c, d, e, f = transform[:6]
    if geographic:
        # The first longitude at or after the edge of the grid.
        x = c + math.copysign((math.copysign(1, a) * (x - c)) % 360, a)
    determinant = a * e - b * d
    col = (e * (x - c) - b * (y - f)) / determinant - 0.5
    row = (a * (y - f) - d * (x - c)) / determinant - 0.5
    around = geographic and abs(abs(a) * file.width - 360) < abs(a) / 2
    if not (-0.5 <= row <= file.height - 0.5 and (around or -0.5 <= col <= file.width - 0.5)):
        raise SceneError(
            f"{name} does not cover {lon:.3f}, {lat:.3f} (longitude, latitude); give a file of that place"
        )
    rows, cols = _pair(row, file.height, around=False), _pair(col, file.width, around=around)
    return tuple((i, j, p * q) for i, p in rows for j, q in cols)


def _pair(position: float, size: int, *, around: bool) -> tuple[tuple[int, float], tuple[int, float]]:
    """Return the two pixels around a position along one axis, with their weights."""
    inside = position if around else min(max(position, 0.0), size - 1.0)
    low = math.floor(inside)
    share = inside - low
    high = (low + 1) % size if around else min(low + 1, size - 1)
    return (low % size, 1 - share), (high, share)
