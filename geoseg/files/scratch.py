"""Scratch files: a full disk is an error, never the end of the process.

Nothing is mapped into memory. Where a disk is full, a store to a mapped page of a sparse file ends the
process with SIGBUS; reading and writing by position fails with an error instead.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import GeosegError, OutputError
from geoseg.files.disk import FAILURES, free_bytes, is_full

PREFIX = ".geoseg-"
"""Begins the names of folders of scratch files."""


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for scratch files, which is removed at the end.

    Args:
        parent: where to; None: the system's folder for such files (`TMPDIR`).

    Raises:
        OutputError: it cannot be made.
    """
    with scratching(parent or Path(tempfile.gettempdir())):
        folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


@contextmanager
def scratching(folder: Path) -> Iterator[None]:
    """Turn failures to write a scratch file into an `OutputError` that names the folder it lies in."""
    try:
        yield
    except GeosegError:
        raise
    except FAILURES as error:
        raise _explain_scratch(folder, error) from error


def _explain_scratch(folder: Path, error: Exception) -> OutputError:
    """Say that scratch files cannot be kept, and where else they would go."""
    made = next((part for part in (folder, *folder.parents) if part.name.startswith(PREFIX)), None)
    place = folder if made is None else made.parent
    temporary = Path(tempfile.gettempdir())
    elsewhere = "name another folder by TMPDIR" if temporary == place else "write the output to another disk"
    why = "the disk is full" if is_full(place, error) else " ".join(str(error.__cause__ or error).split())
    return OutputError(
        f"{place}: scratch files cannot be kept there ({why}); free some space, or {elsewhere}"
    )


class ScratchFile:
    """Numbers in a file, written and read by position; it is removed when closed."""

    def __init__(self, path: Path, size: int = 0) -> None:
        """Make an empty file.

        Args:
            path: where to; no file may be there.
            size: bytes that will be written.

        Raises:
            OutputError: it cannot be made, or `size` bytes are not free.
        """
        self._path = path
        with scratching(path.parent):
            self._file = path.open("x+b", buffering=0)
            if free_bytes(path.parent) < size:
                self.close()
                raise OSError(errno.ENOSPC, f"{size / 2**20:,.0f} MiB are needed")

    def write(self, values: NDArray[Any], offset: int) -> None:
        """Write all of an array from a byte on.

        Raises:
            OutputError: there is no room.
        """
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        with scratching(self._path.parent):
            self._file.seek(offset)
            while data:
                data = data[self._file.write(data) :]

    def read(self, out: NDArray[Any], offset: int) -> None:
        """Fill a contiguous array from a byte on.

        Raises:
            OutputError: so much was never written, or the file was cut short.
        """
        data = out.reshape(-1).view(np.uint8).data
        with scratching(self._path.parent):
            self._file.seek(offset)
            while data:
                count = self._file.readinto(data)
                if not count:
                    raise OutputError(f"{self._path}: the scratch file was cut short while it was in use")
                data = data[count:]

    def close(self) -> None:
        """Remove it."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ColumnStore:
    """Rows of an image (height, width) that are written in groups of columns and read back whole.

    The pixels of a group lie together in one scratch file, row after row; the next group follows.
    """

    def __init__(self, path: Path, height: int, edges: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Make room.

        Args:
            path: of the scratch file.
            height: rows of the image.
            edges: first column of each group, and the width of the image.
            dtype: of its pixels.

        Raises:
            OutputError: it does not fit on the disk.
        """
        self._height, self._edges, self._dtype = height, edges, dtype
        self._file = ScratchFile(path, height * edges[-1] * dtype.itemsize)

    def write(self, group: int, row: int, values: NDArray[Any]) -> None:
        """Write rows (h, width of the group), the first of them `row`.

        Raises:
            OutputError: there is no room.
        """
        self._file.write(values.astype(self._dtype, copy=False), self._offset(group, row))

    def read(self, row: int, stop: int) -> NDArray[Any]:
        """Return rows (stop - row, width) of all groups."""
        out = np.empty((stop - row, self._edges[-1]), self._dtype)
        for group, (left, right) in enumerate(pairwise(self._edges)):
            part = np.empty((stop - row, right - left), self._dtype)
            self._file.read(part, self._offset(group, row))
            out[:, left:right] = part
        return out

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _offset(self, group: int, row: int) -> int:
        left, right = self._edges[group], self._edges[group + 1]
        return (self._height * left + row * (right - left)) * self._dtype.itemsize

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
