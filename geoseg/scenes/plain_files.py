"""Describe files that are no scene: rasters whose bands have no names, and vector files.

What a file states is described and nothing is assumed: bands have numbers, and units are known only where the
file states them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import rasterio
from pydantic import JsonValue
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.bounded import check_regular
from geoseg.files.doors import opening
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.file_kinds import is_vector_kind
from geoseg.scenes.georeference import georeference, transform_of
from geoseg.scenes.legend import Legend, read_legend
from geoseg.scenes.paths import gdal_path, is_local, looks_like_raster
from geoseg.scenes.raster import base_name
from geoseg.scenes.stac_documents import holds_items
from geoseg.scenes.vector_files import crs_of, reading_vector

FileFacts = dict[str, JsonValue]
"""Facts of a raster (`bands`, `grid` …) or of a vector file (`layers`)."""

MOST_FILES = 50
"""Files of a folder that are described."""

_LEGEND_TYPES = frozenset({"uint8", "int8", "uint16", "int16"})
"""Types of bands whose values can be codes of classes."""


def describe_files(paths: Sequence[str], error: SceneError) -> list[FileFacts]:
    """Describe the rasters and vector files that paths name, without naming bands.

    Args:
        paths: as given by the user: files, or folders of files.
        error: why they are no scene. Of files that cannot be read as rasters, only vector files and files
            of subdatasets are described: a damaged raster stays an error.

    Returns:
        One mapping a file; empty if there is nothing that could be described.

    Raises:
        SceneReadError: a path is a pipe, a device or a socket.
    """
    unread = isinstance(error, SceneReadError)
    found: list[FileFacts] = []
    for path in map(gdal_path, paths):
        if is_local(path):
            check_regular(path)
        files = _files_in(Path(path)) if is_local(path) and Path(path).is_dir() else [path]
        for file in files:
            facts = _described(file, unread=unread)
            if facts is None and len(files) == 1:
                return []
            found += [facts] if facts is not None else []
    return found


def _files_in(folder: Path) -> list[str]:
    """Return the rasters of a folder, else its vector files; the folder itself where it is a dataset."""
    names = sorted(item.name for item in folder.iterdir() if item.is_file() and item.name[0] not in "._")
    siblings = frozenset(name.lower() for name in names)
    rasters = [name for name in names if looks_like_raster(name, siblings)]
    vectors = [name for name in names if name.lower().endswith((".gpkg", ".shp", ".geojson", ".fgb", ".kml"))]
    inside = [str(folder / name) for name in (rasters or vectors)[:MOST_FILES]]
    return inside or [str(folder)]


def _described(path: str, *, unread: bool) -> FileFacts | None:
    """Return the facts of a file; None where it is neither a raster nor a vector file."""
    try:
        facts = _raster(path)
    except (SceneError, RasterioError):
        facts = None
    if facts is not None and (not unread or not facts["bands"]):
        return facts
    if not is_local(path) or not is_vector_kind(path):
        return None
    try:
        return None if holds_items(path) else _vector(path)
    except SceneError:
        return None


def _raster(path: str) -> FileFacts | None:
    """Return the facts of a raster; None where it has neither bands nor subdatasets."""
    with opening(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with open_dataset(path) as file:
            if not file.count and not file.subdatasets:
                return None
            legend = _legend(path) if file.count and file.dtypes[0] in _LEGEND_TYPES else Legend()
            return {
                "name": base_name(path),
                "paths": [path],
                "format": str(file.driver),
                "sensor": None,
                "platform": None,
                "time": None,
                "grid": _grid(file, path) if file.count else None,
                "bands": _bands(file, path),
                "colours": {str(value): colour for value, colour in legend.colours.items()},
                "classes": {str(value): name for value, name in legend.names.items()},
                "subdatasets": _subdatasets(file),
            }


def _subdatasets(file: rasterio.DatasetReader) -> FileFacts:
    """Return the names of the parts of a file, each with GDAL's description: its shape, name and type."""
    tags = file.tags(ns="SUBDATASETS")
    # rasterio makes the list anew for each use of the attribute.
    return {
        tags.get(f"SUBDATASET_{number}_NAME", name): tags.get(f"SUBDATASET_{number}_DESC", "")
        for number, name in enumerate(file.subdatasets, start=1)
    }


def _legend(path: str) -> Legend:
    """Return the legend of a raster; empty where it cannot be read."""
    try:
        return read_legend(path)
    except SceneError:
        return Legend()


def _grid(file: rasterio.DatasetReader, path: str) -> FileFacts:
    """Return size, CRS, geotransform and pixel size in metres of an open raster."""
    facts: FileFacts = {
        "crs": file.crs.to_string() if file.crs else None,
        "transform": [_number(value) for value in transform_of(file)[:6]],
        "height": file.height,
        "width": file.width,
    }
    try:
        reference = georeference(file, path)
    except SceneError as error:
        return {**facts, "pixel_size_m": None, "lack": str(error)}
    size: JsonValue = None if reference.grid.crs is None else [*map(float, reference.grid.pixel_size_m)]
    return {**facts, "pixel_size_m": size, "lack": reference.lack or None}


def _bands(file: rasterio.DatasetReader, path: str) -> list[JsonValue]:
    """Return what an open raster states of its bands."""
    # rasterio makes each of these lists anew for each use of the attribute.
    stated = zip(
        file.dtypes, file.units, file.scales, file.offsets, file.nodatavals, file.descriptions,
        file.colorinterp, strict=True,
    )  # fmt: skip
    bands: list[JsonValue] = []
    for index, (dtype, units, scale, offset, nodata, description, colour) in enumerate(stated, start=1):
        tags = {key.lower(): text for key, text in file.tags(index).items()}
        unit = (units or tags.get("units") or tags.get("unit") or "").strip()
        bands.append(
            {
                "name": str(index),
                "source": f"{base_name(path)}:{index}",
                "dtype": str(dtype),
                "units": unit or None,
                "scale": float(scale),
                "offset": float(offset),
                "nodata": None if nodata is None else _number(nodata),
                "description": description or None,
                "colour": None if colour in {ColorInterp.undefined, ColorInterp.gray} else colour.name,
            }
        )
    return bands


def _number(value: float) -> float | str:
    """Return a number, as text where JSON has none: NaN and infinities."""
    return float(value) if math.isfinite(value) else str(value)


def _vector(path: str) -> FileFacts | None:
    """Return the layers of a vector file; None where it has none.

    Raises:
        SceneReadError: it cannot be read.
    """
    import pyogrio  # noqa: PLC0415 - vector files only

    with opening(path), reading_vector(path) as file:
        layers: list[JsonValue] = []
        for name, geometry in pyogrio.list_layers(file):
            info = pyogrio.read_info(file, layer=name, force_feature_count=True, force_total_bounds=True)
            crs = crs_of(Path(path), info["crs"]) if info["crs"] else None
            bounds = info["total_bounds"]
            layers.append(
                {
                    "name": str(name),
                    "geometry": None if geometry is None else str(geometry),
                    "features": int(info["features"]),
                    "crs": crs.to_string() if crs else None,
                    "bounds": None
                    if bounds is None or not all(map(math.isfinite, bounds))
                    else [*map(float, bounds)],
                    "columns": {
                        str(column): "text" if dtype == "object" else str(dtype)
                        for column, dtype in zip(info["fields"], info["dtypes"], strict=True)
                    },
                }
            )
        driver = str(info["driver"]) if layers else ""
    return {"name": base_name(path), "paths": [path], "format": driver, "layers": layers} if layers else None
