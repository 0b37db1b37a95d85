"""Blending: weights sum to one, a constant leaves no seam, order and column ranges do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoseg.engine.blend import Blend, Highest, Mosaic, decide_rows, profile
from geoseg.grid import Grid, Window
from geoseg.pixels import NODATA_CLASS
from geoseg.tile_grid import Tile, TileGrid

Image = NDArray[np.float32]


@st.composite
def tile_grids(draw: st.DrawFn) -> TileGrid:
    size = draw(st.integers(2, 24))
    overlap = 2 * draw(st.integers(0, size // 4))
    grid = Grid(
        crs=None,
        transform=Affine.identity(),
        height=draw(st.integers(1, 70)),
        width=draw(st.integers(1, 70)),
    )
    return TileGrid(grid=grid, size=size, overlap=overlap, fitted=draw(st.integers(0, size)))


def _cut(image: Image, tile: Tile) -> Image:
    """The tile's pixels (1, size, size) of an image, 0 beyond it."""
    out = np.zeros((1, tile.halo.height, tile.halo.width), np.float32)
    inside = tile.halo.intersect(
        Grid(crs=None, transform=Affine.identity(), height=image.shape[0], width=image.shape[1]).window
    )
    out[0][inside.slices(tile.halo)] = image[inside.row : inside.stop_row, inside.col : inside.stop_col]
    return out


def _assemble(tiles: TileGrid, image: Image, blend: Blend, cols: range | None = None) -> Image:
    mosaic = Mosaic(tiles, 1, blend, cols)
    parts = []
    row_at = 0
    for row in range(tiles.rows):
        for tile in tiles.row_tiles(row):
            if tile.col in mosaic.span:
                mosaic.add(tile, _cut(image, tile))
        window, scores = mosaic.finished(row)
        assert window.row == row_at
        row_at = window.stop_row
        parts.append(scores[0].copy())
        mosaic.advance()
    assert row_at == tiles.grid.height
    return np.concatenate(parts)


@given(tile_grids())
def test_cores_partition_the_grid(tiles: TileGrid) -> None:
    seen = np.zeros((tiles.grid.height, tiles.grid.width), int)
    for tile in tiles:
        assert tile.core.intersect(tile.halo) == tile.core
        assert (tile.halo.height, tile.halo.width) == (tiles.size, tiles.size)
        seen[tile.core.slices(tiles.grid.window)] += 1
    assert (seen == 1).all()
    assert len(list(tiles)) == len(tiles)


@given(tile_grids())
def test_weights_sum_to_one(tiles: TileGrid) -> None:
    for axis, length in ((tiles.down, tiles.grid.height), (tiles.across, tiles.grid.width)):
        total = np.zeros(length)
        for index, start in enumerate(axis.starts):
            first, last = axis.reach(index, tiles.size)
            weights = np.zeros(tiles.size)
            weights[first:last] = profile(axis, index, tiles.size)
            inside = slice(max(0, -start), min(tiles.size, length - start))
            total[start + inside.start : start + inside.stop] += weights[inside]
        assert total == pytest.approx(1, abs=1e-6)


@given(tile_grids())
def test_a_tile_row_needs_no_tiles_but_its_own_and_those_above(tiles: TileGrid) -> None:
    """Rows that are kept on disk are the same wherever a sweep began."""
    axis = tiles.down
    reaches = [
        tuple(axis.starts[row] + at for at in axis.reach(row, tiles.size)) for row in range(tiles.rows)
    ]
    for row in range(tiles.rows):
        start, stop = axis.finished(row)
        adding = {other for other, (first, last) in enumerate(reaches) if first < stop and start < last}
        assert adding <= {row - 1, row}


@given(tile_grids(), st.sampled_from(["linear", "crop"]), st.floats(0, 1, width=32))
def test_a_constant_leaves_no_seam(tiles: TileGrid, blend: Blend, constant: float) -> None:
    image = np.full((tiles.grid.height, tiles.grid.width), constant, np.float32)
    assert _assemble(tiles, image, blend) == pytest.approx(constant, abs=1e-6)


@given(tile_grids(), st.integers(0, 2**32 - 1))
def test_crop_is_the_identity(tiles: TileGrid, seed: int) -> None:
    image = np.random.default_rng(seed).random((tiles.grid.height, tiles.grid.width), np.float32)
    assert np.array_equal(_assemble(tiles, image, "crop"), image)


@given(tile_grids(), st.data())
def test_column_ranges_give_the_same_bits(tiles: TileGrid, data: st.DataObject) -> None:
    image = np.random.default_rng(5).random((tiles.grid.height, tiles.grid.width), np.float32)
    whole = _assemble(tiles, image, "linear")
    cut = data.draw(st.integers(0, tiles.cols))
    halves = [
        _assemble(tiles, image, "linear", cols) for cols in (range(cut), range(cut, tiles.cols)) if cols
    ]
    assert np.array_equal(np.concatenate(halves, axis=1), whole)


PLACE = Window(row=0, col=0, height=4, width=6)


def test_decide_two_classes() -> None:
    scores = np.array([[[0.2, 0.5, 0.51, 1.0, 0.9]]], np.float32)
    valid = np.array([[True, True, True, True, False]])
    classes, quanta = Highest(values=(0, 7))(scores, valid, PLACE)
    assert classes.tolist() == [[0, 0, 7, 7, NODATA_CLASS]]
    assert quanta.tolist() == [[204, 127, 130, 255, 0]]


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_decide_agrees_with_argmax(seed: int, planes: int) -> None:
    scores = np.random.default_rng(seed).random((planes, 4, 6), np.float32)
    valid = np.ones((4, 6), bool)
    classes, quanta = Highest(values=tuple(range(planes)))(scores, valid, PLACE)
    assert np.array_equal(classes, scores.argmax(0))
    assert np.abs(quanta / 255 - scores.max(0)).max() <= 0.5 / 255 + 1e-6


@settings(deadline=None)  # the first example imports torch
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_arrays_of_torch_are_decided_alike(planes: int, seed: int) -> None:
    """Ties included: scores of few values."""
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    random = np.random.default_rng(seed)
    scores = (random.integers(0, 5, (planes, 6, 9)) / np.float32(4)).astype(np.float32)
    values = (3, 7, 9, 11)[: max(planes, 2)]
    tensor = torch.from_numpy(scores.copy())
    found = decide_rows(tensor, values, 0.5, torch)
    for ours, theirs in zip(decide_rows(scores, values, 0.5), found, strict=True):
        assert ours.dtype == np.uint8
        assert theirs.dtype == torch.uint8
        np.testing.assert_array_equal(ours, theirs.numpy())
    np.testing.assert_array_equal(tensor.numpy(), scores)


def test_weights_are_those_of_the_centres_of_pixels() -> None:
    grid = Grid(crs=None, transform=Affine.identity(), height=12, width=16)
    tiles = TileGrid(grid=grid, size=12, overlap=4)
    weights = [profile(tiles.across, index, 12).tolist() for index in range(tiles.cols)]
    assert len(weights) == 2
    assert weights[0][-4:] == [0.875, 0.625, 0.375, 0.125]
    assert weights[1][:4] == [0.125, 0.375, 0.625, 0.875]
