"""A simulated scene: dark water on bright land, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

CRS = "EPSG:32633"
TRANSFORM = Affine(10, 0, 500000, 0, -10, 4600000)
BANDS = ("green", "swir16")


def reflectance(side: int = 96) -> NDArray[np.float32]:
    """Return green and swir16, 0..1; a lake in the middle."""
    rows, cols = np.mgrid[0:side, 0:side] - side / 2
    water = rows**2 + cols**2 < (side / 4) ** 2
    rng = np.random.default_rng(3)
    bands = np.stack([np.where(water, 0.06, 0.05), np.where(water, 0.02, 0.25)])
    return (bands + rng.normal(0, 0.002, bands.shape)).astype(np.float32)


def write_scene(path: Path, data: NDArray[np.float32]) -> Path:
    """Write the scene as a GeoTIFF with band names."""
    with rasterio.open(
        path, "w", driver="GTiff", height=data.shape[1], width=data.shape[2], count=len(data),
        dtype=data.dtype.name, crs=CRS, transform=TRANSFORM,
    ) as file:  # fmt: skip
        file.write(data)
        file.descriptions = BANDS
    return path
