"""Attributes of shape that a request asks for: perimeter, compactness, centroid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer

from geoseg.errors import SceneError
from geoseg.features import Column, Features
from geoseg.outputs import Kind

QUANTILES = "score-quantiles"
"""The attribute that is counted while regions grow, not measured on polygons."""

COLUMNS: dict[str, dict[str, Kind]] = {
    "perimeter": {"perimeter_m": "float"},
    "compactness": {"compactness": "float"},
    "centroid": {"centroid_lon": "float", "centroid_lat": "float"},
    QUANTILES: {"score_p10": "float", "score_p50": "float", "score_p90": "float"},
}
"""Columns by name of the attribute."""


def schema_of(attributes: Sequence[str]) -> dict[str, Kind]:
    """Return the columns of attributes."""
    return {column: kind for name in attributes for column, kind in COLUMNS[name].items()}


class ShapeAttributes:
    """Adds attributes of shape to batches of polygons.

    Lengths and areas are geodesic, on the ellipsoid of the CRS (Karney 2013, doi:10.1007/s00190-012-0578-z),
    and those of the polygons as they are written, after simplification.
    """

    def __init__(self, attributes: Sequence[str], crs: CRS | None, scene: str) -> None:
        """Prepare the transformation to longitude and latitude.

        Args:
            attributes: names, keys of `COLUMNS`.
            crs: of the polygons.
            scene: name, for the error.

        Raises:
            SceneError: there is no CRS.
        """
        self._attributes = frozenset(attributes)
        if crs is None and self._attributes - {QUANTILES}:
            raise SceneError(
                f"{scene}: `--attributes {','.join(attributes)}` needs a CRS, and the scene has none; "
                "omit the option, or assign a CRS to the raster (`gdal_edit.py -a_srs`)"
            )
        geographic = None if crs is None else crs.geodetic_crs
        self._geod = Geod(ellps="WGS84") if geographic is None else geographic.get_geod()
        self._to_own = self._to_wgs84 = None
        if crs is not None and geographic is not None:
            self._to_own = Transformer.from_crs(crs, geographic, always_xy=True)
            self._to_wgs84 = Transformer.from_crs(crs, 4326, always_xy=True)

    def add(self, features: Features) -> Features:
        """Return a batch with the attributes; NaN for polygons that are too large for an object."""
        columns: dict[str, Column] = dict(features.columns)
        if self._attributes & {"perimeter", "compactness"}:
            area, length = self._measured(features)
            if "perimeter" in self._attributes:
                columns["perimeter_m"] = np.round(length, 2)
            if "compactness" in self._attributes:
                with np.errstate(divide="ignore", invalid="ignore"):
                    columns["compactness"] = np.round(4 * math.pi * area / length**2, 4)
        if "centroid" in self._attributes and self._to_wgs84 is not None:
            centres = shapely.get_coordinates(shapely.centroid(features.geometry))
            lon, lat = self._to_wgs84.transform(centres[:, 0], centres[:, 1])
            unknown = features.large is not None
            columns["centroid_lon"] = np.where(unknown, np.nan, np.round(lon, 7))
            columns["centroid_lat"] = np.where(unknown, np.nan, np.round(lat, 7))
        return Features(geometry=features.geometry, columns=columns, large=features.large)

    def _measured(self, features: Features) -> tuple[Column, Column]:
        """Return geodesic areas in m² and lengths of all outlines in m."""
        size = len(features)
        if features.large is not None or self._to_own is None or self._geod is None:
            return np.full(size, np.nan), np.full(size, np.nan)
        degrees = shapely.transform(features.geometry, self._to_own.transform, interleaved=False)
        area = [abs(self._geod.geometry_area_perimeter(shape)[0]) for shape in degrees]
        length = [self._geod.geometry_length(outline) for outline in shapely.boundary(degrees)]
        return np.array(area, np.float64), np.array(length, np.float64)
