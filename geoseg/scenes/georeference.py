"""The georeference of a raster: its grid, or why it has none and how to add it.

GDAL returns the identity for a file without a geotransform. A CRS does not help then: the pixels would lie at
the origin of the CRS, one unit wide.
"""

from __future__ import annotations

import math
import shlex
import warnings
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import SceneError
from geoseg.grid import Grid

CORNERS = "gdal_translate -a_ullr ULX ULY LRX LRY"
"""Command that sets the corners of a raster; unlike gdal_edit.py it works on every format."""

ASSIGN = "assign one with `gdal_edit.py -a_srs`"

HALF = 0.5
"""Pixels between the coordinates of centres and of corners."""

MANY_GCPS = 10
"""Number of ground control points from which a thin plate spline is better than one plane."""


MOST_EXTENT = 1e9
"""Units of a projected CRS that a side may have: the circumference of the Earth is 4e7 m or 1.3e8 feet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Georeference:
    """The grid of a raster, and why it has no CRS."""

    grid: Grid
    """Without a CRS where the raster is not georeferenced."""
    lack: str = ""
    """Why the raster is not georeferenced, as the object of "the file has"; empty: it is georeferenced."""
    remedy: str = ""
    """How to georeference it."""


def georeference(dataset: rasterio.DatasetReader, path: str) -> Georeference:
    """Return the georeference of an open raster.

    Args:
        dataset: the raster.
        path: as the user named it, for messages.

    Raises:
        SceneError: the geotransform has pixels of no size or is not finite, or the CRS is not known.
    """
    crs = ground_crs(dataset.crs)
    grid = Grid(crs=crs, transform=transform_of(dataset), height=dataset.height, width=dataset.width)
    _check(dataset, grid, path)
    lack = remedy = ""
    if _is_identity(grid):
        lack, remedy = _without_transform(dataset, crs, path)
    elif crs is None:
        lack, remedy = "no CRS", ASSIGN
        if dataset.gcps[0]:
            lack, remedy = "ground control points but no CRS", _warp(dataset, path)
    else:
        lack = _mixed_units(grid, crs)
        remedy = "assign the correct CRS with `gdal_edit.py -a_srs`" if lack else ""
    if not lack:
        _check_place(grid, path)
    return Georeference(grid=replace(grid, crs=None) if lack else grid, lack=lack, remedy=remedy)


def transform_of(dataset: rasterio.DatasetReader) -> Affine:
    """Return the geotransform of an open raster; the identity where it has none.

    Some drivers, such as that of PNM, then leave the numbers as they were in memory, and rasterio warns.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        numbers = dataset.read_transform()
    absent = any(issubclass(item.category, NotGeoreferencedWarning) for item in told)
    return Affine.identity() if absent else Affine.from_gdal(*numbers)


def ground_crs(found: object) -> CRS | None:
    """Return a CRS; None for none, and for engineering CRSs, which have no position on the ground.

    Raises:
        SceneError: the CRS is not known.
    """
    wkt = found.to_wkt() if isinstance(found, rasterio.crs.CRS) else ""
    if not wkt:
        return None
    try:
        crs = CRS.from_wkt(wkt)
    except CRSError as error:
        raise SceneError(f"the CRS {wkt[:60]}... is not known: {error}; {ASSIGN}") from error
    return None if crs.is_engineering else crs


def _check(dataset: rasterio.DatasetReader, grid: Grid, path: str) -> None:
    """Raise `SceneError` for a geotransform that is not finite or has pixels of no size."""
    a, b, _, d, e, _ = numbers = grid.transform[:6]
    size = a * e - b * d
    text = ", ".join(f"{value:g}" for value in grid.transform.to_gdal())
    if not (np.isfinite(numbers).all() and math.isfinite(size)):
        raise SceneError(f"{path}: its geotransform ({text}) is not finite; set it with `{CORNERS}`")
    if size == 0:
        raise SceneError(f"{path}: its geotransform ({text}) has pixels of no size; set it with `{CORNERS}`")
    # GDAL ignores a pixel scale of 0 and keeps the tie point.
    if grid.transform == Affine.identity() and len(dataset.gcps[0]) == 1:
        raise SceneError(f"{path}: has a tie point but no pixel size; set its geotransform with `{CORNERS}`")


def _check_place(grid: Grid, path: str) -> None:
    """Raise `SceneError` for a grid whose pixels are not on the Earth, or that is larger than it."""
    a, b, _, d, e, _ = grid.transform[:6]
    if grid.crs is None:
        return
    name = grid.crs.to_string() if grid.crs.to_authority() is not None else grid.crs.name
    size = grid.pixel_size_m
    if not all(math.isfinite(side) and side > 0 for side in size):
        raise SceneError(
            f"{path}: its pixels do not lie in the area of {name}; set its CRS, or its corners: `{CORNERS}`"
        )
    extent = max(math.hypot(a, d) * grid.width, math.hypot(b, e) * grid.height)
    if grid.crs.is_projected and extent > MOST_EXTENT:
        raise SceneError(f"{path}: a side of {extent:.3g} m is longer than the Earth; check its geotransform")


def _is_identity(grid: Grid) -> bool:
    """Return whether coordinates are those of pixels.

    Without a geotransform, GDAL returns rows downwards from 0. ENVI (`map info` 1, 1, 0, 0, 1, 1) and others
    write rows upwards, from 0 or from their number; with a CRS in degrees, or one that was made for a site,
    such a grid may be real.
    """
    a, b, c, d, e, f = grid.transform[:6]
    if (a, b, d) != (1, 0, 0) or abs(e) != 1 or abs(c) > HALF:
        return False
    if e == 1:
        return bool(abs(f) <= HALF)
    if min(abs(f), abs(f - grid.height)) > HALF or grid.crs is None:
        return False
    return not _in_degrees(grid) if grid.crs.is_geographic else grid.crs.to_authority() is not None


def _without_transform(dataset: rasterio.DatasetReader, crs: CRS | None, path: str) -> tuple[str, str]:
    """Return what a raster has instead of a geotransform, and how to georeference it."""
    file = f"{shlex.quote(path)} OUT.tif"
    points = len(dataset.gcps[0])
    # With RPCs, a few points are only the corners.
    if points and (points >= MANY_GCPS or dataset.rpcs is None):
        known = "" if dataset.gcps[1] else " and no CRS"
        return f"ground control points but no geotransform{known}", _warp(dataset, path)
    if dataset.rpcs is not None:
        return (
            "rational polynomial coefficients (RPCs) but no geotransform",
            f"orthorectify it first: `gdalwarp -rpc -to RPC_DEM=DEM.tif {file}`",
        )
    if dataset.tags(ns="GEOLOCATION"):
        return "geolocation arrays (a swath) but no geotransform", f"warp it first: `gdalwarp -geoloc {file}`"
    if crs is not None:
        return "a CRS but no geotransform", f"set its corners: `{CORNERS} {file}`"
    return "no CRS", f"georeference it: `{CORNERS} -a_srs EPSG:CODE {file}`"


def _warp(dataset: rasterio.DatasetReader, path: str) -> str:
    """Return the command that warps a raster by its ground control points."""
    points, crs = dataset.gcps
    fit = "-tps" if len(points) >= MANY_GCPS else "-order 1"
    source = "" if crs else " -s_srs EPSG:CODE"
    return f"warp it first: `gdalwarp {fit}{source} {shlex.quote(path)} OUT.tif`"


def _mixed_units(grid: Grid, crs: CRS) -> str:
    """Return why coordinates are not in the units of the CRS; empty: they are."""
    name = crs.to_string() if crs.to_authority() is not None else crs.name
    if crs.is_geographic and not _in_degrees(grid):
        return f"the CRS {name}, which is in degrees, and coordinates that are not degrees"
    pixel = math.sqrt(abs(grid.transform.determinant))
    # A CRS without an authority code may be made for a site, and have its origin there.
    if crs.is_projected and crs.to_authority() is not None and pixel < 1 and _in_degrees(grid):
        return f"the CRS {name}, which is in metres, and coordinates that look like degrees"
    return ""


def _in_degrees(grid: Grid) -> bool:
    """Return whether all corners can be longitudes (to 360) and latitudes, within one pixel."""
    a, b, c, d, e, f = grid.transform[:6]
    ends = [(col, row) for col in (0, grid.width) for row in (0, grid.height)]
    spare = max(map(abs, (a, b, d, e)))
    return all(
        -180 - spare <= a * col + b * row + c <= 360 + spare and abs(d * col + e * row + f) <= 90 + spare
        for col, row in ends
    )
