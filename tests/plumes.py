"""Sentinel-2 scenes of bright ground with a plume in them, simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.methods.gas_absorption import methane
from geoseg.methods.methane_column import TABLE_AIR_MASS

EAST, NORTH = 500_000.0, 3_500_000.0
"""Upper left corner, EPSG:32640."""

SIDE = 300
S2A = {"B12": (2114.9, 2289.9), "B11": (1568.2, 1659.2)}
VISIBLE = {"B02": 0.20, "B03": 0.26, "B04": 0.33, "B8A": 0.40}

Image = NDArray[np.float64]


def ground(seed: int = 0, noise: float = 0.004) -> dict[str, Image]:
    """Bright dunes: reflectance (SIDE, SIDE) of each band, of nearly one colour everywhere."""
    rng = np.random.default_rng(0)
    dunes = 1 + 0.15 * np.sin(np.linspace(0, 30, SIDE))[:, None] * np.cos(np.linspace(0, 17, SIDE))
    own = np.random.default_rng(seed)
    level = {"B11": 0.50, "B12": 0.46, **VISIBLE}
    patches = {name: rng.normal(size=(SIDE // 10, SIDE // 10)) for name in level}
    colour = {name: 1 + 0.001 * values.repeat(10, 0).repeat(10, 1) for name, values in patches.items()}
    return {
        name: value * dunes * colour[name] * (1 + noise * own.normal(size=dunes.shape))
        for name, value in level.items()
    }


def plume(peak: float = 8000.0, row: float = 150.0, col: float = 100.0, length: float = 40.0) -> Image:
    """Columns (SIDE, SIDE) in ppm·m of a plume that drifts to the right from (row, col)."""
    rows, cols = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    along, across = cols - col, rows - row
    width = 1.5 + 0.1 * np.maximum(along, 0)
    column = peak * np.exp(-0.5 * (across / width) ** 2 - np.maximum(along, 0) / length)
    return np.where(along > 0, column, 0.0)


def darken(bands: dict[str, Image], ppm_m: Image, air_mass: float) -> dict[str, Image]:
    """Put a plume into a scene."""
    table = methane()
    slant = ppm_m * air_mass / TABLE_AIR_MASS
    return {
        name: value * np.interp(slant, table.ppm_m, table.in_band(*S2A[name])) if name in S2A else value
        for name, value in bands.items()
    }


def write(folder: Path, bands: dict[str, Image], name: str = "S2A_MSIL1C_20210706T065621") -> str:
    """Write a folder of band files of 20 m, as of before the offset of baseline 04.00."""
    folder.mkdir(parents=True, exist_ok=True)
    for band, values in bands.items():
        with rasterio.open(
            folder / f"{name}_{band}.tif", "w", driver="GTiff", width=values.shape[1], height=values.shape[0],
            count=1, dtype="uint16", crs="EPSG:32640", transform=Affine(20, 0, EAST, 0, -20, NORTH), nodata=0,
        ) as file:  # fmt: skip
            file.write(np.clip(np.rint(values * 10_000), 1, 65_535).astype(np.uint16), 1)
    return str(folder)
