"""Fill of radar scenes in dB that no tag states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import Ground, write_raster

GROUND = Ground()
NAME = "S1A_IW_GRDH_1SDV_20230507T111213_TC"
EDGE = 40
"""Columns of fill."""


def decibels() -> NDArray[np.float32]:
    values = np.stack([10 * np.log10(GROUND.power(band)) for band in ("vv", "vh")])
    return values.astype(np.float32)


def seen(*paths: Path) -> NDArray[np.bool_]:
    with _scene(*paths) as opened:
        assert {opened.units(band) for band in opened.band_names} == {"db"}
        return opened.read(opened.grid.window, opened.band_names).valid


def _scene(*paths: Path) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths))), sensors())


@pytest.mark.parametrize("fill", [-30, -40, -50])
@pytest.mark.parametrize("files", [1, 2])
def test_one_lowest_value_in_all_bands_is_fill(files: int, fill: float, tmp_path: Path) -> None:
    values = decibels()
    values[:, :, :EDGE] = fill
    if files == 1:
        paths = [write_raster(tmp_path / f"{NAME}.tif", values, descriptions=("VV", "VH"))]
    else:
        paths = [
            write_raster(tmp_path / f"{NAME}_{n}.tif", v) for n, v in zip(("VV", "VH"), values, strict=True)
        ]
    expected = np.ones(values.shape[1:], bool)
    expected[:, :EDGE] = False
    np.testing.assert_array_equal(seen(*paths), expected)


@pytest.mark.parametrize(
    "cut",
    [
        (-30, -26),  # of the darker band alone
        (-19, -26),  # of water in both, as stretches for display are
        (-22, -29),
        (-40, -40),  # of no value
    ],
)
def test_dark_water_that_was_cut_off_is_no_fill(cut: tuple[float, float], tmp_path: Path) -> None:
    values = np.maximum(decibels(), np.array(cut, np.float32)[:, None, None])
    assert seen(write_raster(tmp_path / f"{NAME}.tif", values, descriptions=("VV", "VH"))).all()


def test_ground_of_one_value_a_band_is_no_fill(tmp_path: Path) -> None:
    """A simulated scene, or one of segments: land is the same pixels of both bands, of two values."""
    levels = np.where(GROUND.water, np.array([-19, -26])[:, None, None], np.array([-10, -16])[:, None, None])
    assert seen(write_raster(tmp_path / f"{NAME}.tif", levels.astype("f4"), descriptions=("VV", "VH"))).all()


def test_water_below_noise_in_one_band_is_no_fill(tmp_path: Path) -> None:
    values = decibels()
    values[1][GROUND.water & (values[1] < -27)] = -50
    assert seen(write_raster(tmp_path / f"{NAME}.tif", values, descriptions=("VV", "VH"))).all()
