"""A lock between processes: a locked file, which the system unlocks when the process ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from geoseg.errors import OutputError

PAUSE = 0.1
"""Seconds between two attempts."""


class locked:  # noqa: N801 - reads as a statement: with locked(path, ...)
    """Hold a lock while a block runs. The empty file stays: without it, two processes could hold the lock."""

    def __init__(self, path: Path, waiting: Callable[[], None]) -> None:
        """Name a lock.

        Args:
            path: the file to lock, in an existing folder.
            waiting: called once if another process holds the lock.
        """
        self._path = path
        self._waiting = waiting
        self._file = -1

    def __enter__(self) -> None:
        """Wait for the lock.

        Raises:
            OutputError: the file cannot be created, or its file system does not support locks.
        """
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error
        reported = False
        try:
            while not _try(self._file):
                if not reported:
                    self._waiting()
                    reported = True
                time.sleep(PAUSE)
        except OSError as error:
            os.close(self._file)
            raise OutputError(
                f"{self._path}: cannot be locked: {error.strerror}; use a folder on another file system"
            ) from error

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
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
