"""NAIP quarter quads as USDA delivers them: 8 bits, red, green, blue and near infrared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from affine import Affine

from tests.products.ground import EAST, NORTH, Ground, write_raster

BANDS = ("red", "green", "blue", "nir")


def write_naip(
    folder: Path,
    ground: Ground | None = None,
    *,
    quad: str = "se",
    date: str = "20200831",
    transform: Affine | None = None,
    crs: str = "EPSG:26914",
) -> Path:
    """Write a quarter quad of 1 m pixels; 250 is a reflectance of 0.5."""
    ground = ground or Ground()
    data = np.stack([np.clip(ground.reflectance(band) * 500, 1, 255) for band in BANDS]).astype(np.uint8)
    path = folder / f"m_4709963_{quad}_14_1_{date}.tif"
    place = transform or Affine(1, 0, EAST, 0, -1, NORTH)
    return write_raster(path, data, transform=place, crs=crs, photometric="RGB", alpha="unspecified")
