"""Two dates of a simulated scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geoseg.run_record import RunRecord
from tests.messages import Messages

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
FOREST = (0.03, 0.06, 0.04, 0.40, 0.18, 0.08)
SOIL = (0.10, 0.13, 0.17, 0.22, 0.30, 0.27)
WATER = (0.06, 0.05, 0.03, 0.02, 0.01, 0.01)
SIDE = 220
Cube = NDArray[np.float32]


def simulated_scene(seed: int = 0, side: int = SIDE) -> Cube:
    """Fields of forest and soil with texture, in reflectance (6, side, side)."""
    rng = np.random.default_rng(seed)
    soft = gaussian_filter(rng.normal(size=(side, side)), 9)
    share = (soft > np.median(soft)).astype(float)
    share = gaussian_filter(share, 1)
    cube = np.stack([a * share + b * (1 - share) for a, b in zip(FOREST, SOIL, strict=True)])
    texture = 1 + 0.05 * gaussian_filter(rng.normal(size=(side, side)), 1.5) / 0.19
    return np.asarray(cube * texture, np.float32)


def noisy(cube: Cube, seed: int) -> Cube:
    return np.asarray(cube + np.random.default_rng(seed).normal(0, 0.003, cube.shape), np.float32)


def write(
    path: Path,
    cube: Cube,
    *,
    transform: Affine | None = None,
    crs: str | None = "EPSG:32633",
    names: tuple[str, ...] = BANDS,
) -> str:
    stored = np.clip(np.rint(cube * 10_000), 1, 65_535).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=cube.shape[2], height=cube.shape[1], count=len(cube), dtype="uint16",
        crs=crs, transform=transform or Affine(10, 0, 500_000, 0, -10, 4_600_000), nodata=0,
    ) as file:  # fmt: skip
        file.write(stored)
        file.descriptions = names
    return str(path)


Change = Callable[..., tuple[RunRecord, Messages]]


def _cleared(cube: Cube) -> tuple[Cube, NDArray[np.bool_]]:
    """A clearing of soil and a pond in what was forest or soil."""
    out = cube.copy()
    where = np.zeros(cube.shape[1:], bool)
    for rows, cols, spectrum in (
        (slice(40, 70), slice(50, 90), SOIL),
        (slice(120, 150), slice(130, 170), WATER),
    ):
        out[:, rows, cols] = np.array(spectrum)[:, None, None]
        where[rows, cols] = True
    return out, where


def simulated_radar(seed: int, looks: int = 5) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return np.asarray(-9 + 10 * np.log10(rng.gamma(looks, 1 / looks, (1, SIDE, SIDE))), np.float32)


def write_db(path: Path, db: NDArray[np.float32]) -> str:
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="float32", crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 4_600_000),
    ) as file:  # fmt: skip
        file.write(db)
        file.descriptions = ("vv",)
    return str(path)
