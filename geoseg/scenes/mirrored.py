"""A source that is padded by mirrored pixels beyond the edges of its grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Window
from geoseg.pixels import Pixels
from geoseg.scenes.source import SourceView

PIECE = 256
"""Columns that are read at once; this bounds the arrays of native pixels that are averaged."""


class Mirrored(SourceView):
    """A source whose pixels outside its grid are those inside, mirrored at the edge.

    Networks that were trained on whole images map the edge of a scene as an object.
    """

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window at any place, `PIECE` columns at a time; see `Source.read`."""
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
        pixels = self.source.read(needed, bands)
        if needed == window:
            return pixels
        down, right = (rows - row)[:, None], (cols - col)[None]
        return replace(
            pixels, window=window, data=pixels.data[:, down, right], valid=pixels.valid[down, right]
        )


def _inside(start: int, count: int, size: int) -> NDArray[np.intp]:
    """Return positions along an axis mirrored at both ends; the pixel at the edge is repeated."""
    at = np.arange(start, start + count) % (2 * size)
    return np.where(at < size, at, 2 * size - 1 - at)
