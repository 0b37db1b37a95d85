"""Bands of two places that are given as one scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer

from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import EAST, NORTH, Ground, lake, write_raster

GROUND = Ground(kinds=lake(60))


@pytest.mark.parametrize(
    ("east", "north", "pixel", "size", "told"),
    [
        (0, 0, 10, 60, False),
        (300, 0, 10, 60, True),
        (0, -500, 10, 60, True),
        (20, 10, 10, 60, False),
        (300, 300, 10, 20, False),  # cut to a part of the other
        (0, 0, 20, 30, False),
        (300, 0, 20, 30, True),
    ],
)
def test_bands_with_little_common_ground(
    east: float, north: float, pixel: float, size: int, told: bool, tmp_path: Path
) -> None:
    count = np.rint(GROUND.reflectance("nir") * 1e4).astype(np.uint16)
    write_raster(tmp_path / "T33UXP_B03.tif", np.rint(GROUND.reflectance("green") * 1e4).astype(np.uint16))
    top = NORTH - north if size == 20 else NORTH + north
    place = Affine(pixel, 0, EAST + east, 0, -pixel, top)
    write_raster(tmp_path / "T33UXQ_B08.tif", count[:size, :size], transform=place)
    with open_scene(SceneSpec(paths=(str(tmp_path),)), sensors()) as scene:
        found = [message for message in scene.messages if message.code == "bands-of-several-places"]
    assert bool(found) == told
    assert all("T33UXP_B03.tif" in item.text and "T33UXQ_B08.tif" in item.text for item in found)


@pytest.mark.parametrize("away", [0, 30_000])
def test_bands_of_two_zones(away: float, tmp_path: Path) -> None:
    green = np.rint(GROUND.reflectance("green") * 1e4).astype(np.uint16)
    nir = np.rint(GROUND.reflectance("nir") * 1e4).astype(np.uint16)
    write_raster(tmp_path / "T33UXP_B03.tif", green)
    x, y = Transformer.from_crs(32633, 32634, always_xy=True).transform(EAST + away, NORTH)
    place = Affine(10, 0, x, 0, -10, y)
    write_raster(tmp_path / "T34UCU_B08.tif", nir, transform=place, crs="EPSG:32634")
    with open_scene(SceneSpec(paths=(str(tmp_path),)), sensors()) as scene:
        found = [message for message in scene.messages if message.code == "bands-of-several-places"]
    assert bool(found) == bool(away)
