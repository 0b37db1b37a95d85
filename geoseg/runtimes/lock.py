"""A lock between processes: a file that the system unlocks when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from geoseg.errors import OutputError

PAUSE = 0.1
"""Seconds between two tries."""


class locked:  # noqa: N801 - reads as a statement: with locked(path, ...)
    """Holds a lock while a block runs. The file stays, empty: removing it would let two hold it at once."""

    def __init__(self, path: Path, waiting: Callable[[], None]) -> None:
        """Name a lock.

        Args:
            path: of the file, in a folder that is there.
            waiting: called once where another process holds it.
        """
        self._path = path
        self._waiting = waiting
        self._file = -1

    def __enter__(self) -> None:
        """Wait for the lock.

        Raises:
            OutputError: the file cannot be made, or its file system has no locks.
        """
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error
        told = False
        try:
            while not _try(self._file):
                if not told:
                    self._waiting()
                    told = True
                time.sleep(PAUSE)
        except OSError as error:
            os.close(self._file)
            raise OutputError(
                f"{self._path}: cannot be locked: {error.strerror}; use a folder of another file system"
            ) from error

    def __exit__(self, *_: object) -> None:
        """Let go."""
        _release(self._file)
        os.close(self._file)


if sys.platform == "win32":
    import msvcrt

    def _try(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
