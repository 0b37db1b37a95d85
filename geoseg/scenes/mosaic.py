"""Tiles of an area as one raster, read lazily: a pixel has the value of the first file where it is valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Window
from geoseg.scenes.bands import Band, observed
from geoseg.scenes.grid_alignment import common_grid
from geoseg.scenes.raster import Raster


@dataclass(frozen=True, kw_only=True, eq=False)
class MosaicTile:
    """A file of a mosaic."""

    bands: tuple[Band, ...]
    """Bands of the file in the order of the mosaic."""
    row: int
    """Row of its first pixel on the mosaic's grid."""
    col: int
    """Column of its first pixel on the mosaic's grid."""

    @property
    def raster(self) -> Raster:
        """The file."""
        return self.bands[0].raster

    @property
    def window(self) -> Window:
        """Window of the mosaic's grid that the file covers."""
        grid = self.raster.grid
        return Window(row=self.row, col=self.col, height=grid.height, width=grid.width)


class TileMosaic(Raster):
    """Files with aligned pixels as one raster; a context manager. Only one thread may read at a time.

    The order of the tiles decides: where several have a valid value, the first one is used, band by band, so
    that the values of a band do not depend on other bands that are read with it.

    Values are those stored if all tiles have the same dtype and gain. Else each tile is scaled by its own
    gain, and values are physical, float32.
    """

    def __init__(self, tiles: Sequence[tuple[Band, ...]]) -> None:
        """Put open files on one grid.

        Args:
            tiles: the bands of each file, in one order; earlier files are on top.

        Raises:
            SceneError: the files differ in CRS or pixel size, or their pixels are not aligned.
        """
        rasters = [bands[0].raster for bands in tiles]
        self.grid, places, self.nudge = common_grid(rasters)
        self.tiles = tuple(
            MosaicTile(bands=bands, row=row, col=col) for bands, (row, col) in zip(tiles, places, strict=True)
        )
        first, more = tiles[0], len(tiles) - 1
        self.path = f"{rasters[0].path} and {more} more"
        self.count = len(first)
        columns = list(zip(*tiles, strict=True))
        self.stored = tuple(_stored_alike(column) for column in columns)
        self.dtypes = tuple(
            band.dtype if alike else np.dtype(np.float32)
            for band, alike in zip(first, self.stored, strict=True)
        )
        self.nodata = tuple(_shared_nodata(column) for column in columns)
        self.scales, self.offsets = (1.0,) * self.count, (0.0,) * self.count
        self.descriptions = tuple(band.raster.descriptions[band.index - 1] for band in first)
        self.georeference = replace(rasters[0].georeference, grid=self.grid)
        self._last: tuple[Window, tuple[int, ...], NDArray[np.bool_]] | None = None

    @property
    def members(self) -> tuple[Raster, ...]:
        """The files of all tiles."""
        return tuple(tile.raster for tile in self.tiles)

    @property
    def alpha_candidate(self) -> int | None:
        """None: alpha bands are handled in each file."""
        return None

    def tags(self, index: int = 0) -> dict[str, str]:
        """Return the tags of the first tile."""
        band = self.tiles[0].bands[index - 1] if index else self.tiles[0].bands[0]
        return band.raster.tags(band.index if index else 0)

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return values (bands, height, width) of a window inside the grid; 0 or NaN where no tile is valid.

        Raises:
            SceneReadError: a tile is damaged there.
        """
        data, valid = self._compose(window, indexes)
        # The mask of the same window is usually read next.
        self._last = (window, tuple(indexes), valid)
        return data

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:
        """Return the mask (bands, height, width): valid where any tile is valid.

        Raises:
            SceneReadError: as `read`.
        """
        if self._last is not None and self._last[:2] == (window, tuple(indexes)):
            return self._last[2]
        return self._compose(window, indexes)[1]

    def _compose(
        self, window: Window, indexes: Sequence[int]
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Return values and their mask, both (bands, height, width)."""
        dtype = np.result_type(*(self.dtypes[index - 1] for index in indexes))
        shape = (len(indexes), window.height, window.width)
        fill = [self.nodata[index - 1] for index in indexes]
        data: NDArray[Any] = np.zeros(shape, dtype)
        for band, value in zip(data, fill, strict=True):
            band[:] = value if value is not None else (np.nan if dtype.kind == "f" else 0)
        valid = np.zeros(shape, np.bool_)
        for tile in self.tiles:
            part = window.intersect(tile.window)
            if part.empty:
                continue
            rows, cols = part.slices(window)
            missing = ~valid[:, rows, cols]
            if not missing.any():
                continue
            chosen = [tile.bands[index - 1] for index in indexes]
            native = replace(part, row=part.row - tile.row, col=part.col - tile.col)
            values = tile.raster.read(native, [band.index for band in chosen])
            masks = observed(chosen, values, native)
            for position, (band, mask) in enumerate(zip(chosen, masks, strict=True)):
                copied = missing[position] if mask is None else missing[position] & mask
                found = (
                    values[position]
                    if self.stored[indexes[position] - 1]
                    else _physical(band, values[position])
                )
                np.copyto(data[position, rows, cols], found, where=copied, casting="unsafe")
                valid[position, rows, cols] |= copied
        return data, valid

    def sample(self, index: int, size: int = 256, most: int = 16) -> NDArray[Any]:
        """Return values (n,) of up to `most` windows of `size`² over all tiles, one or more of each tile."""
        each = max(1, most // len(self.tiles))
        samples = []
        for tile in self.tiles:
            band = tile.bands[index - 1]
            values = tile.raster.sample(band.index, size, each)
            samples.append(values if self.stored[index - 1] else _physical(band, values))
        return np.concatenate(samples)

    def cache_bytes(self, indexes: Sequence[int], first: float, strip: int) -> int:
        """Bytes of the blocks of all tiles that a stretch of `strip` rows may touch at once."""
        spans = []
        for tile in self.tiles:
            size = tile.raster.cache_bytes(
                [tile.bands[index - 1].index for index in indexes], first - tile.row, strip
            )
            spans.append((tile.row - strip, tile.row + tile.raster.grid.height + strip, size))
        return max(sum(size for start, stop, size in spans if start <= at < stop) for at, _, _ in spans)

    def stretch(self, indexes: Sequence[int], most: int) -> tuple[int, int, int]:
        """Rows, columns and bytes of windows as those of the first tile."""
        tile = self.tiles[0]
        return tile.raster.stretch([tile.bands[index - 1].index for index in indexes], most)

    def close(self) -> None:
        """Close all files."""
        for tile in self.tiles:
            tile.raster.close()


def _stored_alike(column: Sequence[Band]) -> bool:
    """Return True if a band has the same dtype, scale and offset in all tiles."""
    return len({(band.dtype, band.scale, band.offset) for band in column}) == 1


def _shared_nodata(column: Sequence[Band]) -> float | None:
    """Return the nodata value of all tiles; None if they differ."""
    values = {band.nodata for band in column}
    return values.pop() if len(values) == 1 and _stored_alike(column) else None


def _physical(band: Band, values: NDArray[Any]) -> NDArray[np.float32]:
    """Return values after scale and offset, float32; linear power stays linear."""
    return np.asarray(values * np.float32(band.scale) + np.float32(band.offset), np.float32)
