"""Locks between processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from geoseg.errors import OutputError


@contextmanager
def locked(path: Path, waiting: Callable[[], None], remedy: str) -> Iterator[None]:
    """Hold a lock between processes while a block runs; its empty file stays, its folder is created.

    Args:
        path: of the lock.
        waiting: is called if another process holds it.
        remedy: end of the error message.

    Raises:
        OutputError: the file cannot be locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    except OSError as error:
        raise OutputError(f"{path}: cannot be locked: {error.strerror}; {remedy}") from error
    try:
        yield
    finally:
        lock.release()
