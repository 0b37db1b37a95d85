"""Tile size of a network for a scene: the one that computes the fewest pixels."""

from __future__ import annotations

from math import lcm

from geoseg.grid import Grid
from geoseg.spec import ModelSpec, RunSpec
from geoseg.tile_grid import TileGrid

LARGEST = 1.25
"""Side of the largest tile that is chosen, in sides of the model's tile: memory grows with the square."""

SMALLEST = 0.5
"""Side of the smallest tile of several, in sides of the model's tile: smaller ones would lose context."""


def network_tiles(model: ModelSpec, grid: Grid, run: RunSpec, *, fitted: bool) -> TileGrid:
    """Return the tiles of a network on a grid.

    The overlap is that of the model, so that every pixel has the context it states. A size that the run or
    the graph fixes is kept. Otherwise, of fitted tiles of 1/2 to 5/4 of the model's size, those are taken
    that have the fewest pixels in total, and of these the nearest in size to the model's. A scene that fits
    in one tile is one tile, which may be as small as the scene.

    Args:
        model: its tile, overlap and multiple.
        grid: of the scene.
        run: `--tile` and `--overlap`.
        fitted: whether tiles may be flush with the edges of the grid, see `TileGrid`.

    Raises:
        UsageError: the overlap does not fit the tile.
    """
    step = model.multiple if fitted else 0
    size = model.tile if model.fixed_tile else run.tile or model.tile
    overlap = min(model.overlap, size // 2) if run.overlap is None else run.overlap
    longest = max(grid.height, grid.width)
    if not model.fixed_tile and run.tile is None:
        whole = _up(longest, lcm(model.multiple, model.stride))
        if whole <= (LARGEST if fitted else 1) * model.tile and run.overlap is None:
            return TileGrid(grid=grid, size=whole, overlap=0, fitted=step)
        if fitted:
            size = _fewest_pixels(model, grid, overlap)
    return TileGrid(grid=grid, size=size, overlap=overlap, fitted=step)


def _fewest_pixels(model: ModelSpec, grid: Grid, overlap: int) -> int:
    """Return the size of the fitted tiles that compute the fewest pixels."""
    step = lcm(model.multiple, model.stride)
    least = _up(max(int(SMALLEST * model.tile), 2 * overlap), step)
    sizes = range(least, int(LARGEST * model.tile) + 1, step)

    def cost(size: int) -> tuple[int, int]:
        tiles = TileGrid(grid=grid, size=size, overlap=overlap, fitted=step)
        return len(tiles) * size * size, abs(size - model.tile)

    return min(sizes or [model.tile], key=cost)


def _up(length: int, step: int) -> int:
    """Return the least multiple of a step that is not less than a length."""
    return -(-length // step) * step
