"""The distinct values of a raster under a scene, from pixels at full resolution, never from overviews.

A sample of pixels misses rare codes, and overviews hold averages that are not codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.grid import Grid, Window, sample_windows
from geoseg.scenes.bands import Band, observed
from geoseg.scenes.raster import place_on

MOST_PIXELS = 2**27
"""Pixels under a scene up to which all are read; of more, evenly spread windows are read."""

MOST_VALUES = 512
"""Distinct values up to which each is counted; a raster with more does not hold codes."""

FILL = (255.0, 254.0, 65_535.0, 32_767.0, -32_768.0, -9999.0, -99_999.0, -128.0, -1.0)
"""Usual nodata values of files without a nodata tag, if all other values are far from them."""

_BLOCK_BYTES = 8 * 2**20
_CACHE = 32 * 2**20
_APART = 0.8
_NODES = 33
_POINTS = 256
_ELSEWHERE = 8


@dataclass(frozen=True, kw_only=True)
class StoredValues:
    """Distinct stored values of a band, without pixels that are not valid."""

    values: NDArray[np.float64]
    """Distinct values, ascending. If there are more than `MOST_VALUES`: the least, the greatest and those of
    `FILL` that occur."""
    counts: NDArray[np.int64]
    """Pixels under the scene of each value; 0: it occurs elsewhere in the file, or was not counted."""
    listed: bool
    """Whether `values` are all distinct values."""
    pixels: int
    """Valid pixels of the raster under the scene; 0 where they do not overlap."""

    def untagged_fill(self) -> tuple[float, ...]:
        """Return the values that are nodata without a tag.

        There are none where no other value is above 0: of 0 and 255, 255 may be the class.
        """
        rest = self.values[~np.isin(self.values, FILL)]
        if not rest.size or rest.max() <= 0:
            return ()
        return tuple(
            item
            for item in FILL
            if (self.values == item).any()
            and (rest.max() < _APART * item if item > 0 else rest.min() > _APART * item)
        )

    def without(self, fill: Sequence[float]) -> StoredValues:
        """Return all values except some."""
        kept = ~np.isin(self.values, fill)
        return StoredValues(
            values=self.values[kept],
            counts=self.counts[kept],
            listed=self.listed,
            pixels=self.pixels - int(self.counts[~kept].sum()),
        )

    def physical(self, scale: float, offset: float) -> StoredValues:
        """Return physical values: stored * scale + offset."""
        values = self.values * scale + offset
        order = np.argsort(values)
        return StoredValues(
            values=values[order], counts=self.counts[order], listed=self.listed, pixels=self.pixels
        )


def stored_values(band: Band, grid: Grid) -> StoredValues:
    """Read a band under a grid, and some windows elsewhere.

    Raises:
        SceneError: one of them has a CRS and the other has none.
        SceneReadError: the file is damaged.
    """
    counter = _ValueCounter()
    under = _under(band, grid)
    with rasterio.Env(GDAL_CACHEMAX=_CACHE):
        for window in _windows(band, under):
            counter.add(*_read(band, window), here=True)
        for window in sample_windows(band.raster.grid, size=512, most=_ELSEWHERE):
            if window.intersect(under) != window:
                counter.add(*_read(band, window), here=False)
    return counter.result()


def covered_share(band: Band, grid: Grid) -> float:
    """Return the share (0..1) of a grid that the extent of a raster covers, observed there or not.

    Raises:
        SceneError: one of them has a CRS and the other has none.
    """
    steps = (np.arange(_POINTS) + 0.5) / _POINTS
    cols, rows = np.meshgrid(steps * grid.width, steps * grid.height)
    x, y = place_on(grid, band.raster).exact(cols, rows)
    native = band.raster.grid
    with np.errstate(invalid="ignore"):
        inside = (x >= 0) & (x <= native.width) & (y >= 0) & (y <= native.height)
    return float(inside.mean())


class _ValueCounter:
    """Distinct values and their number of pixels."""

    def __init__(self) -> None:
        self._counts: dict[float, int] = {}
        self._listed, self._pixels = True, 0

    def add(self, data: NDArray[np.generic], valid: NDArray[np.bool_] | None, *, here: bool) -> None:
        """Add the values of a window; `here`: under the scene."""
        values = data.ravel() if valid is None else data[valid]
        if not values.size:
            return
        self._pixels += values.size if here else 0
        if self._listed:
            for value, count in zip(*_unique(values), strict=True):
                self._count(float(value), int(count) if here else 0)
            self._listed = len(self._counts) <= MOST_VALUES
        else:
            self._count_ends(values, here=here)

    def _count(self, value: float, count: int) -> None:
        self._counts[value] = self._counts.get(value, 0) + count

    def _count_ends(self, values: NDArray[Any], *, here: bool) -> None:
        """Add the least and the greatest value, and values of `FILL` beyond them."""
        while values.size:
            ends = float(values.min()), float(values.max())
            fill = [value for value in ends if value in FILL]
            for value in set(ends):
                self._count(value, int(np.count_nonzero(values == value)) if here and value in fill else 0)
            if not fill:
                return
            values = values[~np.isin(values, fill)]

    def result(self) -> StoredValues:
        """Return the values and their counts."""
        known = sorted(self._counts)
        if not self._listed:
            inner = [value for value in known if value not in FILL]
            known = sorted({*(value for value in known if value in FILL), inner[0], inner[-1]})
        return StoredValues(
            values=np.array(known, np.float64),
            counts=np.array([self._counts[value] for value in known], np.int64),
            listed=self._listed,
            pixels=self._pixels,
        )


def _unique(values: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """Return distinct values with their counts; of uint8 without sorting."""
    if values.dtype == np.uint8:
        counts = np.bincount(values.astype(np.uint8), minlength=256)
        there = np.flatnonzero(counts)
        return there, counts[there]
    found, counts = np.unique(values, return_counts=True)
    return found, counts


def _read(band: Band, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_] | None]:
    """Return the stored values of a window and their mask; None: all valid."""
    data = band.raster.read(window, [band.index])
    return data[0], observed([band], data, window)[0]


def _windows(band: Band, under: Window) -> Iterator[Window]:
    """Yield windows of full blocks under a scene; of a large part, evenly spread windows."""
    if under.empty:
        return
    if under.height * under.width > MOST_PIXELS:
        inner = Grid(crs=None, transform=band.raster.grid.transform, height=under.height, width=under.width)
        for part in sample_windows(inner, size=1024, most=MOST_PIXELS // 2**20):
            yield Window(
                row=under.row + part.row, col=under.col + part.col, height=part.height, width=part.width
            )
        return
    rows, cols, _ = band.raster.stretch([band.index], _BLOCK_BYTES)
    for row in range(under.row // rows * rows, under.stop_row, rows):
        for col in range(under.col // cols * cols, under.stop_col, cols):
            yield Window(row=row, col=col, height=rows, width=cols).intersect(under)


def _under(band: Band, grid: Grid) -> Window:
    """Return the part of a raster that lies under a grid; empty where they do not overlap.

    Raises:
        SceneError: one of them has a CRS and the other has none.
    """
    native = band.raster.grid
    placement = place_on(grid, band.raster)
    cols, rows = np.meshgrid(np.linspace(0, grid.width, _NODES), np.linspace(0, grid.height, _NODES))
    x, y = placement.exact(cols, rows)
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return Window(row=0, col=0, height=0, width=0)
    # Between the nodes, edges in another CRS are curved by less than a pixel; two pixels are a margin.
    first_row, first_col = int(np.floor(y[known].min())) - 2, int(np.floor(x[known].min())) - 2
    last_row, last_col = int(np.ceil(y[known].max())) + 2, int(np.ceil(x[known].max())) + 2
    window = Window(row=first_row, col=first_col, height=last_row - first_row, width=last_col - first_col)
    return window.intersect(native.window)
