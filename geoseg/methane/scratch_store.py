"""A cube's bands on disk, so that the pixels of each group of columns lie together and are read at will."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geoseg.files.scratch import ScratchFile
from geoseg.grid import Window
from geoseg.methods.matched_filter import Chunk, InMemory, Matrix

CHUNK = 8192
"""Pixels of a group that are worked on at once."""

HELD = 24 * 2**20
"""Bytes of float64 up to which a group is held in memory instead."""


class Spool:
    """Radiance and enhancement by groups of columns; a context manager that removes its files.

    Pixel order: by group, then row, then column. Radiance is float32, the others are float64; NaN = not
    valid.
    """

    def __init__(self, folder: Path, rows: int, bounds: Sequence[tuple[int, int]], bands: int) -> None:
        """Make room.

        Args:
            folder: of the scratch files.
            rows: of the image.
            bounds: first column of each group and the one after its last; together they are all columns.
            bands: of the radiance.

        Raises:
            OutputError: there is no room.
        """
        pixels = rows * bounds[-1][1]
        with ExitStack() as made:
            self._radiance, self._found, self._signal = (
                made.enter_context(ScratchFile(folder / name, pixels * size))
                for name, size in (("radiance.f4", bands * 4), ("found.f8", 8), ("signal.f8", 8))
            )
            self._files = made.pop_all()
        self._rows, self.bounds, self._bands = rows, tuple(bounds), bands
        self.counts = [0] * len(bounds)
        """Valid pixels of each group."""

    def write(self, window: Window, radiance: NDArray[np.float32]) -> None:
        """Take (B, h, w); a pixel with NaN in one band is not valid."""
        bad: NDArray[np.bool_] = np.logical_not(np.isfinite(radiance).all(axis=0))
        for group, (start, stop) in enumerate(self.bounds):
            left, right = max(start, window.col), min(stop, window.stop_col)
            if left >= right:
                continue
            cols = slice(left - window.col, right - window.col)
            part = np.moveaxis(radiance[:, :, cols], 0, -1).copy()
            part[bad[:, cols]] = np.nan
            self.counts[group] += int(np.count_nonzero(~bad[:, cols]))
            whole = right - left == stop - start
            for row, piece in [(0, part)] if whole else list(enumerate(part)):
                first = self._first(group, window.row + row) + left - start
                self._radiance.write(piece, first * self._bands * 4)

    def group(self, group: int) -> list[Chunk]:
        """Return the valid pixels of a group; what is kept in its chunks is written by `finish`."""
        first, count = self._first(group, 0), self._size(group)
        chunks = [
            _Spooled(self, first + begin, min(CHUNK, count - begin)) for begin in range(0, count, CHUNK)
        ]
        if count * self._bands * 8 > HELD:
            return list(chunks)
        return [_Held(chunks)]

    def finish(self, chunks: Sequence[Chunk]) -> None:
        """Write what was kept in the chunks of a group that was held in memory."""
        for chunk in chunks:
            if isinstance(chunk, _Held):
                chunk.put_down()

    def skip(self, group: int) -> list[Chunk]:
        """Return the chunks of a group with all its pixels not valid."""
        chunks = self.group(group)
        for chunk in chunks:
            nothing = np.full(len(chunk.radiance()), np.nan)
            chunk.keep(nothing)
            chunk.keep_signal(nothing)
        return chunks

    def enhancement(self, row: int, stop: int) -> NDArray[np.float32]:
        """Return rows of the result, (stop - row, columns) ppm·m, NaN where not valid."""
        return self._rows_of(self._found, row, stop)

    def signal(self, row: int, stop: int) -> NDArray[np.float32]:
        """Return rows of the signal, likewise."""
        return self._rows_of(self._signal, row, stop)

    def _rows_of(self, file: ScratchFile, row: int, stop: int) -> NDArray[np.float32]:
        """Bring numbers from the order of groups to that of the image."""
        out = np.empty((stop - row, self.bounds[-1][1]), np.float32)
        for group, (left, right) in enumerate(self.bounds):
            count = (stop - row) * (right - left)
            values = np.empty(count, np.float64)
            file.read(values, self._first(group, row) * 8)
            out[:, left:right] = values.reshape(stop - row, right - left)
        return out

    def radiance(self, first: int, count: int) -> NDArray[np.float32]:
        """Return pixels in spool order, (count, B)."""
        out = np.empty((count, self._bands), np.float32)
        self._radiance.read(out, first * self._bands * 4)
        return out

    def found(self, first: int, count: int) -> Matrix:
        """Return the enhancement of pixels in spool order, (count,)."""
        out = np.empty(count, np.float64)
        self._found.read(out, first * 8)
        return out

    def keep(self, first: int, found: Matrix) -> None:
        """Write the enhancement of pixels in spool order."""
        self._found.write(found, first * 8)

    def keep_signal(self, first: int, signal: Matrix) -> None:
        """Write the signal of pixels in spool order."""
        self._signal.write(signal, first * 8)

    def close(self) -> None:
        """Remove the files."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _first(self, group: int, row: int) -> int:
        """Place of a group's row."""
        start, stop = self.bounds[group]
        return self._rows * start + row * (stop - start)

    def _size(self, group: int) -> int:
        start, stop = self.bounds[group]
        return self._rows * (stop - start)


class _Spooled:
    """A chunk that is read from the spool whenever it is looked at."""

    def __init__(self, spool: Spool, first: int, count: int) -> None:
        self._spool, self._first, self._count = spool, first, count
        self._seen: NDArray[np.bool_] | None = None

    def radiance(self) -> Matrix:
        """(n, B) of the valid pixels."""
        values = self._spool.radiance(self._first, self._count)
        if self._seen is None:
            self._seen = np.isfinite(values[:, 0])
        return values[self._seen].astype(np.float64)

    def found(self) -> Matrix:
        """(n,) of the valid pixels."""
        values = self._spool.found(self._first, self._count)
        return values if self._seen is None else values[self._seen]

    def keep(self, found: Matrix) -> None:
        """Write (n,) of the valid pixels; the others become NaN."""
        self._spool.keep(self._first, self._among_all(found))

    def keep_signal(self, signal: Matrix) -> None:
        """Write (n,) of the valid pixels; the others become NaN."""
        self._spool.keep_signal(self._first, self._among_all(signal))

    def _among_all(self, values: Matrix) -> Matrix:
        if self._seen is None:
            self.radiance()
        out = np.full(self._count, np.nan)
        out[self._seen] = values
        return out


class _Held(InMemory):
    """All chunks of a small group as one in memory."""

    def __init__(self, chunks: Sequence[_Spooled]) -> None:
        parts = [chunk.radiance() for chunk in chunks]
        super().__init__(np.concatenate(parts))
        self._chunks, self._sizes = chunks, [len(part) for part in parts]

    def put_down(self) -> None:
        """Write what was kept."""
        ends = np.cumsum(self._sizes)[:-1]
        found, signal = np.split(self.found(), ends), np.split(self.signal(), ends)
        for chunk, amounts, above in zip(self._chunks, found, signal, strict=True):
            chunk.keep(amounts)
            chunk.keep_signal(above)
