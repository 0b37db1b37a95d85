"""Tile rows of pixels, read ahead of the network, each source row once.

A tile row has `size` rows and shares some with the one before, which are copied and not read again. A
separate thread reads one tile row ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import rasterio

from geoseg.grid import READ_ROWS, Window
from geoseg.pixels import Pixels
from geoseg.scenes import Source
from geoseg.tile_grid import Tile, TileGrid

Item = TypeVar("Item")

LEAST_CACHE = 16 * 2**20
"""Least bytes of GDAL's block cache."""

CHUNK = 1024
"""Columns read at once: bounds the temporary arrays of a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRow:
    """The pixels of one tile row."""

    row: int
    pixels: Pixels
    """Window: all halos of the row."""

    def tile(self, tile: Tile) -> Pixels:
        """Return the pixels of a tile's halo: views, not copies."""
        rows, cols = tile.halo.slices(self.pixels.window)
        return replace(
            self.pixels,
            window=tile.halo,
            data=self.pixels.data[:, rows, cols],
            valid=self.pixels.valid[rows, cols],
        )


def cache_size(source: Source, bands: Sequence[str], most: int | None = None) -> int:
    """Return the bytes of GDAL's cache that hold the blocks of a strip, at most `most`."""
    wanted = max(source.cache_bytes(bands), LEAST_CACHE)
    return wanted if most is None else min(wanted, most)


def block_cache(source: Source, bands: Sequence[str], most: int | None = None) -> rasterio.Env:
    """Return the settings of GDAL for reading bands in strips; see `cache_size`."""
    return rasterio.Env(GDAL_CACHEMAX=cache_size(source, bands, most))


def read_tile_rows(
    source: Source, bands: tuple[str, ...], tiles: TileGrid, span: range, rows: range | None = None
) -> Iterator[TileRow]:
    """Yield the tile rows of the tile columns in `span`, from top to bottom.

    Args:
        source: of the pixels.
        bands: to read.
        tiles: of the scene.
        span: tile columns.
        rows: consecutive tile rows; None: all.

    Raises:
        SceneReadError: a source could not be read; the message names the window.
    """
    before: Pixels | None = None
    for row in range(tiles.rows) if rows is None else rows:
        window = tiles.span_window(row, span)
        kept = 0 if before is None else before.window.stop_row - window.row
        fresh = Window(row=window.row + kept, col=window.col, height=window.height - kept, width=window.width)
        pixels: Pixels | None = None
        for chunk in _chunks(fresh):
            part = source.read(chunk, bands)
            if pixels is None:
                shape = (window.height, window.width)
                pixels = replace(
                    part,
                    window=window,
                    data=np.empty((len(part.bands), *shape), part.data.dtype),
                    valid=np.empty(shape, np.bool_),
                )
                if before is not None:
                    pixels.data[:, :kept] = before.data[:, tiles.size - kept :]
                    pixels.valid[:kept] = before.valid[tiles.size - kept :]
            down, right = chunk.slices(window)
            pixels.data[:, down, right] = part.data
            pixels.valid[down, right] = part.valid
        if pixels is not None:
            yield TileRow(row=row, pixels=pixels)
            before = pixels


def _chunks(window: Window) -> Iterator[Window]:
    """Split a window at multiples of `READ_ROWS` rows and after `CHUNK` columns, in reading order."""
    row = window.row
    while row < window.stop_row:
        stop = min((row // READ_ROWS + 1) * READ_ROWS, window.stop_row)
        for col in range(window.col, window.stop_col, CHUNK):
            yield Window(row=row, col=col, height=stop - row, width=min(CHUNK, window.stop_col - col))
        row = stop


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Iterate on another thread, one item ahead; an error is raised in place of its item."""

    def following() -> Item | None:
        return next(items, None)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="geoseg-read") as pool:
        pending = pool.submit(copy_context().run, following)
        while (item := pending.result()) is not None:
            pending = pool.submit(copy_context().run, following)
            yield item
