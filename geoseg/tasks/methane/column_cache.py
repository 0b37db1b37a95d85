"""Column cache: column enhancements on disk, for the three passes over a scene before plumes are drawn."""

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
from geoseg.grid import Window
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.scenes import Source
from geoseg.scenes.bands import missing
from geoseg.tasks.methane.orthorectify import CACHE, ColumnsFile
from geoseg.tasks.methane.retrieval import CH4, Retrieval

ROWS, COLS = 256, 1024
"""Size of the windows in which enhancements are computed, in pixels."""


def cache_columns(retrieval: Retrieval, scratch: Path, stack: ExitStack, progress: Progress) -> Retrieval:
    """Compute the column enhancements of a scene into a scratch file, 8 bytes a pixel.

    Args:
        retrieval: whose enhancements are computed when they are read.
        scratch: folder of the file.
        stack: removes the file.
        progress: callback.

    Returns:
        The retrieval with the file as its source.

    Raises:
        SceneReadError: a file of the scene is damaged.
        OutputError: the disk is full.
    """
    folder = stack.enter_context(scratch_folder(scratch))
    source, grid = retrieval.source, retrieval.source.grid
    bands = tuple(dict.fromkeys((retrieval.search_band, CH4)))
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
    return replace(retrieval, source=CachedColumns(dataset, bands, source))


class CachedColumns:
    """A source that reads column enhancements from the column cache."""

    def __init__(self, dataset: rasterio.DatasetReader, bands: tuple[str, ...], computed: Source) -> None:
        """Read an open file.

        Args:
            dataset: the file.
            bands: its bands, by name.
            computed: the source that the file was computed from.
        """
        self._dataset, self._computed = dataset, computed
        self.band_names, self.name, self.grid = bands, computed.name, computed.grid

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window as float32; pixels are valid where all bands are finite.

        Raises:
            BandError: a band is not in the cache.
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
        """Return the size of two rows of blocks: the second serves the margins of windows."""
        return len(bands) * 4 * 512 * (self.grid.width + 512)

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of the source that the cache was computed from."""
        return self._computed.describe()
