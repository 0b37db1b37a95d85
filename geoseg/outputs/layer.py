"""Schema and geometry type of a vector layer, and batches of features as its columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import OutputError
from geoseg.features import Column, Features
from geoseg.outputs.words import day_of, instant_of
from geoseg.spec import ClassSpec

Kind = Literal["int", "float", "text", "date", "datetime"]
"""Type of a column. Batches hold dates and times as ISO 8601 text, empty where unknown."""

SCENE_LAYER = "scene"
"""Name of the layer with the footprint of the observed pixels."""

Shape = Literal["polygon", "point"]
"""Geometry of a layer."""

SCENE_TIMES: Mapping[str, Kind] = {"acquired": "datetime", "acquired_before": "datetime"}
"""Columns of the scene that hold times."""

_DTYPES = {
    "int": np.int64,
    "float": np.float64,
    "text": np.object_,
    "date": np.object_,
    "datetime": np.object_,
}
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
    categories: Mapping[str, tuple[ClassSpec, ...]] = field(default_factory=dict)
    """Classes of further columns that hold class values."""

    @property
    def plain(self) -> Layer:
        """Return the layer with dates and times as text, for formats that would change them."""
        kinds: dict[str, Kind] = {
            name: "text" if kind in {"date", "datetime"} else kind for name, kind in self.schema.items()
        }
        return replace(self, schema=kinds)

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
        kinds |= {column: kind for column, kind in SCENE_TIMES.items() if column in kinds}
        return cls(name=name, schema=kinds, classes=(), crs=crs)

    def columns(self, features: Features) -> list[Column]:
        """Return the columns in the layer's order as int64, float64, object or datetime64 arrays.

        Raises:
            OutputError: columns differ from those of the layer, or their lengths differ.
        """
        if set(features.columns) != set(self.schema):
            raise OutputError(
                f"layer {self.name!r} has columns {sorted(self.schema)}, not {sorted(features.columns)}"
            )
        out: list[Column] = [
            timed(np.asarray(features.columns[name], _DTYPES[kind]), kind)
            for name, kind in self.schema.items()
        ]
        if any(len(column) != len(features) for column in out):
            raise OutputError(
                f"layer {self.name!r}: the length of a column differs from the number of geometries"
            )
        return out

    def stored(self, columns: Sequence[Column]) -> list[list[Any]]:
        """Return columns (as of `columns`) as SQLite stores them: dates and times are text in UTC."""
        return [_stored(own, kind) for own, kind in zip(columns, self.schema.values(), strict=True)]

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


def _stored(values: Column, kind: Kind) -> list[Any]:
    """Return the values of a column; None where unknown."""
    if kind in {"date", "datetime"}:
        end = "Z" if kind == "datetime" else ""
        times = np.datetime_as_string(values).tolist()
        return [None if time == "NaT" else f"{time}{end}" for time in times]
    if kind == "text":
        texts = values.tolist()
        plain = set(map(type, texts)) <= {str, type(None)}
        return texts if plain else [None if text is None else _text(text) for text in texts]
    return list(values.tolist())


def _text(value: object) -> str | None:
    """Return a value of a text column; None for NaN."""
    return None if isinstance(value, float) and math.isnan(value) else str(value)


def timed(values: Column, kind: Kind) -> Column:
    """Return texts of dates and times as datetime64 in UTC, NaT where unknown; other columns as they are."""
    if kind == "date":
        return np.array([day_of(value) for value in values], "datetime64[D]")
    if kind == "datetime":
        return np.array([_utc(value) for value in values], "datetime64[ms]")
    return values


def _utc(text: str | None) -> datetime | None:
    """Return a time in UTC, without its zone, which datetime64 does not have."""
    time = instant_of(text)
    return time if time is None or time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
