"""Beyond its edges a source goes on mirrored, as numpy pads symmetrically."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.grid import Window
from geoseg.scenes import open_scene
from geoseg.scenes.mirrored import Mirrored
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import write_raster


@pytest.mark.parametrize(
    ("row", "col", "height", "width"),
    [(-5, -7, 40, 60), (3, 4, 5, 6), (-90, -3, 30, 200), (25, 40, 10, 20), (70, 110, 9, 8), (0, 0, 20, 30)],
)
def test_windows_anywhere(row: int, col: int, height: int, width: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(1, 5000, (2, 20, 30)).astype(np.uint16)
    values[:, rng.random((20, 30)) < 0.2] = 0
    path = write_raster(tmp_path / "a.tif", values, descriptions=("green", "nir"), nodata=0)
    around = 200
    padded = np.pad(values, ((0, 0), (around, around), (around, around)), mode="symmetric")
    expected = padded[:, around + row : around + row + height, around + col : around + col + width]
    request = SceneSpec(paths=(str(path),), sensor="sentinel-2-l2a-harmonised")
    window = Window(row=row, col=col, height=height, width=width)
    with open_scene(request, sensors()) as scene:
        found = Mirrored(scene).read(window, ("nir", "green"))
    np.testing.assert_array_equal(found.data, expected[::-1])
    np.testing.assert_array_equal(found.valid, expected[0] != 0)
    assert found.window == window
