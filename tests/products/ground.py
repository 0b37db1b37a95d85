"""Made ground with a lake of known pixels, and the writer of all product layouts in this folder.

A layout is written once, in the module named after its product, and used by every test that needs it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

SIDE = 180
"""Pixels of a side."""

EAST, NORTH, CRS = 500_000.0, 5_500_000.0, "EPSG:32633"

# Reflectance 0..1 by STAC common name: open water, dense vegetation, bare soil, cloud.
REFLECTANCE: Mapping[str, tuple[float, float, float, float]] = {
    "coastal": (0.060, 0.030, 0.110, 0.50),
    "blue": (0.060, 0.035, 0.130, 0.50),
    "green": (0.070, 0.070, 0.170, 0.50),
    "red": (0.045, 0.040, 0.220, 0.51),
    "rededge071": (0.035, 0.100, 0.240, 0.52),
    "rededge075": (0.030, 0.250, 0.250, 0.52),
    "rededge078": (0.028, 0.300, 0.260, 0.53),
    "nir": (0.025, 0.380, 0.280, 0.54),
    "nir08": (0.025, 0.390, 0.290, 0.54),
    "nir09": (0.022, 0.390, 0.290, 0.50),
    "cirrus": (0.001, 0.001, 0.001, 0.02),
    "swir16": (0.012, 0.200, 0.360, 0.42),
    "swir22": (0.010, 0.100, 0.320, 0.36),
}

BACKSCATTER_DB: Mapping[str, tuple[float, float]] = {"vv": (-20.0, -9.0), "vh": (-27.0, -15.0)}
"""dB of water and of land."""

WATER, VEGETATION, BARE, CLOUD = range(4)


def disc(side: int = SIDE, radius: float = 56.37, row: float = 90.0, col: float = 90.0) -> NDArray[np.bool_]:
    """A disc (side, side), True inside: 9,976 pixels by default."""
    rows, cols = np.mgrid[0:side, 0:side] + 0.5
    return np.asarray((rows - row) ** 2 + (cols - col) ** 2 < radius**2)


def checks(side: int = SIDE, fields: int = 12) -> NDArray[np.bool_]:
    """Fields as on a chess board, True where the soil is bare: edges to measure a shift by."""
    rows, cols = np.mgrid[0:side, 0:side] * fields // side
    return np.asarray((rows + cols) % 3 == 0)


def lake(side: int = SIDE) -> NDArray[np.uint8]:
    """Kinds (side, side): a lake of 9,976 pixels among fields of vegetation and bare soil."""
    kinds = np.where(checks(side), BARE, VEGETATION).astype(np.uint8)
    kinds[disc(side, 56.37 * side / SIDE, side / 2, side / 2)] = WATER
    return kinds


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What lies where: a kind (WATER, VEGETATION, BARE, CLOUD) a pixel, seen with noise."""

    kinds: NDArray[np.uint8] = field(default_factory=lake)
    seed: int = 0
    noise: float = 0.004
    """Standard deviation of reflectance."""

    def reflectance(self, band: str) -> NDArray[np.float64]:
        """Reflectance (H, W) of a band by its common name, never below 0.001."""
        rng = np.random.default_rng([self.seed, list(REFLECTANCE).index(band)])
        values = np.asarray(REFLECTANCE[band])[self.kinds]
        return np.asarray(np.maximum(values + rng.normal(0, self.noise, values.shape), 0.001))

    def power(self, band: str, looks: float = 12.0) -> NDArray[np.float64]:
        """Backscatter (H, W) as linear power with speckle, above 0."""
        rng = np.random.default_rng([self.seed, 100 + list(BACKSCATTER_DB).index(band)])
        water, land = BACKSCATTER_DB[band]
        mean = 10 ** (np.where(self.kinds == WATER, water, land) / 10)
        return np.asarray(mean * rng.gamma(looks, 1 / looks, mean.shape))

    @property
    def water(self) -> NDArray[np.bool_]:
        """True where water is."""
        return np.asarray(self.kinds == WATER)


def write_raster(
    path: Path,
    data: NDArray[Any],
    *,
    pixel: float = 10.0,
    crs: str | None = CRS,
    transform: Affine | None = None,
    nodata: float | None = None,
    descriptions: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    band_tags: Sequence[Mapping[str, str]] = (),
    scales: Sequence[float] = (),
    offsets: Sequence[float] = (),
    driver: str = "GTiff",
    **profile: Any,
) -> Path:
    """Write a raster (B, H, W) or (H, W); its upper left corner is (EAST, NORTH) unless `transform` says."""
    stack = data[np.newaxis] if data.ndim == 2 else data
    path.parent.mkdir(parents=True, exist_ok=True)
    place = transform or Affine(pixel, 0, EAST, 0, -pixel, NORTH)
    options: dict[str, Any] = {"driver": driver, "count": len(stack), "dtype": stack.dtype.name, **profile}
    options |= {"height": stack.shape[1], "width": stack.shape[2]}
    if crs is not None:
        options |= {"crs": crs, "transform": place}
    elif transform is not None:
        options["transform"] = transform
    if nodata is not None:
        options["nodata"] = nodata
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options) as file:
            file.write(stack)
            for index, name in enumerate(descriptions, start=1):
                file.set_band_description(index, name)
            if tags:
                file.update_tags(**tags)
            for index, table in enumerate(band_tags, start=1):
                file.update_tags(index, **table)
            if scales:
                file.scales = scales
            if offsets:
                file.offsets = offsets
    return path
