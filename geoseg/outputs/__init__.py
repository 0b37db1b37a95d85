"""Outputs: one file a format; written beside their place, renamed together when all are whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import UsageError
from geoseg.features import Features
from geoseg.files.output_files import OutputFiles, check_writable, write_report, write_texts
from geoseg.grid import Grid
from geoseg.outputs.cog import ClassRasterSink
from geoseg.outputs.layer import Kind, Layer
from geoseg.outputs.measure import MeasureSink, write_bands
from geoseg.outputs.picture import draw_picture, rasterise
from geoseg.outputs.record import read_record
from geoseg.outputs.sink import StagedSink
from geoseg.pixels import Strip
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec

__all__ = [
    "FORMATS",
    "Kind",
    "Layer",
    "MeasureSink",
    "OutputFiles",
    "RasterSink",
    "VectorSink",
    "check_writable",
    "companions",
    "draw_picture",
    "open_layers",
    "open_raster",
    "open_vector",
    "rasterise",
    "read_record",
    "write_bands",
    "write_report",
    "write_texts",
]


def _find_formats() -> dict[str, type[StagedSink]]:
    """Find the sinks that the modules of this folder define."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return {suffix: sink for sink in StagedSink.__subclasses__() for suffix in sink.suffixes}


FORMATS: Mapping[str, type[StagedSink]] = _find_formats()
"""The vector format of each suffix."""


class VectorSink(Protocol):
    """Features on their way into a file of a run; `OutputFiles` moves the file to its path."""

    def write(self, features: Features, layer: str | None = None) -> None:
        """Append a batch to a layer, by default to the first; any number of times, possibly never."""

    def finish(self, record: RunRecord, footprint: Features) -> None:
        """Write the record and the `scene` layer's rows, so that all files are whole."""


class RasterSink(Protocol):
    """Strips on their way into class and score rasters of a run; a context manager that closes them."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def write(self, strip: Strip) -> None:
        """Take the next rows, from the first to the last."""

    def burn(self, geometries: NDArray[np.object_], values: NDArray[np.integer[Any]]) -> None:
        """Set the classes under polygons in pixel coordinates (col, row); applied by `finish`."""

    def finish(self, record: RunRecord) -> None:
        """Make the COGs."""


def open_vector(
    path: Path,
    *,
    layer: str,
    classes: Sequence[ClassSpec],
    schema: Mapping[str, Kind],
    crs: CRS | None,
    beside: OutputFiles,
    styled_by: str = "class",
) -> VectorSink:
    """Open a vector output of one layer of polygons in the format that its suffix names.

    Args:
        path: `.gpkg`, `.fgb`, `.parquet`, `.geojson` or `.json`; all but the first write `companions` too.
        layer: name of the polygon layer.
        classes: of the map; the style is made from them.
        schema: columns of every batch, in order.
        crs: of the geometries; None: pixel coordinates, kept as they are.
        beside: open; has `path` and its `companions` among its targets.
        styled_by: the column whose values `classes` names.

    Raises:
        UsageError: the suffix names no format.
        RuntimeMissingError: the format needs a package that is not installed.
    """
    only = Layer(name=layer, schema=dict(schema), classes=tuple(classes), crs=crs, styled_by=styled_by)
    return open_layers(path, [only], beside=beside)


def open_layers(path: Path, layers: Sequence[Layer], *, beside: OutputFiles) -> VectorSink:
    """Open a vector output of several layers.

    Args:
        path: as in `open_vector`. Formats with one layer a file put the first into `path`, each of the others
            beside it.
        layers: at least one; the first is what people open the file for.
        beside: as in `open_vector`.

    Raises:
        UsageError: the suffix names no format.
        RuntimeMissingError: the format needs a package that is not installed.
    """
    first, *further = layers
    return _format(path)(path, first, further=further, beside=beside)


def companions(path: Path, further: Sequence[str] = ()) -> tuple[Path, ...]:
    """Name the further files that writing `path` makes, where its format holds only one layer.

    Args:
        path: of the output.
        further: names of layers beside the first; `scene` is always one.

    Raises:
        UsageError: the suffix names no format.
    """
    return _format(path).companions(path, further)


def open_raster(
    classes_path: Path | None,
    scores_path: Path | None,
    *,
    grid: Grid,
    classes: Sequence[ClassSpec],
    beside: OutputFiles,
    threads: int | None = None,
) -> RasterSink:
    """Open the class raster, the score raster, or both; always COGs.

    Args:
        classes_path: None: not wanted.
        scores_path: None: not wanted.
        grid: of the strips.
        classes: for the colour table and labels.
        beside: open; has the paths among its targets.
        threads: for compression; None: all.
    """
    return ClassRasterSink(
        classes_path, scores_path, grid=grid, classes=classes, beside=beside, threads=threads
    )


def _format(path: Path) -> type[StagedSink]:
    sink = FORMATS.get(path.suffix.lower())
    if sink is None:
        raise UsageError(f"{path}: unknown format {path.suffix!r}; use one of {', '.join(FORMATS)}")
    return sink
