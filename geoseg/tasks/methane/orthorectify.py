"""Raster of column enhancements, and its orthorectification by a geometry lookup table."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RioWindow

from geoseg.files.disk import check_blocks
from geoseg.files.scratch import scratching
from geoseg.grid import Grid, Window
from geoseg.scenes.raster import Raster
from geoseg.scenes.swath import Granule

TILE = 256
CACHE = 48 * 2**20
"""Block cache in bytes for writing windows that are not tiles of the file."""

Plane = NDArray[np.float32]


class ColumnsFile:
    """A tiled float32 GeoTIFF with NaN as nodata; a context manager."""

    def __init__(self, path: Path, grid: Grid, names: tuple[str, ...], *, update: bool = False) -> None:
        """Create the file, or open it to write more (`update`).

        Raises:
            OutputError: the file cannot be written.
        """
        self._path = path
        self._env = rasterio.Env(GDAL_CACHEMAX=CACHE)
        self._env.__enter__()
        try:
            with scratching(path.parent), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                if update:
                    self._file = rasterio.open(path, "r+")
                else:
                    self._file = rasterio.open(
                        path,
                        "w",
                        **grid.geotiff(),
                        dtype="float32",
                        count=len(names),
                        nodata=np.nan,
                        tiled=True,
                        blockxsize=TILE,
                        blockysize=TILE,
                        interleave="band",
                    )
                    self._file.descriptions = names
        except BaseException:
            self._env.__exit__(None, None, None)
            raise

    def write(self, window: Window, index: int, values: Plane) -> None:
        """Write a window of a band, counted from 1.

        Raises:
            OutputError: the disk is full.
        """
        place = RioWindow(window.col, window.row, window.width, window.height)
        with scratching(self._path.parent):
            self._file.write(values, index, window=place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with scratching(self._path.parent):
                self._file.close()
                if kind is None:
                    check_blocks(self._path)
        finally:
            self._env.__exit__(None, None, None)


def orthorectify(columns: Path, target: Path, granule: Granule) -> Path:
    """Orthorectify a raster in sensor geometry by nearest neighbour.

    Args:
        columns: raster in sensor geometry.
        target: raster on the map grid of the granule.
        granule: with the geometry lookup table.

    Returns:
        `target`.

    Raises:
        SceneReadError: the geometry lookup table is damaged.
        OutputError: the disk is full.
    """
    with Raster(str(columns)) as source:
        names = tuple(name or "" for name in source.descriptions)
        with ColumnsFile(target, granule.grid, names) as file:
            for row in range(0, granule.grid.height, TILE):
                for col in range(0, granule.grid.width, TILE):
                    window = Window(row=row, col=col, height=TILE, width=TILE)
                    window = window.intersect(granule.grid.window)
                    for index, plane in enumerate(_gather(source, granule, window), start=1):
                        file.write(window, index, plane)
    return target


def _gather(source: Raster, granule: Granule, window: Window) -> Plane:
    """Return all bands (B, h, w) of a window of the map grid; NaN where the lookup table is empty."""
    rows, cols = granule.lookup(window)
    out = np.full((source.count, *rows.shape), np.nan, np.float32)
    filled = rows >= 0
    if filled.any():
        top, left = int(rows[filled].min()), int(cols[filled].min())
        part = Window(
            row=top,
            col=left,
            height=int(rows[filled].max()) + 1 - top,
            width=int(cols[filled].max()) + 1 - left,
        )
        for index in range(source.count):
            values = source.read(part, [index + 1])[0]
            out[index, filled] = values[rows[filled] - top, cols[filled] - left]
    return out
