"""Terrain as GDAL computes it, and on planes whose slope is known."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.methods.terrain_shape import QUANTITIES, aspect, position, roughness, ruggedness, slope
from geoseg.scenes.elevation import open_terrain

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
HEIGHTS = DATA / "lidar" / "dsm.tif"


def test_a_plane_has_its_slope_and_faces_downhill() -> None:
    rows, cols = np.mgrid[0:8, 0:9].astype(float)
    falling_south = -rows * 5.0
    found = slope(falling_south, (5.0, 5.0))
    assert found[3, 3] == pytest.approx(45)
    assert aspect(falling_south, (5.0, 5.0))[3, 3] == pytest.approx(180)
    assert aspect(-cols, (1.0, 1.0))[3, 3] == pytest.approx(90)
    assert aspect(rows, (1.0, 1.0))[3, 3] % 360 == pytest.approx(0)
    assert aspect(cols, (1.0, 1.0))[3, 3] == pytest.approx(270)
    assert math.isnan(aspect(rows * 0, (1.0, 1.0))[3, 3])


def test_edges_and_neighbours_of_gaps_are_unknown() -> None:
    heights = np.zeros((6, 6))
    heights[2, 2] = np.nan
    for make in QUANTITIES.values():
        found = make(heights, (1.0, 1.0))
        assert np.isnan(found[0]).all()
        assert np.isnan(found[1:4, 1:4]).all()


def test_a_step_has_its_height_as_roughness() -> None:
    heights = np.zeros((5, 5))
    heights[2, 2] = 8
    assert roughness(heights, (1.0, 1.0))[1, 1] == 8
    assert ruggedness(heights, (1.0, 1.0))[2, 2] == pytest.approx(8 * math.sqrt(8))
    assert position(heights, (1.0, 1.0))[2, 2] == 8


@pytest.mark.skipif(shutil.which("gdaldem") is None, reason="gdaldem is not installed")
@pytest.mark.skipif(not HEIGHTS.is_file(), reason="needs the lidar rasters of GEOSEG_TEST_DATA")
@pytest.mark.parametrize(
    ("quantity", "mode"),
    [("slope", ["slope"]), ("aspect", ["aspect"]), ("roughness", ["roughness"]), ("tpi", ["TPI"]),
     ("tri", ["TRI", "-alg", "Riley"])],
)  # fmt: skip
def test_it_is_what_gdaldem_gives(quantity: str, mode: list[str], tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.tif"
    subprocess.run(
        ["gdaldem", mode[0], str(HEIGHTS), str(theirs), *mode[1:]], check=True, capture_output=True
    )
    with rasterio.open(theirs) as file:
        expected = file.read(1, masked=True).filled(np.nan).astype(float)
    with rasterio.open(HEIGHTS) as file:
        metres = abs(file.transform.e), file.transform.a
        heights = file.read(1, masked=True).filled(np.nan).astype(float)
    found = QUANTITIES[quantity](heights, metres)
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.mean() > 0.9
    if quantity == "aspect":  # of level ground it is rounding
        both &= slope(heights, metres) > 0.5
    off = found[both] - expected[both]
    if quantity == "aspect":
        off = (off + 180) % 360 - 180
    np.testing.assert_array_less(np.abs(off), 5e-3 + 1e-4 * np.abs(expected[both]))


@pytest.mark.skipif(not HEIGHTS.is_file(), reason="needs the lidar rasters of GEOSEG_TEST_DATA")
def test_a_layer_of_slope_is_computed_by_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(rows: int) -> NDArray[np.float32]:
        monkeypatch.setattr("geoseg.scenes.elevation.ROWS", rows)
        with open_terrain(HEIGHTS, "slope", f"slope{rows}", tmp_path) as layer:
            return np.asarray(layer.read(layer.grid.window, layer.band_names).physical()[0])

    np.testing.assert_array_equal(read(64), read(4096))
