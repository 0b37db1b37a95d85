"""Columns computed once and kept on disk: a scene is gone over three times before its plumes are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from pydantic import JsonValue
from rasterio.windows import Window as RasterWindow

from geoseg.files.scratch import scratch_folder
from geoseg.grid import Grid, Window
from geoseg.methane.orthorectify import CACHE, ColumnsFile
from geoseg.methane.retrieval import CH4, Retrieved
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.scenes import Source
from geoseg.scenes.bands import missing

ROWS, COLS = 256, 1024
"""Window that is computed at once."""


def keep(retrieved: Retrieved, scratch: Path, stack: ExitStack, progress: Progress) -> Retrieved:
    """Compute the columns of a scene into a file, 8 bytes a pixel, and read them from there.

    Args:
        retrieved: columns that are computed where they are read.
        scratch: folder for the file.
        stack: removes it.
        progress: is told how far it is.

    Raises:
        SceneReadError: the scene is damaged.
        OutputError: there is no room.
    """
    folder = stack.enter_context(scratch_folder(scratch))
    source, grid = retrieved.source, retrieved.source.grid
    bands = tuple(dict.fromkeys((retrieved.searched, CH4)))
    path = folder / "columns.tif"
    cache = max(source.cache_bytes(bands), CACHE)
    with ColumnsFile(path, grid, bands) as file, rasterio.Env(GDAL_CACHEMAX=cache):
        for row in range(0, grid.height, ROWS):
            rows = min(ROWS, grid.height - row)
            for col in range(0, grid.width, COLS):
                window = Window(row=row, col=col, height=rows, width=min(COLS, grid.width - col))
                for index, plane in enumerate(source.read(window, bands).physical(), start=1):
                    file.write(window, index, plane)
            progress(row + rows, grid.height, "rows of columns")
    dataset = stack.enter_context(rasterio.open(path))
    return replace(retrieved, source=Kept(dataset, bands, source))


class Kept:
    """The source of columns that were computed before."""

    def __init__(self, dataset: rasterio.DatasetReader, bands: tuple[str, ...], origin: Source) -> None:
        """Read an open file that holds these bands of another source."""
        self._dataset, self._origin = dataset, origin
        self.band_names = bands

    @property
    def name(self) -> str:
        """That of the scene."""
        return self._origin.name

    @property
    def grid(self) -> Grid:
        """That of the scene."""
        return self._origin.grid

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window: float32, valid where all bands are known.

        Raises:
            BandError: a band is not kept.
        """
        absent = [name for name in bands if name not in self.band_names]
        if absent:
            raise missing(absent, self.band_names)
        data = np.full((len(bands), window.height, window.width), np.nan, np.float32)
        inner = window.intersect(self.grid.window)
        if not inner.empty:
            indexes = [self.band_names.index(name) + 1 for name in bands]
            at = RasterWindow(inner.col, inner.row, inner.width, inner.height)
            data[(slice(None), *inner.slices(window))] = self._dataset.read(indexes, window=at)
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=np.asarray(np.isfinite(data).all(axis=0)),
            scale=(1.0,) * len(bands),
            offset=(0.0,) * len(bands),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of a row of blocks, and one row more for margins."""
        return len(bands) * 4 * 512 * (self.grid.width + 512)

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of what was computed from."""
        return self._origin.describe()
