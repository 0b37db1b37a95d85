"""Scratch store: the bands of a spectrometer scene on disk, ordered by group of detector columns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.files.closing import Closing
from geoseg.files.scratch import ScratchFile
from geoseg.grid import Window
from geoseg.methods.matched_filter import Chunk, InMemory, Matrix

CHUNK = 8192
"""Pixels of a chunk."""

MEMORY_BYTES = 24 * 2**20
"""Size as float64 up to which a group is kept in memory."""


class ScratchStore(Closing):
    """Radiance, enhancement and signal by group of columns; a context manager that removes its files.

    Pixels are ordered by group, row and column. Radiance is float32, enhancement and signal are float64; NaN
    is not valid.
    """

    def __init__(self, folder: Path, rows: int, bounds: Sequence[tuple[int, int]], bands: int) -> None:
        """Create the files.

        Args:
            folder: for the files.
            rows: number of rows of the image.
            bounds: first column of each group and the one after its last; the groups cover all columns.
            bands: number of bands.

        Raises:
            OutputError: the disk is full.
        """
        pixels = rows * bounds[-1][1]
        with ExitStack() as files:
            self._radiance, self._enhancement, self._signal = (
                files.enter_context(ScratchFile(folder / name, pixels * size))
                for name, size in (("radiance.f4", bands * 4), ("enhancement.f8", 8), ("signal.f8", 8))
            )
            self._files = files.pop_all()
        self._rows, self.bounds, self._bands = rows, tuple(bounds), bands
        self.counts = [0] * len(bounds)
        """Number of valid pixels of each group."""

    def write(self, window: Window, radiance: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Write radiance (B, h, w), finite where `valid` (h, w)."""
        invalid = ~valid
        for group, (start, stop) in enumerate(self.bounds):
            left, right = max(start, window.col), min(stop, window.stop_col)
            if left >= right:
                continue
            cols = slice(left - window.col, right - window.col)
            part = np.moveaxis(radiance[:, :, cols], 0, -1).copy()
            count = int(np.count_nonzero(valid[:, cols]))
            if count < part[..., 0].size:
                part[invalid[:, cols]] = np.nan
            self.counts[group] += count
            all_columns = right - left == stop - start
            for row, piece in [(0, part)] if all_columns else list(enumerate(part)):
                first = self._first(group, window.row + row) + left - start
                self._radiance.write(piece, first * self._bands * 4)

    def group(self, group: int) -> list[Chunk]:
        """Return the valid pixels of a group in chunks; `finish` writes the results in them."""
        first, count = self._first(group, 0), self._size(group)
        chunks = [
            _StoredChunk(self, first + begin, min(CHUNK, count - begin)) for begin in range(0, count, CHUNK)
        ]
        return [_GroupInMemory(chunks)] if self.in_memory(group) else list(chunks)

    def in_memory(self, group: int) -> bool:
        """Return whether a group is kept in memory, as one chunk."""
        return self._size(group) * self._bands * 8 <= MEMORY_BYTES

    def finish(self, chunks: Sequence[Chunk]) -> None:
        """Write the results of a group that was kept in memory."""
        for chunk in chunks:
            if isinstance(chunk, _GroupInMemory):
                chunk.write()

    def invalidate(self, group: int) -> list[Chunk]:
        """Return the chunks of a group with NaN as results."""
        chunks = self.group(group)
        for chunk in chunks:
            unknown = np.full(len(chunk.radiance()), np.nan)
            chunk.store_enhancement(unknown)
            chunk.store_signal(unknown)
        return chunks

    def enhancement(self, row: int, stop: int) -> NDArray[np.float32]:
        """Return rows of the enhancement, (stop - row, columns) in ppm·m, NaN where not valid."""
        return self._image_rows(self._enhancement, row, stop)

    def signal(self, row: int, stop: int) -> NDArray[np.float32]:
        """Return rows of the signal, (stop - row, columns) in ppm·m, NaN where not valid."""
        return self._image_rows(self._signal, row, stop)

    def _image_rows(self, file: ScratchFile, row: int, stop: int) -> NDArray[np.float32]:
        """Return rows of a file in the order of the image."""
        out = np.empty((stop - row, self.bounds[-1][1]), np.float32)
        for group, (left, right) in enumerate(self.bounds):
            count = (stop - row) * (right - left)
            values = np.empty(count, np.float64)
            file.read(values, self._first(group, row) * 8)
            out[:, left:right] = values.reshape(stop - row, right - left)
        return out

    def radiance(self, first: int, count: int) -> NDArray[np.float32]:
        """Return the radiance of stored pixels, (count, B)."""
        out = np.empty((count, self._bands), np.float32)
        self._radiance.read(out, first * self._bands * 4)
        return out

    def read_enhancement(self, first: int, count: int) -> Matrix:
        """Return the enhancement of stored pixels, (count,)."""
        out = np.empty(count, np.float64)
        self._enhancement.read(out, first * 8)
        return out

    def write_enhancement(self, first: int, enhancement: Matrix) -> None:
        """Write the enhancement of stored pixels."""
        self._enhancement.write(enhancement, first * 8)

    def write_signal(self, first: int, signal: Matrix) -> None:
        """Write the signal of stored pixels."""
        self._signal.write(signal, first * 8)

    def close(self) -> None:
        """Remove the files."""
        self._files.close()

    def _first(self, group: int, row: int) -> int:
        """Return the position of the first pixel of a row of a group."""
        start, stop = self.bounds[group]
        return self._rows * start + row * (stop - start)

    def _size(self, group: int) -> int:
        """Return the number of pixels of a group."""
        start, stop = self.bounds[group]
        return self._rows * (stop - start)


class _StoredChunk:
    """A chunk that is read from the store each time."""

    def __init__(self, store: ScratchStore, first: int, count: int) -> None:
        self._store, self._first, self._count = store, first, count
        self._valid: NDArray[np.bool_] | None = None

    def radiance(self) -> Matrix:
        """Return the radiance (n, B) of the valid pixels."""
        values = self._store.radiance(self._first, self._count)
        if self._valid is None:
            self._valid = np.isfinite(values[:, 0])
        if self._valid.all():
            return values.astype(np.float64)
        return values[self._valid].astype(np.float64)

    def enhancement(self) -> Matrix:
        """Return the enhancement (n,) of the valid pixels."""
        values = self._store.read_enhancement(self._first, self._count)
        return values if self._valid is None else values[self._valid]

    def store_enhancement(self, enhancement: Matrix) -> None:
        """Write the enhancement (n,) of the valid pixels; others become NaN."""
        self._store.write_enhancement(self._first, self._with_invalid(enhancement))

    def store_signal(self, signal: Matrix) -> None:
        """Write the signal (n,) of the valid pixels; others become NaN."""
        self._store.write_signal(self._first, self._with_invalid(signal))

    def _with_invalid(self, values: Matrix) -> Matrix:
        if self._valid is None:
            self.radiance()
        out = np.full(self._count, np.nan)
        out[self._valid] = values
        return out


class _GroupInMemory(InMemory):
    """All chunks of a small group as one chunk in memory."""

    def __init__(self, chunks: Sequence[_StoredChunk]) -> None:
        parts = [chunk.radiance() for chunk in chunks]
        super().__init__(np.concatenate(parts))
        self._chunks, self._sizes = chunks, [len(part) for part in parts]

    def write(self) -> None:
        """Write the results to the store."""
        ends = np.cumsum(self._sizes)[:-1]
        parts = zip(
            self._chunks, np.split(self.enhancement(), ends), np.split(self.signal(), ends), strict=True
        )
        for chunk, enhancement, signal in parts:
            chunk.store_enhancement(enhancement)
            chunk.store_signal(signal)
