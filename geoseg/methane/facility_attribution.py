"""Which facility a plume comes from: the nearest one, and how far it is."""

from __future__ import annotations

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
from geoseg.scenes.polygon_files import opened_vector

LAYER = "facilities"
"""Layer of points in a map of facilities; other files are read by their first layer."""

LABELS = ("label", "name", "class", "type")
"""Columns that may say what a facility is, the best first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Facilities:
    """Places that may emit methane."""

    points: NDArray[np.float64]
    """(n, 2) longitude and latitude in degrees."""
    labels: tuple[str, ...]
    """What each is."""
    path: Path

    def nearest(self, shape: shapely.Geometry, crs: CRS) -> tuple[str, float]:
        """Return what the facility nearest to a polygon is, and its distance in m; 0 inside.

        Distances are on a plane that touches the ground at the polygon (azimuthal equidistant).

        Args:
            shape: the plume.
            crs: of it.

        Returns:
            An empty name and NaN where there is no facility.
        """
        if not self.labels:
            return "", math.nan
        middle = shape.centroid
        geographic = CRS.from_epsg(4326)
        lon, lat = Transformer.from_crs(crs, geographic, always_xy=True).transform(middle.x, middle.y)
        plane = CRS.from_proj4(f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m")
        to_plane = Transformer.from_crs(crs, plane, always_xy=True)
        own = shapely.transform(shape, lambda xy: np.stack(to_plane.transform(xy[:, 0], xy[:, 1]), axis=1))
        from_globe = Transformer.from_crs(geographic, plane, always_xy=True)
        x, y = from_globe.transform(self.points[:, 0], self.points[:, 1])
        distances = shapely.distance(own, shapely.points(x, y))
        best = int(np.argmin(distances))
        return self.labels[best], float(distances[best])


def read_facilities(path: Path) -> Facilities:
    """Read points or polygons of facilities, whose inner points count.

    Raises:
        SceneReadError: the file is missing or no vector file.
        SceneError: it has no CRS.
    """
    opened_vector(path)
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        frame = geopandas.read_file(path, layer=LAYER if LAYER in layers else layers[0])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, IndexError, OSError) as error:
        raise SceneReadError(f"--facilities {path}: cannot be read as a vector file: {error}") from error
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if not len(frame):
        return Facilities(points=np.empty((0, 2)), labels=(), path=path)
    if frame.crs is None:
        raise SceneError(f"--facilities {path}: has no CRS; say it with ogr2ogr -a_srs")
    inner = frame.geometry.representative_point().to_crs(4326)
    column = next((name for name in LABELS if name in frame.columns), None)
    labels = [f"facility {i + 1}" for i in range(len(frame))] if column is None else frame[column].astype(str)
    return Facilities(points=shapely.get_coordinates(inner.array), labels=tuple(labels), path=path)
