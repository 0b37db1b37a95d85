"""A source that goes on beyond its edges: by the pixels inside, mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels
from geoseg.scenes import Source

PIECE = 256
"""Columns read at once: bounds the arrays of pixels that are averaged."""


class Mirrored:
    """A source whose pixels outside of its grid are those inside, mirrored at the edge.

    Networks that were trained on whole images take an edge in a tile for something on the ground.
    """

    def __init__(self, source: Source) -> None:
        """Go on beyond the edges of a source."""
        self._source = source

    @property
    def name(self) -> str:
        """That of the source."""
        return self._source.name

    @property
    def grid(self) -> Grid:
        """That of the source."""
        return self._source.grid

    @property
    def band_names(self) -> tuple[str, ...]:
        """Those of the source."""
        return self._source.band_names

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window, wherever it lies, a few columns at a time, for which a fine scene may have many.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged.
        """
        parts = [
            self._read(replace(window, col=col, width=min(PIECE, window.stop_col - col)), bands)
            for col in range(window.col, window.stop_col, PIECE)
        ]
        return replace(
            parts[0],
            window=window,
            data=np.concatenate([part.data for part in parts], axis=2),
            valid=np.concatenate([part.valid for part in parts], axis=1),
        )

    def _read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window of a few columns."""
        rows = _inside(window.row, window.height, self.grid.height)
        cols = _inside(window.col, window.width, self.grid.width)
        row, col = int(rows.min()), int(cols.min())
        needed = Window(row=row, col=col, height=int(rows.max()) - row + 1, width=int(cols.max()) - col + 1)
        pixels = self._source.read(needed, bands)
        if needed == window:
            return pixels
        down, right = (rows - row)[:, None], (cols - col)[None]
        return replace(
            pixels, window=window, data=pixels.data[:, down, right], valid=pixels.valid[down, right]
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks to keep."""
        return self._source.cache_bytes(bands)

    def describe(self) -> dict[str, JsonValue]:
        """Return the source's description."""
        return self._source.describe()


def _inside(start: int, count: int, size: int) -> NDArray[np.intp]:
    """Return where positions along an axis fall once they are mirrored at both ends, the edge repeated."""
    at = np.arange(start, start + count) % (2 * size)
    return np.where(at < size, at, 2 * size - 1 - at)
