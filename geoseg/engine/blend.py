"""Blend the scores of overlapping tiles into finished rows.

Tiles are added from left to right, one tile row after the other. After a tile row, the rows above the next
row's halo are final; only the `overlap` rows that both share are kept. Sums are added in tile order, so the
result does not depend on threads or batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Tile, TileGrid, Window
from geoseg.pixels import NODATA_CLASS, Classes

Blend = Literal["linear", "crop"]
"""`linear`: weights fall linearly over the overlap (networks). `crop`: each pixel has the score of the tile
whose core holds it (methods, whose filters need context but no mean)."""


DECIDE_ROWS = 64
"""Rows of a strip that are decided at once."""


def profile(size: int, overlap: int, *, first: bool, last: bool) -> NDArray[np.float32]:
    """Return blend weights (size,) along one axis of a tile.

    Over `overlap` pixels at each end the weight is (i + 1/2) / overlap, so that the weights of two
    neighbours sum to one. At the border of the scene, without a neighbour, the weight is 1.

    Args:
        size: pixels of the tile.
        overlap: pixels shared with each neighbour.
        first: whether the tile has no neighbour before it.
        last: whether the tile has no neighbour after it.
    """
    weights = np.ones(size, np.float32)
    if overlap:
        ramp = ((np.arange(overlap) + 0.5) / overlap).astype(np.float32)
        if not first:
            weights[:overlap] = ramp
        if not last:
            weights[size - overlap :] = ramp[::-1]
    return weights


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
        width = len(self.span) * tiles.stride + tiles.overlap
        self._sums = np.zeros((planes, tiles.size, width), np.float32)

    @property
    def window(self) -> Window:
        """Return the window of the finished columns on the grid, all rows."""
        start = self._wanted.start * self._tiles.stride
        stop = min(self._wanted.stop * self._tiles.stride, self._tiles.grid.width)
        return Window(row=0, col=start, height=self._tiles.grid.height, width=stop - start)

    def add(self, tile: Tile, scores: NDArray[np.float32]) -> None:
        """Add the scores (K, size, size) of one tile of the current tile row; `scores` is overwritten."""
        tiles = self._tiles
        start = (tile.col - self.span.start) * tiles.stride
        if self._blend == "crop":
            rows, cols = tile.core.slices(tile.halo)
            into = slice(start + cols.start, start + cols.stop)
            self._sums[:, rows, into] = scores[:, rows, cols]
            return
        down = profile(tiles.size, tiles.overlap, first=tile.row == 0, last=tile.row == tiles.rows - 1)
        right = profile(tiles.size, tiles.overlap, first=tile.col == 0, last=tile.col == tiles.cols - 1)
        scores *= right
        scores *= down[:, np.newaxis]
        self._sums[:, :, start : start + tiles.size] += scores

    def finished(self, row: int) -> tuple[Window, NDArray[np.float32]]:
        """Return the window that tile row `row` finished on the grid, and its scores (K, H, W).

        The scores are a view that `advance` overwrites.
        """
        tiles = self._tiles
        top = row * tiles.stride - tiles.margin
        last = row == tiles.rows - 1
        final = Window(
            row=max(0, top),
            col=self.window.col,
            height=(tiles.grid.height if last else top + tiles.stride) - max(0, top),
            width=self.window.width,
        )
        left = self.span.start * tiles.stride - tiles.margin
        origin = Window(row=top, col=left, height=tiles.size, width=self._sums.shape[2])
        rows, cols = final.slices(origin)
        return final, self._sums[:, rows, cols]

    def advance(self) -> None:
        """Continue with the next tile row; keep the rows shared with it."""
        tiles = self._tiles
        self._sums[:, : tiles.overlap] = self._sums[:, tiles.stride :].copy()
        self._sums[:, tiles.overlap :] = 0


class Decide(Protocol):
    """Turns the scores of finished rows into classes."""

    def __call__(
        self, scores: NDArray[np.float32], valid: NDArray[np.bool_], window: Window
    ) -> tuple[Classes, NDArray[np.uint8]]:
        """Return class values and their scores in 255ths, (H, W) both.

        Args:
            scores: (K, H, W) in 0..1.
            valid: (H, W); True = observed.
            window: of the rows on the grid. Each pixel of a scene is decided once.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Highest:
    """The class of the highest score, by `decide`."""

    values: tuple[int, ...]
    """Class value of each plane; two where there is one plane."""
    threshold: float = 0.5
    """0..1, for one plane."""

    def __call__(
        self, scores: NDArray[np.float32], valid: NDArray[np.bool_], window: Window
    ) -> tuple[Classes, NDArray[np.uint8]]:
        """Return the classes and scores of rows at any window."""
        del window
        return decide(scores, valid, values=self.values, threshold=self.threshold)


def decide(
    scores: NDArray[np.float32],
    valid: NDArray[np.bool_],
    *,
    values: tuple[int, ...],
    threshold: float = 0.5,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return class values and the highest score in 255ths.

    Args:
        scores: (K, H, W) in 0..1. With K = 1 the plane is the score of the second class.
        valid: (H, W); True = observed.
        values: the class value of each plane; two values where K = 1. Ties go to the first.
        threshold: of K = 1; the second class wins strictly above it.

    Returns:
        Class values, `NODATA_CLASS` where not valid, and scores, 0 where not valid.
    """
    classes = np.empty(valid.shape, np.uint8)
    quanta = np.empty(valid.shape, np.uint8)
    # A few rows at a time: the temporary arrays of a whole strip would be its greatest cost in memory.
    for row in range(0, len(valid), DECIDE_ROWS):
        part = slice(row, row + DECIDE_ROWS)
        classes[part], quanta[part] = _decide(scores[:, part], values, threshold)
    classes[~valid] = NODATA_CLASS
    quanta[~valid] = 0
    return classes, quanta


def _decide(
    scores: NDArray[np.float32], values: tuple[int, ...], threshold: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return classes and 255ths of some rows, observed or not."""
    if len(scores) == 1:
        wins = scores[0] > np.float32(threshold)
        quanta = _quantise(scores[0])
        return (
            np.where(wins, np.uint8(values[1]), np.uint8(values[0])),
            np.where(wins, quanta, 255 - quanta),
        )
    classes = np.full(scores.shape[1:], values[0], np.uint8)
    best = scores[0].copy()
    for value, plane in zip(values[1:], scores[1:], strict=True):
        wins = plane > best
        classes[wins] = value
        np.maximum(best, plane, out=best)
    return classes, _quantise(best)


def _quantise(scores: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return scores in 0..1 as rounded 255ths; rounding errors outside are clipped."""
    scaled = scores * np.float32(255)
    scaled += np.float32(0.5)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)
