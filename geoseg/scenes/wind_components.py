"""Find the two components of wind at 10 m in a file: netCDF variables, GRIB messages or bands."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import SceneError
from geoseg.scenes.cube_time import Slice, slices_of
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.grib import messages, points_along_grid, winds_at_ten_metres
from geoseg.scenes.raster import opened_dataset

_VARIABLES = tuple(
    re.compile(rf"(?i){letter}_?10m?|10m?_?{letter}(_component_of_wind)?|{letter}grd_?10m(aboveground)?")
    for letter in "uv"
)
"""netCDF variables: u10 (ERA5), U10M (GEOS-FP, MERRA-2), 10m_u_component_of_wind, UGRD_10maboveground."""

_DESCRIBED = tuple(rf"(?i:{letter}(_?10)?m?|10m?_?{letter}|10 ?m(etre)? {letter}\b.*)$" for letter in "uv")
"""Descriptions of the bands of other rasters."""

_SPEEDS = {
    "": 1.0,
    "m/s": 1.0,
    "ms-1": 1.0,
    "ms^-1": 1.0,
    "ms**-1": 1.0,
    "m.s-1": 1.0,
    "meters/second": 1.0,
    "metersecond-1": 1.0,
    "kt": 0.514444,
    "kts": 0.514444,
    "knot": 0.514444,
    "knots": 0.514444,
    "km/h": 1 / 3.6,
    "kmh-1": 1 / 3.6,
}
"""m/s by unit, without spaces and brackets."""


_GRID_NAMES = {"x_wind", "y_wind", "grid_eastward_wind", "grid_northward_wind"}
"""CF standard names of components along the grid."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """The eastward or northward component of wind."""

    file: rasterio.DatasetReader
    slices: Sequence[Slice]
    degrees: bool
    """Whether a file without CRS is in degrees of longitude and latitude."""
    gain: float = 1.0
    """m/s in one stored unit."""
    along_grid: bool = False
    """Whether the component is along the columns or rows of a projected grid."""


def open_raster(path: str) -> rasterio.DatasetReader:
    """Open a file or variable without GDAL's warnings about its grid, which is checked later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        file = open_dataset(path)
    opened_dataset(file)
    return file


def components(path: str, name: str, stack: ExitStack) -> list[Component]:
    """Open a file and find the eastward and northward wind; `stack` closes the files.

    Args:
        path: of a file, not an archive.
        name: of the file, for errors.
        stack: owns the open files.

    Raises:
        RasterioError: the file cannot be read.
        SceneError: it has no such components, or they cannot be distinguished.
    """
    file = stack.enter_context(open_raster(path))
    if file.driver in {"netCDF", "HDF5"}:
        parts = [(part, slices_of(part, name)) for part in _variables(file, path, name, stack)]
    elif found := messages(file):
        parts = [(file, slices) for slices in winds_at_ten_metres(found, name)]
    else:
        return _two_bands(file, name)
    common = {item.time for item in parts[0][1]} & {item.time for item in parts[1][1]}
    if not common:
        raise SceneError(f"{name} has no time with both U and V; give a file with both")
    return [
        _component(part, path, [item for item in slices if item.time in common], name)
        for part, slices in parts
    ]


def _component(file: rasterio.DatasetReader, path: str, slices: Sequence[Slice], name: str) -> Component:
    """Return a component with its unit and direction."""
    band = slices[0].band
    return Component(
        file=file,
        slices=slices,
        degrees=True,
        gain=_gain(file, band, name),
        along_grid=_along_grid(file, path, band, name),
    )


def _gain(file: rasterio.DatasetReader, band: int, name: str) -> float:
    """Return the m/s in the unit of a band; 1 where it has none."""
    tags = file.tags(band)
    unit = tags.get("units") or tags.get("GRIB_UNIT") or file.units[band - 1] or ""
    gain = _SPEEDS.get(re.sub(r"[\s\[\]]", "", unit).lower())
    if gain is None:
        raise SceneError(
            f"{name}: the unit {unit!r} of wind is not known; give wind in m/s, or the speed with `--wind`"
        )
    return gain


def _along_grid(file: rasterio.DatasetReader, path: str, band: int, name: str) -> bool:
    """Return whether a component is along a projected grid; in other grids it is eastward or northward.

    Raises:
        SceneError: the file is a copy of GRIB, which does not state it.
    """
    if file.crs is None or not file.crs.is_projected:
        return False
    tags = file.tags(band)
    if file.driver == "GRIB":
        return points_along_grid(path)
    if "GRIB_ELEMENT" in tags:
        raise SceneError(
            f"{name} is a copy of GRIB that does not state whether its wind is along its grid; give the "
            "GRIB file itself, or the speed with `--wind`"
        )
    return tags.get("standard_name", "") in _GRID_NAMES


def _variables(
    file: rasterio.DatasetReader, path: str, name: str, stack: ExitStack
) -> list[rasterio.DatasetReader]:
    """Open the two variables of a netCDF file."""
    inner = [text.rpartition(":")[2].strip("/") for text in file.subdatasets]
    inner = inner or [file.tags(1).get("NETCDF_VARNAME", "")]
    matches = [[item for item in inner if pattern.fullmatch(item)] for pattern in _VARIABLES]
    for letter, variables in zip("uv", matches, strict=True):
        if len(variables) != 1:
            what = f"several variables ({', '.join(variables)})" if variables else f"no variable {letter}10"
            raise SceneError(
                f"{name} has {what}; it has {', '.join(inner)[:120] or 'none'}. Give u10 and v10 of ERA5 "
                "(single levels) or U10M and V10M of GEOS-FP, or the speed with `--wind`"
            )
    return [stack.enter_context(open_raster(f'NETCDF:"{path}":{variables[0]}')) for variables in matches]


def _described(file: rasterio.DatasetReader) -> str:
    """Return the descriptions of the bands of a file, for messages."""
    texts = [text for text in file.descriptions if text]
    return f" described as {', '.join(texts[:6])}" if texts else ""


def _two_bands(file: rasterio.DatasetReader, name: str) -> list[Component]:
    """Return both components of a raster of one time."""
    matches = [
        [band for band, text in enumerate(file.descriptions, start=1) if re.match(pattern, text or "")]
        for pattern in _DESCRIBED
    ]
    if not any(matches) and file.count == 2 and not any(file.descriptions):
        matches = [[1], [2]]
    if [len(bands) for bands in matches] != [1, 1]:
        raise SceneError(
            f"{name} has {file.count} band(s){_described(file)}; expected one described as U10 and one as "
            "V10. Set the descriptions, give GRIB or netCDF with u10 and v10, or give the speed with `--wind`"
        )
    return [
        Component(
            file=file,
            slices=[Slice(band=band, time=None)],
            degrees=False,
            gain=_gain(file, band, name),
        )
        for (band,) in matches
    ]
