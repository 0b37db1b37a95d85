"""Arrays of netCDF, HDF5 and Zarr files as rasters: dimensions, and corrections of what GDAL misreads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from geoseg.errors import SceneError, SceneReadError
from geoseg.grid import Grid
from geoseg.scenes.array_crs import stored_crs
from geoseg.scenes.axis_order import Reordered
from geoseg.scenes.georeference import ground_crs
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.subdatasets import spelled, subdataset_of
from geoseg.scenes.zarr_v3 import ZarrV3, is_zarr_v3

_LINES = {
    "y": "x",
    "yc": "xc",
    "lat": "lon",
    "latitude": "longitude",
    "northing": "easting",
    "row": "col",
    "rows": "cols",
    "line": "sample",
    "lines": "samples",
    "downtrack": "crosstrack",
}
"""Names of the dimension of columns by the name of the dimension of rows."""

WAVELENGTHS = ("wavelength", "wavelengths", "wavelen", "wvl", "wl", "spectral")
"""Names of a list of wavelengths."""

_SPECTRAL = (*WAVELENGTHS, "band", "bands")
"""Names of the dimension of bands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A dimension of an array other than rows and columns."""

    name: str
    units: str = ""
    values: tuple[str, ...]
    """Value of each band."""


def open_array_raster(path: str) -> Raster:
    """Open an array of two or three dimensions.

    Raises:
        SceneReadError: the array is missing or damaged, or has other dimensions.
        SceneError: it holds complex values.
    """
    return _placed(_opened(path), path)


def _opened(path: str) -> Raster:
    """Open an array without correcting its grid."""
    # Coordinates named x and y place the pixels, whatever their attributes are.
    with rasterio.Env(GDAL_NETCDF_IGNORE_XY_AXIS_NAME_CHECKS="YES"):
        try:
            raster = Raster(path)
        except SceneReadError:
            if is_zarr_v3(path):
                return ZarrV3(path)
            raise
        found = dimensions(raster)
        rows = next((item for item in found if item.name in _LINES and len(item.values) > 1), None)
        if rows is not None:
            raster.close()
            return BandLast(path, rows)
    return raster


def _placed(raster: Raster, path: str) -> Raster:
    """Set the grid of an array from its coordinates, and the CRS from the file's attributes."""
    grid = raster.grid
    if grid.transform == Affine.identity():
        for down, right in _LINES.items():
            y, x = series(path, down), series(path, right)
            transform = _transform(x, y) if (len(y), len(x)) == (grid.height, grid.width) else None
            if transform is not None:
                grid = replace(grid, transform=transform)
                break
    if grid.crs is None and grid.transform != Affine.identity():
        crs = stored_crs(path)
        if crs is None and _in_degrees(raster, grid):
            crs = CRS.from_epsg(4326), "its latitude and longitude are in degrees"
        if crs is not None:
            grid = replace(grid, crs=crs[0])
            part = subdataset_of(path)
            file = base_name(part.file if part else path)
            raster.notes = (f"{file}: its arrays name no CRS; {crs[0].to_string()} is used ({crs[1]})",)
    raster.grid = grid
    return raster


class BandLast(Reordered):
    """An array of (rows, columns, bands), which GDAL reads as one band for each row."""

    def __init__(self, path: str, rows: Dimension) -> None:
        """Open an array.

        Args:
            path: as GDAL opens it.
            rows: the dimension of its rows.

        Raises:
            SceneReadError: the array cannot be read.
        """
        # GDAL would take the second dimension as rows from the south, and flip it.
        with rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"):
            super().__init__(path, ("row", "col", "band"))
        y, x = _numbers(rows.values), series(path, _LINES[rows.name])
        transform = _transform(x, y) if len(x) == self.grid.width else None
        if transform is not None:
            crs = ground_crs(self._dataset.crs)
            self.grid = Grid(crs=crs, transform=transform, height=self.grid.height, width=self.grid.width)
        known = ((name, series(path, name)) for name in _SPECTRAL)
        name, values = next(((name, values) for name, values in known if len(values) == self.count), ("", ()))
        units = Raster.tags(self).get(f"{name}#units", "")
        self.bands = Dimension(name=name, units=units, values=tuple(map(repr, values)))


def dimensions(raster: Raster) -> list[Dimension]:
    """Return the dimensions of an array other than rows and columns, in the order of the file."""
    if isinstance(raster, BandLast):
        return [raster.bands]
    file_tags, bands = raster.tags(), [raster.tags(index) for index in range(1, raster.count + 1)]
    result = []
    for key in bands[0]:
        name = key.removeprefix("netcdf_dim_")
        if name != key:
            listed = _listed(file_tags, key) if not bands[0][key] else [band.get(key, "") for band in bands]
            result.append(
                Dimension(name=name, units=file_tags.get(f"{name}#units", ""), values=tuple(listed))
            )
        elif key.startswith("dim_") and key.endswith("_index"):
            name = key.removeprefix("dim_").removesuffix("_index")
            values = tuple(band.get(f"dim_{name}_value", band[key]) for band in bands)
            result.append(Dimension(name=name, units=bands[0].get(f"dim_{name}_unit", ""), values=values))
    return result


def series(path: str, name: str) -> Sequence[float]:
    """Return the numbers of a list in the group of an array; empty where there is none."""
    part = subdataset_of(path)
    driver, file, variable = (part.driver, part.file, part.variable) if part else (_driver(path), path, "")
    group = variable.rpartition("/")[0]
    sibling = spelled(driver, file, f"{group}/{name}" if group else name)
    try:
        with ZarrV3(sibling) if is_zarr_v3(sibling) else Raster(sibling) as raster:
            if raster.count > 1 or min(raster.grid.height, raster.grid.width) > 1:
                return ()
            return [float(value) for value in raster.read(raster.grid.window, [1]).ravel()]
    except (SceneReadError, SceneError):
        return ()


def _driver(path: str) -> str:
    """Return the driver of a file, by its suffix."""
    lower = path.lower()
    return (
        "zarr"
        if lower.endswith(".zarr")
        else "hdf5"
        if lower.endswith((".h5", ".hdf5", ".he5"))
        else "netcdf"
    )


def _listed(tags: Mapping[str, str], key: str) -> list[str]:
    """Return the values of a dimension of text, which GDAL lists only in the tags of the file."""
    return [item.strip() for item in tags.get(f"{key}_values", "").strip("{} ").split(",") if item.strip()]


def _numbers(texts: Sequence[str]) -> list[float]:
    """Return the numbers of texts; empty if a text is not a number."""
    try:
        return [float(text) for text in texts]
    except ValueError:
        return []


def _transform(x: Sequence[float], y: Sequence[float]) -> Affine | None:
    """Return the transform of a grid from the centres of columns and rows; None where they are uneven."""
    if min(len(x), len(y)) < 2:
        return None
    steps = [float(np.mean(np.diff(values))) for values in (x, y)]
    even = all(
        step != 0 and bool(np.all(np.abs(np.diff(values) - step) <= 0.01 * abs(step)))
        for step, values in zip(steps, (x, y), strict=True)
    )
    return Affine(steps[0], 0, x[0] - steps[0] / 2, 0, steps[1], y[0] - steps[1] / 2) if even else None


def _in_degrees(raster: Raster, grid: Grid) -> bool:
    """Return whether a grid without CRS is in longitude and latitude, by the units of coordinates."""
    # The coordinates of a Zarr array have no tags.
    degrees = any(
        key.endswith("#units") and value.startswith("degrees_n") for key, value in Raster.tags(raster).items()
    ) or any(len(series(raster.path, name)) == grid.height for name in ("lat", "latitude"))
    north, west = grid.transform.f, grid.transform.c
    south = north + grid.transform.e * grid.height
    return degrees and max(abs(north), abs(south)) <= 91 and abs(west) <= 361
