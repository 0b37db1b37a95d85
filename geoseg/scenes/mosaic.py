"""Files that tile an area as one raster, read lazily: each pixel is of the first file that observed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Window
from geoseg.scenes.bands import Band, observed
from geoseg.scenes.lattice import one_lattice
from geoseg.scenes.raster import Raster


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """A file of a mosaic."""

    bands: tuple[Band, ...]
    """Its bands in the mosaic's order."""
    row: int
    """Of its first pixel on the mosaic's grid."""
    col: int

    @property
    def raster(self) -> Raster:
        """The file."""
        return self.bands[0].raster

    @property
    def window(self) -> Window:
        """What it covers of the mosaic's grid."""
        grid = self.raster.grid
        return Window(row=self.row, col=self.col, height=grid.height, width=grid.width)


class Mosaic(Raster):
    """Files of one lattice of pixels as one raster; a context manager. One thread at a time may read.

    The order of the tiles decides: where several observed a pixel, the first one gives it, band by band, so
    that a band's values do not depend on which others are read with it.

    Stored values are kept where all tiles are stored and scaled alike. Else each tile is scaled by its own
    gain, and values are physical, float32.
    """

    def __init__(self, tiles: Sequence[tuple[Band, ...]]) -> None:
        """Put open files on one grid.

        Args:
            tiles: per file its bands, in one order; files that come first win.

        Raises:
            SceneError: the files are not of one CRS, pixel size and lattice of pixels.
        """
        rasters = [bands[0].raster for bands in tiles]
        self.grid, places, self.nudge = one_lattice(rasters)
        self.tiles = tuple(
            Tile(bands=bands, row=row, col=col) for bands, (row, col) in zip(tiles, places, strict=True)
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
        """None: alpha bands are looked at file by file."""
        return None

    @property
    def mask_source(self) -> str | None:
        """A mask: what no tile observed."""
        return "mask"

    def tags(self, index: int = 0) -> dict[str, str]:
        """Those of the first tile."""
        band = self.tiles[0].bands[index - 1] if index else self.tiles[0].bands[0]
        return band.raster.tags(band.index if index else 0)

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return values (bands, height, width) of a window that lies on the grid; 0 or NaN where none is.

        Raises:
            SceneReadError: a tile is damaged there.
        """
        data, seen = self._compose(window, indexes)
        # The mask is asked for next: it was found on the way.
        self._last = (window, tuple(indexes), seen)
        return data

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:
        """Return where any tile observed (bands, height, width).

        Raises:
            SceneReadError: as `read`.
        """
        if self._last is not None and self._last[:2] == (window, tuple(indexes)):
            return self._last[2]
        return self._compose(window, indexes)[1]

    def _compose(
        self, window: Window, indexes: Sequence[int]
    ) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Return values and where they were observed, both (bands, height, width)."""
        dtype = np.result_type(*(self.dtypes[index - 1] for index in indexes))
        shape = (len(indexes), window.height, window.width)
        fill = [self.nodata[index - 1] for index in indexes]
        data: NDArray[Any] = np.zeros(shape, dtype)
        for band, value in zip(data, fill, strict=True):
            band[:] = value if value is not None else (np.nan if dtype.kind == "f" else 0)
        seen = np.zeros(shape, np.bool_)
        for tile in self.tiles:
            part = window.intersect(tile.window)
            if part.empty:
                continue
            rows, cols = part.slices(window)
            wanted = ~seen[:, rows, cols]
            if not wanted.any():
                continue
            chosen = [tile.bands[index - 1] for index in indexes]
            native = replace(part, row=part.row - tile.row, col=part.col - tile.col)
            values = tile.raster.read(native, [band.index for band in chosen])
            masks = observed(chosen, values, native)
            for position, (band, mask) in enumerate(zip(chosen, masks, strict=True)):
                take = wanted[position] if mask is None else wanted[position] & mask
                found = (
                    values[position]
                    if self.stored[indexes[position] - 1]
                    else _physical(band, values[position])
                )
                np.copyto(data[position, rows, cols], found, where=take, casting="unsafe")
                seen[position, rows, cols] |= take
        return data, seen

    def sample(self, index: int, size: int = 256, most: int = 16) -> NDArray[Any]:
        """Return values (n,) of up to `most` windows of `size`² over all tiles, one a tile at least."""
        each = max(1, most // len(self.tiles))
        found = []
        for tile in self.tiles:
            band = tile.bands[index - 1]
            values = tile.raster.sample(band.index, size, each)
            found.append(values if self.stored[index - 1] else _physical(band, values))
        return np.concatenate(found)

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
    """Whether one band is stored and scaled alike in all tiles."""
    return len({(band.dtype, band.scale, band.offset) for band in column}) == 1


def _shared_nodata(column: Sequence[Band]) -> float | None:
    """Return the stored value that means "not observed" in all tiles, None where they differ."""
    values = {band.nodata for band in column}
    return values.pop() if len(values) == 1 and _stored_alike(column) else None


def _physical(band: Band, values: NDArray[Any]) -> NDArray[np.float32]:
    """Return values after scale and offset, float32; linear power stays linear."""
    return np.asarray(values * np.float32(band.scale) + np.float32(band.offset), np.float32)
