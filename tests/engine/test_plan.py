"""Plans of maps: work, memory and the largest size."""

from __future__ import annotations

import pytest
from affine import Affine
from pyproj import CRS

from geoseg.engine.plan import MOST_PIXELS, Plan, buffers_bytes, check_size
from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.tile_grid import TileGrid


def test_a_map_of_more_pixels_than_a_run_ends_with() -> None:
    def grid(height: int, width: int) -> Grid:
        return Grid(height=height, width=width, transform=Affine.scale(10, -10), crs=CRS.from_epsg(32633))

    check_size(grid(MOST_PIXELS // 1_000_000, 1_000_000), "scene")
    with pytest.raises(SceneError, match=r"scene: 3,000,000 x 3,000,000 pixels"):
        check_size(grid(3_000_000, 3_000_000), "scene")


def test_an_estimate_is_not_above_the_limit_that_the_run_keeps_to() -> None:
    sizes = {"height": 9, "width": 9, "tile": 16, "overlap": 0, "tiles": 1, "strips": 1, "column_bands": 1}
    plan = Plan.model_validate({**sizes, "memory_mib": 500, "scratch_mib": 0, "seconds": None})
    assert [plan.within(limit).memory_mib for limit in (None, 400, 600)] == [500, 400, 500]


def test_one_tile_row_is_read_while_another_is_scored() -> None:
    grid = Grid(height=1000, width=1000, transform=Affine.identity(), crs=None)
    tiles = TileGrid(grid=grid, size=100, overlap=20)
    width = 3 * 80 + 20
    pixels, scores, finished = 2 * 100 * (2 * 2 + 1), 3 * 4 * (100 + 80), 15 * 80
    found = buffers_bytes(tiles, 3, bands=2, itemsize=2, planes=3)
    assert found == (pixels + scores + finished) * width
