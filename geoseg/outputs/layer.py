"""Schema and geometry type of a vector layer, and batches of features as its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import OutputError
from geoseg.features import Column, Features
from geoseg.spec import ClassSpec

Kind = Literal["int", "float", "text"]

SCENE_LAYER = "scene"
"""Name of the layer with the footprint of the observed pixels."""

Shape = Literal["polygon", "point"]
"""Geometry of a layer."""

_DTYPES = {"int": np.int64, "float": np.float64, "text": np.object_}
_POINT, _POLYGON, _MULTIPOLYGON = 0, 3, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of MultiPolygons, for all polygons, or of Points."""

    name: str
    schema: Mapping[str, Kind]
    """Columns in order; the same in every batch."""
    classes: tuple[ClassSpec, ...]
    """Empty: the layer has no classes."""
    crs: CRS | None
    """None: pixel coordinates."""
    styled_by: str = "class"
    """Column that holds the values of `classes`."""
    shape: Shape = "polygon"

    @property
    def geometry_type(self) -> Literal["Point", "MultiPolygon"]:
        """Return GDAL's name of the geometry type."""
        return "Point" if self.shape == "point" else "MultiPolygon"

    @classmethod
    def of(cls, features: Features, *, name: str, crs: CRS | None) -> Self:
        """Return the layer of one batch without classes."""
        kinds: dict[str, Kind] = {}
        for column, values in features.columns.items():
            code = np.asarray(values).dtype.kind
            kinds[column] = "int" if code in "iub" else "float" if code == "f" else "text"
        return cls(name=name, schema=kinds, classes=(), crs=crs)

    def columns(self, features: Features) -> list[Column]:
        """Return the columns in the layer's order as int64, float64 or object arrays.

        Raises:
            OutputError: columns differ from those of the layer, or their lengths differ.
        """
        if set(features.columns) != set(self.schema):
            raise OutputError(
                f"layer {self.name!r} has columns {sorted(self.schema)}, not {sorted(features.columns)}"
            )
        out: list[Column] = [
            np.asarray(features.columns[name], _DTYPES[kind]) for name, kind in self.schema.items()
        ]
        if any(len(column) != len(features) for column in out):
            raise OutputError(
                f"layer {self.name!r}: the length of a column differs from the number of geometries"
            )
        return out

    def wkb(self, features: Features) -> NDArray[np.object_]:
        """Return the geometries as two-dimensional WKB of the layer's type.

        Raises:
            OutputError: a geometry is missing or of another type.
        """
        geometry = np.array(features.geometry, dtype=object)
        types = shapely.get_type_id(geometry)
        if self.shape == "point":
            if not np.all(types == _POINT):
                raise OutputError(f"layer {self.name!r} accepts only points")
            return np.asarray(shapely.to_wkb(geometry, output_dimension=2), dtype=object)
        single = types == _POLYGON
        if not np.all(single | (types == _MULTIPOLYGON)):
            raise OutputError(f"layer {self.name!r} accepts only polygons")
        if single.any():
            geometry[single] = shapely.multipolygons(geometry[single], indices=np.arange(single.sum()))
        return np.asarray(shapely.to_wkb(geometry, output_dimension=2), dtype=object)
