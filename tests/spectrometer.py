"""Simulated cubes of an imaging spectrometer, with a plume, in the formats that people have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.methods.gas_absorption import methane
from geoseg.methods.unit_absorption import unit_absorption
from tests.products.ground import Ground

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

WINDOW = np.arange(2122, 2488, 7.5)
CENTRES = np.concatenate([[460, 490, 560, 660, 835, 865, 1250, 1610, 1700, 2100], WINDOW])
"""nm; the last 49 bands see methane."""
WIDTHS = np.full(len(CENTRES), 8.5)
PPM_M = 2000.0

EAST, NORTH, STEP = 54.0, 39.5, 0.0005
"""Of the map grid of granules, in degrees; about 50 m."""
TURN = math.radians(25)
"""By which the frame of a granule is turned on the map."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cube:
    """Radiance of varied ground."""

    data: Floats
    """(rows, cols, B), in any unit."""
    plume: Mask
    """(rows, cols)"""


def simulate(
    rows: int,
    cols: int,
    plume: Mask | None = None,
    seed: int = 0,
    *,
    centres: NDArray[np.float64] = CENTRES,
    widths: NDArray[np.float64] = WIDTHS,
) -> Cube:
    """Make ground as of the golden values: albedo sd 15 %, three modes of 1 %, noise 0.3 %."""
    rng = np.random.default_rng(seed)
    plume = np.zeros((rows, cols), bool) if plume is None else plume
    spectrum = 50 * np.exp(-1.5 * np.linspace(0, 1, len(centres)))
    albedo = np.maximum(rng.normal(1, 0.15, (rows, cols, 1)), 0.3)
    modes = rng.normal(size=(3, len(centres)))
    data = albedo * spectrum * (1 + 0.01 * rng.normal(size=(rows, cols, 3)) @ modes)
    data *= 1 + 0.003 * rng.normal(size=data.shape)
    sees = (centres >= WINDOW[0]) & (centres <= WINDOW[-1])
    darker = np.ones(len(centres))
    darker[sees] = np.exp(unit_absorption(methane(), centres[sees], widths[sees]) * PPM_M / 1e5)
    data[plume] *= darker
    return Cube(data=data.astype(np.float32), plume=plume)


def disc(rows: int, cols: int, row: float, col: float, radius: float) -> Mask:
    """A plume seen from above: True inside."""
    at_row, at_col = np.mgrid[0:rows, 0:cols]
    return np.asarray(np.hypot(at_row - row, at_col - col) < radius)


def share_of(rows: int, cols: int, share: float) -> Mask:
    """The first pixels, row by row, that make a share of the image."""
    return np.asarray((np.arange(rows * cols) < share * rows * cols).reshape(rows, cols))


def write_envi(
    path: Path, cube: Cube, *, interleave: str = "bil", fwhm: bool = True, extra: str = ""
) -> Path:
    """Write a cube without map information, as the detector sees it."""
    order = {"bil": (0, 2, 1), "bip": (0, 1, 2), "bsq": (2, 0, 1)}[interleave]
    np.ascontiguousarray(cube.data.transpose(order)).astype("<f4").tofile(path)
    rows, cols, bands = cube.data.shape
    lines = [
        "ENVI", f"samples = {cols}", f"lines = {rows}", f"bands = {bands}", "header offset = 0",
        "data type = 4", f"interleave = {interleave}", "byte order = 0", "data ignore value = -9999",
        "wavelength units = Nanometers", f"wavelength = {{{', '.join(f'{nm:g}' for nm in CENTRES)}}}",
        "data units = {uW/cm^2/SR/nm}",
    ]  # fmt: skip
    if fwhm:
        lines.append(f"fwhm = {{{', '.join(f'{nm:g}' for nm in WIDTHS)}}}")
    path.with_suffix(".hdr").write_text("\n".join([*lines, *extra.splitlines()]) + "\n")
    return path


def write_tiff(path: Path, cube: Cube, *, units: str = "W m-2 sr-1 um-1", dtype: str = "float32") -> Path:
    """Write a cube on a map (UTM, 30 m), bands tagged with wavelength and width."""
    rows, cols, bands = cube.data.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=cols, height=rows, count=bands, dtype=dtype, crs="EPSG:32640",
        transform=Affine(30, 0, 300000, 0, -30, 4400000), tiled=True, blockxsize=64, blockysize=32,
        interleave="pixel",
    ) as file:  # fmt: skip
        file.write(np.moveaxis(cube.data, -1, 0).astype(dtype))
        file.update_tags(units=units)
        for index, (centre, width) in enumerate(zip(CENTRES, WIDTHS, strict=True), start=1):
            file.update_tags(index, wavelength=f"{centre:g}", fwhm=f"{width:g}", wavelength_units="nm")
    return path


def to_ground(row: float, col: float, cube: Cube) -> tuple[float, float]:
    """Longitude and latitude of a place of a granule's frame, (row, col) of pixel centres plus 0.5."""
    down, right = row - cube.data.shape[0] / 2, col - cube.data.shape[1] / 2
    x = math.cos(TURN) * right - math.sin(TURN) * down
    y = math.sin(TURN) * right + math.cos(TURN) * down
    half = _side(cube) / 2
    return EAST + (half + x) * STEP, NORTH - (half + y) * STEP


def _side(cube: Cube) -> int:
    """Pixels a side of the map grid."""
    return math.ceil(math.hypot(*cube.data.shape[:2])) + 4


def lookup_table(cube: Cube) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Column and row of the frame's nearest pixel for each pixel of the map grid, from 1; 0: none."""
    rows, cols = cube.data.shape[:2]
    side = _side(cube)
    y, x = np.mgrid[0:side, 0:side] + 0.5 - side / 2
    col = np.floor(math.cos(TURN) * x + math.sin(TURN) * y + cols / 2).astype(int)
    row = np.floor(-math.sin(TURN) * x + math.cos(TURN) * y + rows / 2).astype(int)
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    return (np.where(inside, col + 1, 0).astype(np.int32), np.where(inside, row + 1, 0).astype(np.int32))


def write_granule(
    path: Path,
    cube: Cube,
    *,
    bad: tuple[int, ...] = (),
    variable: str = "radiance",
    centres: NDArray[np.float64] = CENTRES,
    widths: NDArray[np.float64] = WIDTHS,
) -> Path:
    """Write a netCDF as EMIT's are laid out.

    Args:
        path: where.
        cube: what `variable` holds.
        bad: positions of bands that are called bad.
        variable: `radiance` of level 1B, `reflectance` or another of level 2A.
        centres: nm, (B,).
        widths: nm, (B,).
    """
    rows, cols, bands = cube.data.shape
    glt_x, glt_y = lookup_table(cube)
    with netCDF4.Dataset(path, "w") as file:
        sizes = zip(("ortho_y", "ortho_x"), glt_x.shape, strict=True)
        for name, size in [("downtrack", rows), ("crosstrack", cols), ("bands", bands), *sizes]:
            file.createDimension(name, size)
        frame = file.createVariable(
            variable, "f4", ("downtrack", "crosstrack", "bands"), fill_value=-9999.0, zlib=True,
            chunksizes=(min(64, rows), min(32, cols), min(20, bands)),
        )  # fmt: skip
        frame.units = "uW/cm^2/SR/nm" if variable == "radiance" else "unitless"
        frame[:] = cube.data
        parameters = file.createGroup("sensor_band_parameters")
        good = np.array([index not in bad for index in range(bands)])
        for name, values, kind in (
            ("wavelengths", centres, "f4"),
            ("fwhm", widths, "f4"),
            ("good_wavelengths", good, "u1"),
        ):
            parameters.createVariable(name, kind, ("bands",))[:] = values
        location = file.createGroup("location")
        for name, table in (("glt_x", glt_x), ("glt_y", glt_y)):
            location.createVariable(name, "i4", ("ortho_y", "ortho_x"), fill_value=0)[:] = table
        file.geotransform = np.array([EAST, STEP, 0.0, NORTH, 0.0, -STEP])
        file.spatial_ref = CRS.from_epsg(4326).to_wkt("WKT1_GDAL")
        file.time_coverage_start = "2022-08-15T04:28:38+0000"
    return path


def ground_cube(ground: Ground, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reflectance (B, H, W) of made ground at wavelengths in nm, straight between its bands."""
    names = ["blue", "green", "red", "nir", "nir08", "swir16", "swir22"]
    nm = np.array([490, 560, 660, 835, 865, 1610, 2200], float)
    known = np.stack([ground.reflectance(name) for name in names])
    place = np.clip(np.interp(centres, nm, np.arange(len(nm))), 0, len(nm) - 1)
    low = np.minimum(place.astype(int), len(nm) - 2)
    share = (place - low)[:, None, None]
    return np.asarray(known[low] * (1 - share) + known[low + 1] * share)
