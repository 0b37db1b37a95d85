"""Attribution of plumes to the nearest facility, with its distance."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.doors import opening
from geoseg.messages import warn
from geoseg.scenes.polygon_files import opened_vector
from geoseg.scenes.vector_files import reading_vector

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

    Raises:
        SceneReadError: the file cannot be read as a vector file.
        SceneError: the file has no CRS.
    """
    opened_vector(path)
    with (
        opening(f"--facilities {path}", "give a vector file of points or polygons"),
        reading_vector(path) as file,
    ):
        return _read_facilities(path, file)


def _read_facilities(path: Path, file: Path | str) -> Facilities:
    """Read facilities from a file or its copy; libraries may raise exceptions of their own."""
    layers = [str(name) for name, _ in pyogrio.list_layers(file)]
    if not layers:
        raise SceneReadError(f"--facilities {path} holds no layer; give a vector file of points or polygons")
    frame = geopandas.read_file(file, layer=LAYER if LAYER in layers else layers[0])
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if not len(frame):
        warn(LOG, "no-facilities", f"{path} contains no facilities, so plumes are not attributed")
        return Facilities(points=np.empty((0, 2)), labels=(), path=path)
    if frame.crs is None:
        raise SceneError(f"--facilities {path} has no CRS; assign one with ogr2ogr -a_srs")
    inner = frame.geometry.representative_point().to_crs(4326)
    column = next((name for name in LABELS if name in frame.columns), None)
    labels = [f"facility {i + 1}" for i in range(len(frame))] if column is None else frame[column].astype(str)
    return Facilities(points=shapely.get_coordinates(inner.array), labels=tuple(labels), path=path)
