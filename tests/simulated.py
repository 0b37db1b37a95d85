"""Labelled sets that are simulated: dark water with its index high, land with its index low."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from geoseg.learn.samples import DataSpec

SIDE = 96
EAST, NORTH = 500000.0, 4600000.0


def disc(side: int, row: float, col: float, radius: float) -> np.ndarray:
    """A lake: True inside."""
    rows, cols = np.mgrid[0:side, 0:side] + 0.5
    return np.asarray((rows - row) ** 2 + (cols - col) ** 2 < radius**2)


def write_set(root: Path, chips: int = 8) -> DataSpec:
    """Write chips of two regions (`east`, `west`), each with one lake, and say how they are read.

    Images have 10 m pixels; labels 5 m pixels, begin 100 m further north-west, and hold 1 land, 2 water,
    0 nothing said.
    """
    for index in range(chips):
        region = "east" if index % 2 else "west"
        rng = np.random.default_rng(index)
        east = EAST + 5000 * index
        water = disc(SIDE, 30 + 4 * index, 48, 14 + index)
        bands = np.stack([np.where(water, 0.06, 0.05), np.where(water, 0.02, 0.25)])
        bands = bands + rng.normal(0, 0.004, bands.shape)
        image = root / region / "image" / f"chip_{index}.tif"
        image.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            image, "w", driver="GTiff", width=SIDE, height=SIDE, count=2, dtype="float32",
            crs="EPSG:32633", transform=Affine(10, 0, east, 0, -10, NORTH),
        ) as file:  # fmt: skip
            file.write(bands.astype(np.float32))
            file.descriptions = ("green", "swir16")
        side = 2 * SIDE + 20
        fine = np.ones((side, side), np.uint8)
        fine[20 : 20 + 2 * SIDE, 20 : 20 + 2 * SIDE] = np.where(water, 2, 1).repeat(2, 0).repeat(2, 1)
        fine[-4:] = 0
        label = root / region / "label" / f"chip_{index}.tif"
        label.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            label, "w", driver="GTiff", width=side, height=side, count=1, dtype="uint8",
            crs="EPSG:32633", transform=Affine(5, 0, east - 100, 0, -5, NORTH + 100),
        ) as file:  # fmt: skip
            file.write(fine, 1)
    return DataSpec.model_validate(
        {
            "root": root,
            "images": [{"files": "{region}/image/{id}.tif", "sensor": "sentinel-2-l2a"}],
            "labels": {"files": "{region}/label/{id}.tif", "codes": {1: 0, 2: 1}, "ignore": [0]},
        }
    )


CONFIG = """
name: simulated-water
title: Water of simulated scenes
task: flood
data:
  root: {root}
  images:
    - files: "{{region}}/image/{{id}}.tif"
      sensor: sentinel-2-l2a
  labels:
    files: "{{region}}/label/{{id}}.tif"
    codes: {{1: 0, 2: 1}}
    ignore: [0]
split: {{kind: runs, parts: 4, val: ["1"], test: ["3"]}}
units: reflectance
bands:
  - {{name: green}}
  - {{name: swir16}}
classes:
  - {{value: 0, label: background, colour: "#f2efe9"}}
  - {{value: 1, label: water, colour: "#2b8cff"}}
tile: 96
overlap: 32
network: {{architecture: unet, encoder: tu-resnet10t, depth: 3, decoder_channels: [16, 8, 8]}}
augment: {{gain: 0.05, scale: [0.8, 1.25]}}
loss: {{cross_entropy: 1.0, dice: 1.0}}
loop: {{epochs: 4, crop: 64, batch: 4, samples_per_epoch: 24, learning_rate: 0.004, keep: last, seed: 3}}
baselines: [mndwi]
"""
"""Of a training that takes seconds; `{root}` is the set's folder."""


def write_pairs(root: Path, chips: int = 4) -> DataSpec:
    """Write pairs of dates (`before`, `after`) on one grid, with a lake that is drained in one place.

    Labels hold 1 unchanged, 2 changed, 0 nothing said.
    """
    for index in range(chips):
        rng = np.random.default_rng(100 + index)
        lake = disc(SIDE, 48, 48, 36)
        drained = lake & disc(SIDE, 30 + 8 * index, 30, 9)
        where = Affine(10, 0, EAST + 5000 * index, 0, -10, NORTH)
        for date, water in (("before", lake), ("after", lake & ~drained)):
            bands = np.stack([np.where(water, 0.06, 0.05), np.where(water, 0.02, 0.25)])
            bands = bands + rng.normal(0, 0.004, bands.shape)
            path = root / date / f"chip_{index}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            with rasterio.open(
                path, "w", driver="GTiff", width=SIDE, height=SIDE, count=2, dtype="float32",
                crs="EPSG:32633", transform=where,
            ) as file:  # fmt: skip
                file.write(bands.astype(np.float32))
                file.descriptions = ("green", "swir16")
        path = root / "label" / f"chip_{index}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        label = np.where(drained, 2, 1).astype(np.uint8)
        label[:, -5:] = 0
        with rasterio.open(
            path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8", crs="EPSG:32633",
            transform=where,
        ) as file:  # fmt: skip
            file.write(label, 1)
    return DataSpec.model_validate(
        {
            "root": root,
            "images": [
                {"files": "before/{id}.tif", "sensor": "sentinel-2-l2a"},
                {"files": "after/{id}.tif", "sensor": "sentinel-2-l2a", "prefix": "after"},
            ],
            "labels": {"files": "label/{id}.tif", "codes": {1: 0, 2: 1}, "ignore": [0]},
        }
    )
