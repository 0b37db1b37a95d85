"""A small simulated pair of scenes with all bands that the search looks at, written for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

SIDE = 96

GROUND = {"B02": 0.12, "B03": 0.16, "B04": 0.22, "B08": 0.3, "B11": 0.4, "B12": 0.35}
"""Reflectance by band, all at 20 m."""


def write_date(folder: Path, day: str, *, seed: int = 0, noise: float = 0.004, **profile: Any) -> Path:
    """Write ground with a texture that both short-wave infrared bands share, as Sentinel-2 L1C band files."""
    folder.mkdir(parents=True, exist_ok=True)
    texture = 1 + np.random.default_rng(7).normal(0, 0.1, (SIDE, SIDE))
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "uint16",
        "height": SIDE,
        "width": SIDE,
        "crs": "EPSG:32631",
        "transform": Affine(20, 0, 500_000, 0, -20, 3_540_000),
        "nodata": 0,
    }
    for band, level in GROUND.items():
        values = 10_000 * level * texture * (1 + rng.normal(0, noise, (SIDE, SIDE)))
        with rasterio.open(folder / f"T31RET_{day}T105031_{band}.tif", "w", **(options | profile)) as file:
            file.write(np.rint(values).astype(options["dtype"]), 1)
            file.update_tags(ORIGIN="a test")
    return folder


def write_pair(root: Path, name: str = "dunes") -> Path:
    """Write NAME/before and NAME/after; return the folder of pairs."""
    write_date(root / name / "before", "20190601", seed=1)
    write_date(root / name / "after", "20190621", seed=2)
    return root
