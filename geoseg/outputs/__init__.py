"""Outputs: one file a format; written beside their place, renamed when whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import UsageError
from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.outputs.beside import check_writable, write_texts
from geoseg.outputs.cog import ClassRasterSink
from geoseg.outputs.fgb import FlatGeobufSink
from geoseg.outputs.geojson import GeoJsonSink
from geoseg.outputs.gpkg import GeoPackageSink
from geoseg.outputs.layer import Kind, Layer
from geoseg.outputs.measure import MeasureSink
from geoseg.outputs.parquet import GeoParquetSink
from geoseg.outputs.picture import draw_picture, rasterise
from geoseg.outputs.record import read_record
from geoseg.outputs.sink import StagedSink
from geoseg.pixels import Strip
from geoseg.report import RunRecord
from geoseg.spec import ClassSpec

__all__ = [
    "FORMATS",
    "Kind",
    "MeasureSink",
    "RasterSink",
    "VectorSink",
    "check_writable",
    "companions",
    "draw_picture",
    "open_raster",
    "open_vector",
    "rasterise",
    "read_record",
    "write_texts",
]

FORMATS: Mapping[str, type[StagedSink]] = {
    ".gpkg": GeoPackageSink,
    ".fgb": FlatGeobufSink,
    ".parquet": GeoParquetSink,
    ".geojson": GeoJsonSink,
    ".json": GeoJsonSink,
}
"""The vector format of each suffix."""


class VectorSink(Protocol):
    """Polygons on their way into a file; leaving it without `finish` removes everything half written."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def write(self, features: Features) -> None:
        """Append a batch; any number of times, possibly never."""

    def finish(self, record: RunRecord, footprint: Features) -> None:
        """Write the record and the `scene` layer's rows, and move everything to its place."""


class RasterSink(Protocol):
    """Strips on their way into class and score rasters; leaving it without `finish` removes them."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def write(self, strip: Strip) -> None:
        """Take the next rows, from the first to the last."""

    def burn(self, geometries: NDArray[np.object_], values: NDArray[np.integer[Any]]) -> None:
        """Set the classes under polygons in pixel coordinates (col, row); applied by `finish`."""

    def finish(self, record: RunRecord) -> None:
        """Make the COGs and move them to their places."""


def open_vector(
    path: Path,
    *,
    layer: str,
    classes: Sequence[ClassSpec],
    schema: Mapping[str, Kind],
    crs: CRS | None,
    overwrite: bool,
    styled_by: str = "class",
) -> VectorSink:
    """Open a vector output in the format that its suffix names.

    Args:
        path: `.gpkg`, `.fgb`, `.parquet`, `.geojson` or `.json`; all but the first write `companions` too.
        layer: name of the polygon layer.
        classes: of the map; the style is made from them.
        schema: columns of every batch, in order.
        crs: of the geometries; None: pixel coordinates, kept as they are.
        overwrite: whether existing files may be replaced.
        styled_by: the column whose values `classes` names.

    Raises:
        UsageError: the suffix names no format.
        RuntimeMissingError: the format needs a package that is not installed.
    """
    sink = _format(path)
    return sink(
        path,
        Layer(name=layer, schema=dict(schema), classes=tuple(classes), crs=crs, styled_by=styled_by),
        overwrite=overwrite,
    )


def companions(path: Path) -> tuple[Path, ...]:
    """Name the further files that writing `path` makes: the `scene` layer, where the format holds only one.

    Raises:
        UsageError: the suffix names no format.
    """
    return _format(path).companions(path)


def open_raster(
    classes_path: Path | None,
    scores_path: Path | None,
    *,
    grid: Grid,
    classes: Sequence[ClassSpec],
    overwrite: bool,
    threads: int | None = None,
) -> RasterSink:
    """Open the class raster, the score raster, or both; always COGs.

    Args:
        classes_path: None: not wanted.
        scores_path: None: not wanted.
        grid: of the strips.
        classes: for the colour table and labels.
        overwrite: whether existing files may be replaced.
        threads: for compression; None: all.
    """
    return ClassRasterSink(
        classes_path, scores_path, grid=grid, classes=classes, overwrite=overwrite, threads=threads
    )


def _format(path: Path) -> type[StagedSink]:
    sink = FORMATS.get(path.suffix.lower())
    if sink is None:
        raise UsageError(f"{path}: unknown format {path.suffix!r}; use one of {', '.join(FORMATS)}")
    return sink
