"""Read reference samples: points with a reference class, from a vector file or a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyproj import CRS

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.files.text_tables import SUFFIXES, read_table
from geoseg.learn.evaluate.class_raster import Stratum
from geoseg.learn.evaluate.sample_writing import REFERENCE, SAMPLE_LAYER, STRATA_TABLE, strata_path
from geoseg.scenes.point_tables import points_of
from geoseg.scenes.polygon_files import opened_vector
from geoseg.scenes.vector_files import crs_of, layer_of, reading_vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """The points of a sample."""

    x: NDArray[np.float64]
    """(n,) NaN where a row has no coordinates."""
    y: NDArray[np.float64]
    """(n,)"""
    crs: CRS | None
    """CRS of the coordinates; None: the coordinates of a map without CRS."""
    reference: NDArray[np.object_]
    """(n,) class numbers, labels or None, as in the file."""
    strata: Mapping[int, Stratum] | None
    """Strata from which the sample was drawn, by class, without their areas; None: not in the file."""


def read_points(path: Path, column: str = REFERENCE) -> Points:
    """Read a sample.

    Args:
        path: a table as of `geoseg.scenes.point_tables`, or a vector file with the layer `sample`;
            without this layer, its first layer is read.
        column: column with the reference class.

    Raises:
        SceneReadError: the file does not exist or cannot be read.
        SceneError: the column is missing, or a geometry is not a point.
    """
    if not path.exists():  # a file geodatabase is a folder
        raise SceneReadError(f"{path} does not exist; check the path")
    opened_vector(path)
    with opening(path, "give a sample of points", kind="points"):
        if path.suffix.lower() in SUFFIXES:
            return _from_table(path, column)
        with reading_vector(path) as file:
            return _from_vector(path, file, column)


def _from_vector(path: Path, file: Path | str, column: str) -> Points:
    """Read points from a file or its copy; `path` is for messages."""
    layer = layer_of(path, file, SAMPLE_LAYER)
    _require_column(path, column, [str(name) for name in pyogrio.read_info(file, layer=layer)["fields"]])
    meta, _, wkb, (values,) = raw.read(file, layer=layer, columns=[column], force_2d=True)
    if wkb is None:
        raise SceneError(f"{path}: the layer {layer} has no geometry; give a sample of points")
    shapes = np.asarray(shapely.from_wkb(wkb), object)
    single = (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOINT) & (
        shapely.get_num_geometries(shapes) == 1
    )
    shapes[single] = shapely.get_geometry(shapes[single], 0)
    present = ~shapely.is_missing(shapes)
    if not (shapely.get_type_id(shapes[present]) == shapely.GeometryType.POINT).all():
        raise SceneError(
            f"{path}: the layer {layer} has geometries other than points; give a sample of points"
        )
    return Points(
        x=shapely.get_x(shapes),
        y=shapely.get_y(shapes),
        crs=crs_of(path, meta["crs"]),
        reference=np.asarray(values, object),
        strata=_read_strata(file) if STRATA_TABLE in pyogrio.list_layers(file)[:, 0] else None,
    )


def _read_strata(path: Path | str) -> Mapping[int, Stratum] | None:
    """Read the table of strata; None where its columns are different."""
    meta, _, _, fields = raw.read(path, layer=STRATA_TABLE)
    table = dict(zip(map(str, meta["fields"]), fields, strict=True))
    return _strata([dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)])


def _strata(rows: Sequence[Mapping[str, object]]) -> Mapping[int, Stratum] | None:
    try:
        return {
            (value := int(str(row["class"]))): Stratum(
                value=value,
                label=str(row.get("label", "")),
                pixels=int(str(row["pixels"])),
                area_m2=None,
                drawn=int(str(row["drawn"])),
            )
            for row in rows
        }
    except (KeyError, ValueError):
        return None


def _from_table(path: Path, column: str) -> Points:
    opened(path)
    table = read_table(path)
    points, crs = points_of(table)
    _require_column(path, column, table.names)
    strata_file = strata_path(path)
    strata = None
    if strata_file.is_file():
        opened(strata_file)
        strata = _strata(read_table(strata_file).rows)
    return Points(
        x=points[:, 0],
        y=points[:, 1],
        crs=crs,
        reference=np.array([row[column] for row in table.rows], object),
        strata=strata,
    )


def _require_column(path: Path, column: str, names: Sequence[str]) -> None:
    if column not in names:
        raise SceneError(
            f"{path}: the column {column!r} is missing; columns are {', '.join(names) or 'none'}; use "
            f"`--column NAME`"
        )
