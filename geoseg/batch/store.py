"""Where the files of a batch end up: a folder of this machine, or one of an object store.

The latter writes to a local `folder` too and moves finished files in `publish`; nothing else of
the batch knows the difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geoseg.errors import UsageError
from geoseg.files.network import needs_network
from geoseg.files.store_folder import StoreFolder
from geoseg.files.store_path import object_path
from geoseg.files.user_cache import user_cache


class Store(Protocol):
    """The place of outputs; sent to workers, so that it can be pickled."""

    @property
    def folder(self) -> Path:
        """Local folder, absolute, in which files are made."""

    def prepare(self) -> None:
        """Bring files that later runs need, such as the journal, into the folder, which is there.

        Raises:
            OutputError: the store cannot be written.
        """

    def holds(self, files: Iterable[tuple[Path, int]]) -> bool:
        """Return whether published files are there with these sizes in bytes; paths are those in `folder`."""

    def target(self, file: Path) -> Path:
        """Return where a file of `folder` is published."""

    def has(self, file: Path) -> bool:
        """Return whether there is a published file of this name; the path is that in `folder`."""

    def publish(self, files: Iterable[Path]) -> None:
        """Make complete files of `folder` visible, the first one last; called once for each map.

        Raises:
            OutputError: the store cannot be written; then none of the files is visible.
        """


@dataclass(frozen=True)
class LocalStore:
    """A folder of this machine, or one that all workers mount."""

    folder: Path

    def prepare(self) -> None:
        """Do nothing: later runs find their files in the folder."""

    def holds(self, files: Iterable[tuple[Path, int]]) -> bool:
        """Return whether all files are in the folder with these sizes."""
        try:
            return all(path.stat().st_size == size for path, size in files)
        except OSError:
            return False

    def target(self, file: Path) -> Path:
        """Return the file itself."""
        return file

    def has(self, file: Path) -> bool:
        """Return whether there is a file."""
        return file.exists()

    def publish(self, files: Iterable[Path]) -> None:
        """Do nothing: outputs were renamed into the folder."""


def open_store(text: str) -> Store:
    """Return the store that `-o` names.

    Maps for an object store are made in a folder of the user's cache, which stays: the next run on this
    machine continues with it, and one on another machine with the journals and maps of the store.

    Raises:
        UsageError: it is an address that no store understands.
    """
    if place := object_path(text):
        name = hashlib.sha256(str(place).encode()).hexdigest()[:16]
        return StoreFolder(place, user_cache().absolute() / "batches" / name, kept=("journal*",))
    if needs_network(text):
        raise UsageError(
            f"`-o {text}`: a batch writes to a folder, or to s3://, gs:// or az://; give one of them"
        )
    return LocalStore(Path(text).absolute())
