"""Scratch files: a full disk raises an error and does not end the process.

No file is mapped into memory: on a full disk, writing to a mapped page of a sparse file ends the process with
SIGBUS, whereas reading and writing by position raise an error.
"""

from __future__ import annotations

import atexit
import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import GeosegError, OutputError
from geoseg.files.closing import Closing
from geoseg.files.disk import failures, free_bytes, is_full, is_refused
from geoseg.files.leftovers import Marker, clear
from geoseg.files.machine import temporary_folder

PREFIX = ".geoseg-"
"""Prefix of the names of folders for scratch files."""


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Create a folder for scratch files, which is removed at the end.

    Args:
        parent: the folder to create it in; None: the system's folder for temporary files (`TMPDIR`).

    Raises:
        OutputError: the folder cannot be created.
    """
    with ExitStack() as stack:
        with scratching(parent or temporary_folder()):
            clear(parent or temporary_folder())
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True)
            )
            stack.callback(Marker(Path(folder)).close)
        yield Path(folder)


_LASTING = ExitStack()
atexit.register(_LASTING.close)


def lasting_folder() -> Path:
    """Create a folder for scratch files that stays until the program ends.

    For copies of and links to files that scenes may open again.

    Raises:
        OutputError: the folder cannot be created.
    """
    return _LASTING.enter_context(scratch_folder())


def link(path: Path, place: Path) -> None:
    """Link a scratch file to a file that is read, or copy it where links cannot be made.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        place.symlink_to(path.resolve())
    except OSError:  # Windows without the right to make links
        with scratching_besides_reading(place.parent):
            shutil.copyfile(path, place)


@contextmanager
def scratching(folder: Path) -> Iterator[None]:
    """Convert failures to write a scratch file to an `OutputError` that names its folder."""
    try:
        yield
    except GeosegError:
        raise
    except failures() as error:
        raise _explain_scratch(folder, error) from error


@contextmanager
def scratching_besides_reading(folder: Path) -> Iterator[None]:
    """Convert failures because of a full disk to an `OutputError`; others may be those of an input."""
    try:
        yield
    except GeosegError:
        raise
    except OSError as error:
        if not is_full(folder, error):
            raise
        raise _explain_scratch(folder, error) from error


def _explain_scratch(folder: Path, error: Exception) -> OutputError:
    """Return an error that states why scratch files cannot be written, and how to choose another folder."""
    scratch = next((part for part in (folder, *folder.parents) if part.name.startswith(PREFIX)), None)
    parent = folder if scratch is None else scratch.parent
    temporary = temporary_folder()
    remedy = "set TMPDIR to another folder" if temporary == parent else "write the output to another disk"
    if is_full(parent, error):
        why, remedy = "the disk is full", f"free some space, or {remedy}"
    elif is_refused(error):
        why = "the folder is read-only for this user"
    else:
        why = " ".join(str(error.__cause__ or error).split())
    return OutputError(f"{parent}: scratch files cannot be written there ({why}); {remedy}")


class ScratchFile(Closing):
    """An array file that is written and read by position, by any thread, and removed when it is closed."""

    def __init__(self, path: Path, size: int = 0) -> None:
        """Create an empty file.

        Args:
            path: of the file, which must not exist.
            size: bytes that will be written.

        Raises:
            OutputError: the file cannot be created, or `size` bytes are not free.
        """
        self._path = path
        self._lock = Lock()
        with scratching(path.parent):
            self._file = path.open("x+b", buffering=0)
            if free_bytes(path.parent) < size:
                self.close()
                raise OSError(errno.ENOSPC, f"{size / 2**20:,.0f} MiB are needed")

    def write(self, values: NDArray[Any], offset: int) -> None:
        """Write an array at a byte offset.

        Raises:
            OutputError: the disk is full.
        """
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        with self._lock, scratching(self._path.parent):
            self._file.seek(offset)
            while data:
                data = data[self._file.write(data) :]

    def read(self, out: NDArray[Any], offset: int) -> None:
        """Fill a contiguous array from a byte offset.

        Raises:
            OutputError: the file is shorter than that.
        """
        data = out.reshape(-1).view(np.uint8).data
        with self._lock, scratching(self._path.parent):
            self._file.seek(offset)
            while data:
                count = self._file.readinto(data)
                if not count:
                    raise OutputError(f"{self._path}: the scratch file was truncated while it was in use")
                data = data[count:]

    def close(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class Spill(Closing):
    """Arrays that do not fit memory, appended to a scratch file that is created when it is first needed."""

    def __init__(self, parent: Path | None = None) -> None:
        """Write nothing yet.

        Args:
            parent: folder of the scratch file; None: the system's folder for temporary files (`TMPDIR`).
        """
        self._parent = parent
        self._stack = ExitStack()
        self._file: ScratchFile | None = None
        self._size = 0

    def append(self, values: NDArray[Any]) -> int:
        """Write an array and return its byte offset.

        Raises:
            OutputError: the disk is full.
        """
        if self._file is None:
            folder = self._stack.enter_context(scratch_folder(self._parent))
            self._file = self._stack.enter_context(ScratchFile(folder / "spill"))
        offset = self._size
        self._file.write(values, offset)
        self._size += values.nbytes
        return offset

    def read(self, out: NDArray[Any], offset: int) -> None:
        """Fill a contiguous array from the byte offset that `append` returned, or from any within an array.

        Raises:
            OutputError: the file was truncated.
        """
        if self._file is not None and out.size:
            self._file.read(out, offset)

    def close(self) -> None:
        """Remove the file."""
        self._stack.close()
        self._file = None


class ColumnStore(Closing):
    """Rows of an image (height, width) that are written in groups of columns and read in full width.

    The pixels of a group are contiguous in one scratch file, row by row; the next group follows.
    """

    def __init__(self, path: Path, height: int, edges: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Create the scratch file.

        Args:
            path: of the scratch file.
            height: rows of the image.
            edges: first column of each group, and the width of the image.
            dtype: of the pixels.

        Raises:
            OutputError: the disk has too little free space.
        """
        self._height, self._edges, self._dtype = height, edges, dtype
        self._file = ScratchFile(path, height * edges[-1] * dtype.itemsize)

    def write(self, group: int, row: int, values: NDArray[Any]) -> None:
        """Write rows (h, width of the group) of one group, from `row` on.

        Raises:
            OutputError: the disk is full.
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
        """Close and remove the file."""
        self._file.close()

    def _offset(self, group: int, row: int) -> int:
        left, right = self._edges[group], self._edges[group + 1]
        return (self._height * left + row * (right - left)) * self._dtype.itemsize
