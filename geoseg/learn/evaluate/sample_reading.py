"""Reference samples as people bring them: points of any vector file or table, and what each really is."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.inputs import opened
from geoseg.learn.evaluate.sample_writing import REFERENCE, SAMPLE_LAYER, STRATA_TABLE, strata_path
from geoseg.scenes.polygon_files import opened_vector

_AXES = (("lon", "lat"), ("x", "y"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStratum:
    """A class of the map that a sample was drawn from."""

    pixels: int
    drawn: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """A sample as read."""

    x: NDArray[np.float64]
    """(n,) NaN where a row has no place."""
    y: NDArray[np.float64]
    """(n,)"""
    crs: CRS | None
    """None: coordinates are those of a map without CRS."""
    reference: NDArray[np.object_]
    """(n,) numbers, texts or None, as they stand there."""
    strata: Mapping[int, KnownStratum] | None
    """By class; None where the file does not tell how it was drawn."""


def read_points(path: Path, column: str = REFERENCE) -> Points:
    """Read a sample.

    Args:
        path: `.csv` with columns lon and lat (WGS 84), or x and y; else any vector file, of which the layer
            `sample` is read, or else the first one.
        column: with what each point really is.

    Raises:
        SceneReadError: the file is missing or cannot be read.
        SceneError: the column is missing, or the file holds something else than points.
    """
    if not path.exists():  # a file geodatabase is a folder
        raise SceneReadError(f"{path} does not exist; check the path")
    opened_vector(path)
    try:
        return _from_csv(path, column) if path.suffix.lower() == ".csv" else _from_vector(path, column)
    except (DataSourceError, DataLayerError, OSError, UnicodeDecodeError, csv.Error) as error:
        if isinstance(error, SceneError):
            raise
        raise SceneReadError(f"{path}: cannot be read as points: {error}") from error


def _from_vector(path: Path, column: str) -> Points:
    layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    layer = SAMPLE_LAYER if SAMPLE_LAYER in layers else layers[0] if layers else None
    if layer is None:
        raise SceneError(f"{path}: holds no layer; give a sample of points")
    _need(path, column, [str(name) for name in pyogrio.read_info(path, layer=layer)["fields"]])
    meta, _, wkb, (values,) = raw.read(path, layer=layer, columns=[column], force_2d=True)
    if wkb is None:
        raise SceneError(f"{path}: its layer {layer} has no geometry; give a sample of points")
    shapes = np.asarray(shapely.from_wkb(wkb), object)
    single = (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOINT) & (
        shapely.get_num_geometries(shapes) == 1
    )
    shapes[single] = shapely.get_geometry(shapes[single], 0)
    there = ~shapely.is_missing(shapes)
    if not (shapely.get_type_id(shapes[there]) == shapely.GeometryType.POINT).all():
        raise SceneError(f"{path}: its layer {layer} holds other geometries than points; give points")
    try:
        crs = CRS.from_user_input(meta["crs"]) if meta["crs"] else None
    except CRSError as error:
        raise SceneError(f"{path}: its CRS {meta['crs']!r} is not understood: {error}") from error
    return Points(
        x=shapely.get_x(shapes),
        y=shapely.get_y(shapes),
        # GeoPackages without a CRS call it "undefined", on a plane or on the globe.
        crs=None if crs is None or crs.is_engineering or "ndefined" in crs.name else crs,
        reference=np.asarray(values, object),
        strata=_strata_of(path) if STRATA_TABLE in layers else None,
    )


def _strata_of(path: Path) -> Mapping[int, KnownStratum] | None:
    """Return the table of strata; None where it is not such a table."""
    meta, _, _, fields = raw.read(path, layer=STRATA_TABLE)
    table = dict(zip(map(str, meta["fields"]), fields, strict=True))
    return _known([dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)])


def _known(rows: Sequence[Mapping[str, object]]) -> Mapping[int, KnownStratum] | None:
    try:
        return {
            int(str(row["class"])): KnownStratum(pixels=int(str(row["pixels"])), drawn=int(str(row["drawn"])))
            for row in rows
        }
    except (KeyError, ValueError):
        return None


def _from_csv(path: Path, column: str) -> Points:
    rows, names = _table(path)
    axes = next((pair for pair in _AXES if set(pair) <= set(names)), None)
    if axes is None:
        raise SceneError(f"{path}: has no columns lon and lat (or x and y, for a map without CRS)")
    _need(path, column, names)
    beside = strata_path(path)
    return Points(
        x=np.array([_number(path, row[axes[0]], line) for line, row in enumerate(rows, start=2)], float),
        y=np.array([_number(path, row[axes[1]], line) for line, row in enumerate(rows, start=2)], float),
        crs=CRS.from_epsg(4326) if axes == _AXES[0] else None,
        reference=np.array([row[column] for row in rows], object),
        strata=_known(_table(beside)[0]) if beside.is_file() else None,
    )


def _table(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Return rows and column names; a byte order mark is what spreadsheets put first."""
    opened(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        return list(reader), list(reader.fieldnames or ())


def _number(path: Path, text: str, line: int) -> float:
    if not text.strip():
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise SceneError(f"{path}, line {line}: {text!r} is no coordinate") from None


def _need(path: Path, column: str, names: Sequence[str]) -> None:
    if column not in names:
        raise SceneError(
            f"{path}: has no column {column!r} but {', '.join(names) or 'none at all'}; say --column NAME"
        )
