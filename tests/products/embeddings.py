"""Embeddings in the layouts in which they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tests.products.ground import CRS, EAST, NORTH, write_raster

Vectors = NDArray[np.float32]

AXES, TESSERA_AXES = 64, 128


def unit_vectors(axes: int, side: int = 40, *, changed: bool = False, seed: int = 0) -> Vectors:
    """Vectors (D, side, side) of length 1: three covers in stripes; `changed`: another one in a square."""
    rng = np.random.default_rng(seed)
    covers = rng.normal(size=(4, axes))
    kinds = np.arange(side)[:, None] // 8 % 3 + np.zeros((side, side), int)
    if changed:
        kinds[12:24, 12:24] = 3
    noise = np.random.default_rng(seed + 1 + changed).normal(0, 0.05, (axes, side, side))
    vectors = np.moveaxis(covers[kinds], 2, 0) + noise
    return np.asarray(vectors / np.linalg.norm(vectors, axis=0), np.float32)


def write_alphaearth(path: Path, vectors: Vectors, *, bottom_up: bool = True) -> Path:
    """Write int8 roots, -128 where NaN; rows from south to north, as files of the public copy have them."""
    roots = np.sign(vectors) * np.sqrt(np.abs(vectors)) * 127.5
    stored = np.where(np.isnan(vectors), -128, np.rint(np.nan_to_num(roots))).astype(np.int8)
    height = vectors.shape[1]
    down = Affine(10, 0, EAST, 0, -10, NORTH)
    up = Affine(10, 0, EAST, 0, 10, NORTH - 10 * height)
    return write_raster(
        path,
        stored[:, ::-1] if bottom_up else stored,
        transform=up if bottom_up else down,
        crs=CRS,
        nodata=-128,
        descriptions=[f"A{index:02d}" for index in range(len(vectors))],
    )


def write_tessera(path: Path, vectors: Vectors, *, version: str = "v1", variant: str = "") -> Path:
    """Write float32 as geotessera does: the scale of each pixel applied, NaN nodata, release in the tags."""
    lengths = np.random.default_rng(9).uniform(0.5, 20, vectors.shape[1:])
    tags = {"TESSERA_YEAR": "2024"}
    if version:
        tags |= {"TESSERA_DATASET_VERSION": version, "TESSERA_DATASET_VARIANT": variant}
    return write_raster(
        path,
        (vectors * lengths).astype(np.float32),
        crs=CRS,
        nodata=np.nan,
        descriptions=[f"Tessera_Band_{index}" for index in range(len(vectors))],
        tags=tags,
    )
