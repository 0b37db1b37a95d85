"""netCDF files as xarray, rioxarray and openEO write them: variables as bands, stacks, spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import netCDF4
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS as ProjCRS

from tests.products.ground import CRS, EAST, NORTH

Told = Literal["named", "beside", "none"]
"""Whether variables name the variable that holds the CRS, it only stands beside them, or there is none."""


def grid(
    file: netCDF4.Dataset,
    height: int,
    width: int,
    *,
    pixel: float = 10.0,
    crs: str | None = CRS,
    upward: bool = False,
    degrees: bool = False,
) -> tuple[str, str]:
    """Write coordinates, plain as xarray does, and `spatial_ref`; return the names of rows and columns."""
    rows, cols = ("lat", "lon") if degrees else ("y", "x")
    step = 1e-4 if degrees else pixel
    west, north = (15.0, 49.6) if degrees else (EAST, NORTH)
    y = north - step * (np.arange(height) + 0.5)
    for name, values in ((rows, y[::-1] if upward else y), (cols, west + step * (np.arange(width) + 0.5))):
        file.createDimension(name, len(values))
        file.createVariable(name, "f8", (name,))[:] = values
    if degrees:
        file[rows].units, file[cols].units = "degrees_north", "degrees_east"
    if crs is not None:
        file.createVariable("spatial_ref", "i8", ()).crs_wkt = ProjCRS.from_user_input(crs).to_wkt(
            "WKT1_GDAL"
        )
    return rows, cols


def write_variables(
    path: Path,
    bands: Mapping[str, NDArray[Any]],
    *,
    told: Told = "named",
    degrees: bool = False,
    upward: bool = False,
    times: int = 0,
    scale: float | None = None,
    fill: float | None = None,
    group: str = "",
) -> Path:
    """Write one variable a band, (H, W); `times` > 0: of (time, y, x), the last of them the bands given."""
    height, width = next(iter(bands.values())).shape
    with netCDF4.Dataset(path, "w") as root:
        file = root.createGroup(group) if group else root
        rows, cols = grid(
            file, height, width, crs=None if told == "none" else CRS, upward=upward, degrees=degrees
        )
        over: tuple[str, ...] = (rows, cols)
        if times:
            file.createDimension("time", times)
            time = file.createVariable("time", "i8", ("time",))
            time[:], time.units = np.arange(times) * 30, "days since 2023-06-01 10:00:00"
            over = ("time", *over)
        for name, values in bands.items():
            variable = file.createVariable(name, values.dtype, over, fill_value=fill)
            variable.set_auto_maskandscale(False)
            if told == "named":
                variable.grid_mapping = "spatial_ref"
            if scale is not None:
                variable.scale_factor, variable.add_offset = scale, 0.0
            data = values[::-1] if upward else values
            variable[:] = np.stack([data] * times) if times else data
    return path


def write_stack(
    path: Path, stack: NDArray[Any], names: Sequence[str], how: Literal["coordinate", "long_name", "none"]
) -> Path:
    """Write one variable `reflectance` (band, y, x), its bands named by a coordinate or by `long_name`."""
    with netCDF4.Dataset(path, "w") as file:
        rows, cols = grid(file, *stack.shape[1:])
        file.createDimension("band", len(names))
        if how == "coordinate":
            file.createVariable("band", str, ("band",))[:] = np.array(names, object)
        else:
            file.createVariable("band", "i8", ("band",))[:] = np.arange(1, len(names) + 1)
        variable = file.createVariable("reflectance", stack.dtype, ("band", rows, cols))
        variable.grid_mapping = "spatial_ref"
        if how == "long_name":
            variable.setncattr_string("long_name", list(names))
        variable[:] = stack
    return path


def write_spectra(
    path: Path,
    cube: NDArray[Any],
    centres: NDArray[np.float64],
    *,
    last: bool = False,
    units: str = "nm",
    name: str = "reflectance",
    widths: NDArray[np.float64] | None = None,
) -> Path:
    """Write a cube (B, H, W) as one variable of (wavelength, y, x), or of (y, x, wavelength)."""
    with netCDF4.Dataset(path, "w") as file:
        rows, cols = grid(file, *cube.shape[1:])
        file.createDimension("wavelength", len(centres))
        wavelength = file.createVariable("wavelength", "f8", ("wavelength",))
        wavelength[:], wavelength.units = centres, units
        if widths is not None:
            file.createVariable("fwhm", "f8", ("wavelength",))[:] = widths
        over = (rows, cols, "wavelength") if last else ("wavelength", rows, cols)
        variable = file.createVariable(name, cube.dtype, over)
        variable.grid_mapping = "spatial_ref"
        variable[:] = np.moveaxis(cube, 0, -1) if last else cube
    return path
