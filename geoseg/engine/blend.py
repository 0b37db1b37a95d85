"""Blend the scores of overlapping tiles into finished rows.

Tiles are added from left to right, one tile row after the other. After a tile row, the rows above the next
row's halo are final; only the rows that both share are kept. Sums are added in tile order, so the
result does not depend on threads or batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Window
from geoseg.pixels import NODATA_CLASS, Classes
from geoseg.tile_grid import Tile, TileAxis, TileGrid

Blend = Literal["linear", "crop"]
"""`linear`: weights fall linearly over the overlap (networks). `crop`: each pixel has the score of the tile
whose core holds it (methods, whose filters need context but no mean)."""


DECIDE_ROWS = 64
"""Rows of a strip that are decided at once."""


def profile(axis: TileAxis, index: int, size: int) -> NDArray[np.float32]:
    """Return the blend weights along one axis of a tile, over the pixels that it adds to (`TileAxis.reach`).

    Over `ramp` pixels around the edge of two cores the weight is (i + 1/2) / ramp, so that the weights of two
    neighbours sum to one. At the border of the scene, without a neighbour, the weight is 1.

    Args:
        axis: the tiles along the axis.
        index: of the tile.
        size: pixels of a tile.
    """
    first, last = axis.reach(index, size)
    weights = np.ones(last - first, np.float32)
    if axis.ramp:
        ramp = ((np.arange(axis.ramp) + 0.5) / axis.ramp).astype(np.float32)
        if index:
            weights[: axis.ramp] = ramp
        if index < len(axis.starts) - 1:
            weights[len(weights) - axis.ramp :] = ramp[::-1]
    return weights


def reached(tiles: TileGrid, tile: Tile) -> tuple[slice, slice]:
    """Return the rows and columns of a tile that it adds to the blended scores."""
    rows, cols = tiles.down.reach(tile.row, tiles.size), tiles.across.reach(tile.col, tiles.size)
    return slice(*rows), slice(*cols)


class Mosaic:
    """Sums the scores of some tile columns and returns finished rows."""

    def __init__(self, tiles: TileGrid, planes: int, blend: Blend, cols: range | None = None) -> None:
        """Allocate one tile row.

        Args:
            tiles: how the grid is cut.
            planes: K, score planes of a tile.
            blend: how overlapping tiles are joined.
            cols: tile columns of the result; None: all. Their neighbours must be added too (`span`), because
                their halos reach into the range.
        """
        self._tiles = tiles
        self._blend = blend
        self._wanted = range(tiles.cols) if cols is None else cols
        self.span = range(max(0, self._wanted.start - 1), min(tiles.cols, self._wanted.stop + 1))
        self._row = 0
        self._left = tiles.across.starts[self.span.start]
        self._sums = np.zeros((planes, tiles.size, tiles.span_window(0, self.span).width), np.float32)

    def add(self, tile: Tile, scores: NDArray[np.float32]) -> None:
        """Add the scores (K, size, size) of one tile of the current tile row; `scores` is overwritten."""
        tiles = self._tiles
        self._row = tile.row
        start = tile.halo.col - self._left
        if self._blend == "crop":
            rows, cols = tile.core.slices(tile.halo)
            into = slice(start + cols.start, start + cols.stop)
            self._sums[:, rows, into] = scores[:, rows, cols]
            return
        rows, cols = reached(tiles, tile)
        own = scores[:, rows, cols]
        own *= profile(tiles.across, tile.col, tiles.size)
        own *= profile(tiles.down, tile.row, tiles.size)[:, np.newaxis]
        self._sums[:, rows, start + cols.start : start + cols.stop] += own

    def finished(self, row: int) -> tuple[Window, NDArray[np.float32]]:
        """Return the window that tile row `row` finished on the grid, and its scores (K, H, W).

        The scores are a view that `advance` overwrites.
        """
        self._row = row
        window, (rows, cols) = finished_window(self._tiles, row, self._wanted, self.span)
        return window, self._sums[:, rows, cols]

    def advance(self) -> None:
        """Continue with the next tile row; keep the rows shared with it."""
        kept = shared_rows(self._tiles, self._row)
        if kept:
            self._sums[:, :kept] = self._sums[:, self._tiles.size - kept :].copy()
        self._sums[:, kept:] = 0


def shared_rows(tiles: TileGrid, row: int) -> int:
    """Return the number of rows that the tiles of a tile row share with the next; 0 after the last."""
    if row == tiles.rows - 1:
        return 0
    return tiles.down.starts[row] + tiles.size - tiles.down.starts[row + 1]


def finished_window(
    tiles: TileGrid, row: int, cols: range, span: range
) -> tuple[Window, tuple[slice, slice]]:
    """Return the window that a tile row finishes on the grid, and its place in the sums of the tile row.

    Args:
        tiles: how the grid is cut.
        row: the tile row.
        cols: tile columns of the result.
        span: tile columns of the sums.
    """
    top, bottom = tiles.down.finished(row)
    start, stop = tiles.across.edges[cols.start], tiles.across.edges[cols.stop]
    window = Window(row=top, col=start, height=bottom - top, width=stop - start)
    return window, window.slices(tiles.span_window(row, span))


Decide = Callable[[NDArray[np.float32], NDArray[np.bool_], Window], tuple[Classes, NDArray[np.uint8]]]
"""Turns the scores of finished rows, (K, H, W) in 0..1, into class values and their scores in 255ths, (H, W)
both. The other arguments are which pixels were observed, (H, W), and the window of the rows on the grid. Each
pixel of a scene is decided once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Highest:
    """The class of the highest score; ties go to the first."""

    values: tuple[int, ...]
    """Class value of each plane; two where there is one plane, which is the score of the second class."""
    threshold: float = 0.5
    """0..1, for one plane: the second class wins strictly above it."""

    def __call__(
        self, scores: NDArray[np.float32], valid: NDArray[np.bool_], window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the classes and scores of rows at any window; `NODATA_CLASS` and 0 where not valid."""
        del window
        classes = np.empty(valid.shape, np.uint8)
        quanta = np.empty(valid.shape, np.uint8)
        # A few rows at a time: the temporary arrays of a whole strip would be its greatest cost in memory.
        for row in range(0, len(valid), DECIDE_ROWS):
            part = slice(row, row + DECIDE_ROWS)
            classes[part], quanta[part] = decide_rows(scores[:, part], self.values, self.threshold)
        if not valid.all():
            np.copyto(classes, NODATA_CLASS, where=~valid)
            np.copyto(quanta, 0, where=~valid)
        return classes, quanta


def decide_rows(
    scores: Any, values: tuple[int, ...], threshold: float, arrays: ModuleType = np
) -> tuple[Any, Any]:
    """Return class values and scores in 255ths of some rows, observed or not, (H, W) uint8 both.

    Args:
        scores: (K, H, W) in 0..1, an array of the library `arrays`.
        values: see `Highest`.
        threshold: see `Highest`.
        arrays: numpy or torch.
    """
    best = scores[0]
    classes = arrays.full_like(best, values[0], dtype=arrays.uint8)
    if len(scores) == 1:
        wins = best > np.float32(threshold)
        classes[wins] = values[1]
        quanta = _quantise(best, arrays)
        return classes, arrays.where(wins, quanta, 255 - quanta)
    for value, plane in zip(values[1:], scores[1:], strict=True):
        classes[plane > best] = value
        best = arrays.maximum(best, plane)
    return classes, _quantise(best, arrays)


def _quantise(scores: Any, arrays: ModuleType) -> Any:
    """Return scores in 0..1 as rounded 255ths; rounding errors outside are clipped."""
    scaled = scores * 255
    scaled += 0.5
    return arrays.asarray(arrays.clip(scaled, 0, 255, out=scaled), dtype=arrays.uint8)
