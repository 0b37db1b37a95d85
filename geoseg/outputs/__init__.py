"""Outputs: one file a format; written to temporary names and renamed together when all are complete.

A format is a subclass of `StagedSink` in a module of this folder. Formats are imported when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from geoseg.errors import UsageError
from geoseg.files.output_files import OutputFiles, check_writable, write_report, write_texts
from geoseg.grid import Grid
from geoseg.outputs.layer import Kind, Layer
from geoseg.outputs.sink import StagedSink
from geoseg.spec import ClassSpec

if TYPE_CHECKING:
    from geoseg.outputs.cog import ClassRasterSink

__all__ = [
    "Kind",
    "Layer",
    "OutputFiles",
    "StagedSink",
    "check_writable",
    "companions",
    "formats",
    "open_layers",
    "open_raster",
    "write_report",
    "write_texts",
]


@cache
def formats() -> Mapping[str, type[StagedSink]]:
    """Return the vector format of each suffix: all sinks that the modules of this folder define."""
    for module in iter_modules(__path__):
        try:
            import_module(f"{__name__}.{module.name}")
        except ModuleNotFoundError as error:
            # No format, but charts, which need an optional package.
            if (error.name or __name__).startswith("geoseg"):
                raise
    sinks = sorted(StagedSink.__subclasses__(), key=lambda sink: sink.__module__)
    return {suffix: sink for sink in sinks for suffix in sink.suffixes}


def open_layers(path: Path, layers: Sequence[Layer], *, beside: OutputFiles) -> StagedSink:
    """Open a vector output of one or more layers in the format that its suffix names.

    Args:
        path: `.gpkg`, `.fgb`, `.parquet`, `.geojson` or `.json`. Formats with one layer a file write the
            first layer to `path` and the other layers to `companions`.
        layers: at least one; the first is the main layer.
        beside: open; has `path` and its `companions` among its targets.

    Raises:
        UsageError: no format has this suffix.
        RuntimeMissingError: the format needs a package that is not installed.
    """
    first, *further = layers
    return _format(path)(path, first, further=further, beside=beside)


def companions(path: Path, further: Sequence[str] = ()) -> tuple[Path, ...]:
    """Return the additional files that writing `path` makes, if its format holds only one layer.

    Args:
        path: of the output.
        further: names of layers after the first; `scene` is always added.

    Raises:
        UsageError: no format has this suffix.
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
) -> ClassRasterSink:
    """Open the class raster, the score raster, or both; always COGs.

    Args:
        classes_path: None: not requested.
        scores_path: None: not requested.
        grid: of the strips.
        classes: for the colour table and labels.
        beside: open; has the paths among its targets.
        threads: for compression; None: all.
    """
    from geoseg.outputs.cog import ClassRasterSink  # noqa: PLC0415 - only runs with a raster output

    return ClassRasterSink(
        classes_path, scores_path, grid=grid, classes=classes, beside=beside, threads=threads
    )


def _format(path: Path) -> type[StagedSink]:
    """Return the format of a suffix."""
    suffix = path.suffix.lower()
    if suffix == ".shp":
        raise UsageError(
            f"{path}: geoseg does not write shapefiles: they cut names of columns to 10 characters and files "
            "at 2 GB, and hold neither the style nor the record. Use .gpkg; if a program needs a shapefile: "
            f"`ogr2ogr {path.name} {path.stem}.gpkg`"
        )
    sink = _sink(suffix)
    if sink is None:
        raise UsageError(f"{path}: unknown format {path.suffix!r}; use one of {', '.join(formats())}")
    return sink


@cache
def _sink(suffix: str) -> type[StagedSink] | None:
    """Return the format of a suffix; a module named like the suffix is imported first, else all of them."""
    if suffix[1:] in {module.name for module in iter_modules(__path__)}:
        import_module(f"{__name__}{suffix}")
        for sink in StagedSink.__subclasses__():
            if suffix in sink.suffixes:
                return sink
    return formats().get(suffix)
