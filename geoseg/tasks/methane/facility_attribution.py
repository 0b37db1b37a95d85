"""Attribution of plumes to the nearest facility, with its distance."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.doors import opening
from geoseg.files.text_tables import SUFFIXES, TextTable, read_table
from geoseg.messages import warn
from geoseg.scenes.point_tables import points_of
from geoseg.scenes.polygon_files import opened_vector
from geoseg.scenes.vector_files import crs_of, layer_of, reading_vector

LOG = logging.getLogger(__name__)

LAYER = "facilities"
"""Layer of points in a facility map; of other files the first layer is read."""

LABELS = ("label", "name", "class", "type")
"""Columns that may hold the type of a facility, in order of preference."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Facilities:
    """Facilities that may emit methane."""

    points: NDArray[np.float64]
    """(n, 2) longitude and latitude in degrees."""
    labels: tuple[str, ...]
    """Type of each facility."""
    path: Path

    def nearest(self, shape: shapely.Geometry, crs: CRS) -> tuple[str, float]:
        """Return the type of the facility nearest to a polygon, and its distance in m, 0 inside the polygon.

        Distances are measured in an azimuthal equidistant projection centred on the polygon.

        Args:
            shape: the plume.
            crs: CRS of the plume.

        Returns:
            An empty string and NaN where there are no facilities.
        """
        if not self.labels:
            return "", math.nan
        middle = shape.centroid
        geographic = CRS.from_epsg(4326)
        lon, lat = Transformer.from_crs(crs, geographic, always_xy=True).transform(middle.x, middle.y)
        plane = CRS.from_proj4(f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m")
        to_plane = Transformer.from_crs(crs, plane, always_xy=True)
        projected = shapely.transform(
            shape, lambda xy: np.stack(to_plane.transform(xy[:, 0], xy[:, 1]), axis=1)
        )
        from_globe = Transformer.from_crs(geographic, plane, always_xy=True)
        x, y = from_globe.transform(self.points[:, 0], self.points[:, 1])
        distances = shapely.distance(projected, shapely.points(x, y))
        best = int(np.argmin(distances))
        return self.labels[best], float(distances[best])


def read_facilities(path: Path) -> Facilities:
    """Read facilities from points or polygons; a polygon is represented by a point inside it.

    Args:
        path: a vector file, or a table as of `geoseg.scenes.point_tables`.

    Raises:
        SceneReadError: the file cannot be read.
        SceneError: the file has no CRS, or a table has no coordinates.
    """
    opened_vector(path)
    with opening(f"`--facilities {path}`", "give a vector file of points or polygons"):
        if path.suffix.lower() in SUFFIXES:
            table = read_table(path)
            # GDAL reads geometries of such a column.
            if not any(name.lower().startswith(("wkt", "_wkt")) for name in table.names):
                return _from_table(table)
        with reading_vector(path) as file:
            return _read_facilities(path, file)


def _from_table(table: TextTable) -> Facilities:
    """Read facilities from the rows that have coordinates."""
    points, crs = points_of(table)
    if crs is None:
        raise SceneError(
            f"`--facilities {table.path}` has coordinates x and y without CRS; give columns lon and lat"
        )
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(known):
        return _none(table.path)
    lower = {name.lower(): name for name in reversed(table.names)}
    column = next((lower[name] for name in LABELS if name in lower), None)
    return Facilities(
        points=points[known],
        labels=tuple(f"facility {i + 1}" if column is None else table.rows[i][column] for i in known),
        path=table.path,
    )


def _none(path: Path) -> Facilities:
    """Return that there are no facilities, with a warning."""
    warn(LOG, "no-facilities", f"{path} contains no facilities, so plumes are not attributed")
    return Facilities(points=np.empty((0, 2)), labels=(), path=path)


def _read_facilities(path: Path, file: Path | str) -> Facilities:
    """Read facilities from a file or its copy; libraries may raise exceptions of their own."""
    meta, _, wkb, values = pyogrio.raw.read(file, layer=layer_of(path, file, LAYER), force_2d=True)
    if wkb is None:
        raise SceneReadError(
            f"`--facilities {path}` has no geometries; give a vector file of points or polygons"
        )
    shapes = shapely.from_wkb(wkb)
    known = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if not known.any():
        return _none(path)
    crs = crs_of(path, meta["crs"])
    if crs is None:
        raise SceneError(f"`--facilities {path}` has no CRS; assign one with `ogr2ogr -a_srs`")
    inner = shapely.get_coordinates(shapely.point_on_surface(shapes[known]))
    lon, lat = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True).transform(*inner.T)
    columns = dict(zip(map(str, meta["fields"]), values, strict=True))
    column = next((name for name in LABELS if name in columns), None)
    cells = [None] * len(inner) if column is None else columns[column][known].tolist()
    labels = tuple(f"facility {i + 1}" if cell is None else str(cell) for i, cell in enumerate(cells))
    return Facilities(points=np.stack([lon, lat], axis=1), labels=labels, path=path)
