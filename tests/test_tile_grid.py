"""Grids cut into tiles: cores partition them, fitted tiles are few."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.tile_grid import TileGrid

sides = st.integers(1, 300)


def _grid(height: int, width: int) -> Grid:
    return Grid(crs=None, transform=Affine.identity(), height=height, width=width)


@given(sides, sides, st.integers(1, 64), st.integers(0, 16), st.integers(0, 64))
def test_cores_partition_the_grid(height: int, width: int, size: int, half: int, fitted: int) -> None:
    overlap = min(2 * half, size // 2 // 2 * 2)
    tiles = TileGrid(grid=_grid(height, width), size=size, overlap=overlap, fitted=fitted)
    counts = np.zeros((height, width), np.int64)
    found = list(tiles)
    for tile in found:
        counts[tile.core.slices(tiles.grid.window)] += 1
        assert (tile.halo.height, tile.halo.width) == (size, size)
        assert tile.halo.intersect(tile.core) == tile.core
    assert (counts == 1).all()
    assert len(found) == len(tiles) == tiles.rows * tiles.cols


@given(sides, sides, st.integers(1, 64), st.integers(0, 16), st.integers(0, 64))
def test_a_core_is_half_an_overlap_from_the_edges_of_its_tile(
    height: int, width: int, size: int, half: int, fitted: int
) -> None:
    """Except where the grid ends: there is nothing beyond."""
    overlap = min(2 * half, size // 2 // 2 * 2)
    tiles = TileGrid(grid=_grid(height, width), size=size, overlap=overlap, fitted=fitted)
    for tile in tiles:
        halo, core = tile.halo, tile.core
        for gap, at_border in (
            (core.row - halo.row, tile.row == 0),
            (core.col - halo.col, tile.col == 0),
            (halo.stop_row - core.stop_row, tile.row == tiles.rows - 1),
            (halo.stop_col - core.stop_col, tile.col == tiles.cols - 1),
        ):
            assert gap >= (0 if at_border else overlap // 2)


@given(sides, sides, st.integers(1, 64), st.integers(0, 16), st.integers(1, 64))
def test_fitted_tiles_are_few_and_end_with_the_grid(
    height: int, width: int, size: int, half: int, step: int
) -> None:
    overlap = min(2 * half, size // 2 // 2 * 2)
    tiles = TileGrid(grid=_grid(height, width), size=size, overlap=overlap, fitted=step)
    for axis, length in ((tiles.down, height), (tiles.across, width)):
        assert axis.starts[0] == 0
        if length <= size:
            assert axis.starts == (0,)
            continue
        assert 0 <= axis.starts[-1] + size - length < step
        shared = [before + size - start for before, start in pairwise(axis.starts)]
        assert min(shared) >= overlap
        # One tile fewer could not overlap so much.
        assert (len(axis.starts) - 1) * size - (len(axis.starts) - 2) * overlap < length
    assert len(tiles) <= len(TileGrid(grid=tiles.grid, size=size, overlap=overlap))


def test_fitted_tiles_begin_at_multiples_where_that_takes_no_further_tile() -> None:
    """Layers of a network that skip pixels then skip the same ones in all tiles."""
    for side, size, overlap, starts in (
        (2048, 576, 64, (0, 480, 960, 1472)),
        (693, 512, 64, (0, 192)),
        (1984, 576, 64, (0, 448, 928, 1408)),
        # Multiples of 32 would take a fifth tile.
        (2050, 576, 70, (0, 496, 992, 1488)),
    ):
        tiles = TileGrid(grid=_grid(side, side), size=size, overlap=overlap, fitted=32)
        assert tiles.down.starts == starts


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (64, -2), (64, 3), (64, 34)])
def test_tiles_that_leave_no_stride_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(UsageError):
        TileGrid(grid=_grid(10, 10), size=size, overlap=overlap)
