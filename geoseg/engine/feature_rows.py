"""From a source to blended features at the stride of a network: `engine.scoring` without classes.

Tiles and their overlap are multiples of the stride, so that features of neighbouring tiles lie on one grid.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geoseg.engine.blend import Mosaic
from geoseg.engine.plan import check_size
from geoseg.engine.reading import TileRow, ahead, block_cache, cache_size, read_tile_rows
from geoseg.engine.recipe import Recipe
from geoseg.engine.scoring import observed_tiles
from geoseg.errors import UsageError
from geoseg.grid import Grid, Window
from geoseg.run_record import Progress, no_progress
from geoseg.tile_grid import TileGrid

OBSERVED = 0.5
"""Least observed share of the pixels of a feature, or of the footprint of a scene classifier; others are
nodata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRows:
    """Finished rows of features, in full width."""

    window: Window
    """On the grid of the features."""
    values: NDArray[np.float32]
    """(D, h, w); its own memory, undefined where not valid."""
    valid: NDArray[np.bool_]
    """(h, w); True = at least half of the pixels below were observed."""
    seconds: float
    """Time that the network took."""


def feature_grid(grid: Grid, stride: int) -> Grid:
    """Return the grid of features of `stride` x `stride` pixels; its last row and column may reach beyond."""
    a, b, c, d, e, f = grid.transform[:6]
    return Grid(
        crs=grid.crs,
        transform=Affine(a * stride, b * stride, c, d * stride, e * stride, f),
        height=-(-grid.height // stride),
        width=-(-grid.width // stride),
    )


def feature_tiles(
    recipe: Recipe, stride: int, *, tile: int | None = None, overlap: int | None = None
) -> TileGrid:
    """Return the tiles of a recipe, on its pixels.

    Raises:
        UsageError: the overlap is not an even number of features, or too large.
        SceneError: the scene has too many pixels.
    """
    check_size(recipe.source.grid, recipe.source.name)
    shared = recipe.overlap if overlap is None else overlap
    if shared % (2 * stride):
        raise UsageError(
            f"overlap {shared} must be a multiple of {2 * stride}: of twice the patch of {stride} px"
        )
    return TileGrid(grid=recipe.source.grid, size=tile or recipe.tile, overlap=shared)


def feature_rows(
    recipe: Recipe,
    stride: int,
    tiles: TileGrid | None = None,
    progress: Progress = no_progress,
    most_cache: int | None = None,
) -> Iterator[FeatureRows]:
    """Yield the features of a scene from top to bottom, blended over the overlap of tiles.

    Memory holds two tile rows of pixels and one of features, so that it depends on the width of the scene.

    Args:
        recipe: session of features, source, tile and overlap.
        stride: pixels of a side of a feature.
        tiles: how the scene is cut; None: by the recipe.
        progress: called after each tile row.
        most_cache: bytes of the cache of source blocks at most; None: as many as save decoding blocks again.

    Raises:
        SceneReadError: the source could not be read.
        UsageError: the overlap does not fit the stride.
    """
    fine = tiles or feature_tiles(recipe, stride)
    coarse = TileGrid(
        grid=feature_grid(fine.grid, stride), size=fine.size // stride, overlap=fine.overlap // stride
    )
    mosaic = Mosaic(coarse, recipe.session.planes, "linear")
    cells = {(tile.row, tile.col): tile for tile in coarse}
    with block_cache(recipe.source, recipe.bands, most_cache):
        for tile_row in ahead(read_tile_rows(recipe.source, recipe.bands, fine, mosaic.span)):
            seconds = 0.0
            observed = observed_tiles(fine, tile_row, mosaic.span)
            while batch := list(islice(observed, recipe.session.batch)):
                values = np.stack([recipe.prepare(tile_row.tile(tile)) for tile in batch])
                begun = time.monotonic()
                features = recipe.session(values)
                seconds += time.monotonic() - begun
                for tile, own in zip(batch, features, strict=True):
                    mosaic.add(cells[tile.row, tile.col], own)
            window, planes = mosaic.finished(tile_row.row)
            yield FeatureRows(
                window=window,
                values=planes.copy(),
                valid=observed_cells(tile_row, window, stride),
                seconds=seconds,
            )
            mosaic.advance()
            progress(tile_row.row + 1, fine.rows, "strips")


def rows_mib(recipe: Recipe, stride: int, tiles: TileGrid, most_cache: int | None) -> int:
    """Return the MiB of pixels, features and source blocks that `feature_rows` and its caller hold."""
    pixels = 2 * tiles.size * tiles.grid.width * (4 * len(recipe.bands) + 1)
    features = 4 * recipe.session.planes * (tiles.size // stride) * (tiles.grid.width // stride)
    # Sums, the finished rows, and those that are being written.
    return (pixels + 4 * features + cache_size(recipe.source, recipe.bands, most_cache)) // 2**20


def observed_cells(tile_row: TileRow, window: Window, stride: int) -> NDArray[np.bool_]:
    """Return (h, w) of a window of features: whether enough of the pixels of each were observed."""
    pixels = window.scaled(stride)
    rows, cols = pixels.slices(tile_row.pixels.window)
    valid = tile_row.pixels.valid[rows, cols]
    shares = valid.reshape(window.height, stride, window.width, stride).mean(axis=(1, 3))
    return np.asarray(shares >= OBSERVED)
