"""Upload several files: all of them, or none."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from geoseg.errors import OutputError
from geoseg.files.leftovers import BACKUP
from geoseg.files.store_path import StorePath


class Uploads:
    """A set of uploads; a context manager. If its block fails, all objects are as they were before.

    An object is replaced as a whole by its store. While others of a set follow, the old object is kept under
    another name beside it, so that it can come back.
    """

    def __init__(self, *, replace: bool) -> None:
        """Begin; `replace`: whether objects may be replaced."""
        self._replace = replace
        self._undo = ExitStack()
        self._backups: list[StorePath] = []

    def add(self, file: Path, target: StorePath, *, last: bool) -> None:
        """Upload a file.

        Args:
            file: complete.
            target: its object.
            last: whether no other follows, so that no copy of the old object is needed.

        Raises:
            OutputError: the store refuses it, or there is an object that may not be replaced.
        """
        from geoseg.files.stores import copy_object, upload  # noqa: PLC0415 - for stores only

        if not (self._replace and target.exists()):
            upload(file, target, overwrite=self._replace)
            self._undo.callback(_remove, target)
            return
        if last:
            upload(file, target, overwrite=True)
            return
        backup = target.with_name(f".{target.name}.{secrets.token_hex(4)}{BACKUP}")
        self._backups.append(backup)
        copy_object(target, backup)
        upload(file, target, overwrite=True)
        self._undo.callback(_copy, backup, target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._undo.close()
        self._undo.pop_all()
        for backup in self._backups:
            _remove(backup)
        self._backups.clear()


def _copy(source: StorePath, target: StorePath) -> None:
    from geoseg.files.stores import copy_object  # noqa: PLC0415 - for stores only

    with suppress(OutputError):
        copy_object(source, target)


def _remove(path: StorePath) -> None:
    """Remove an object, if the store lets us."""
    with suppress(OutputError):
        path.unlink()
