"""A folder of a store: files are made in a folder of this machine and published when they are complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from geoseg.files.disk import writing
from geoseg.files.store_path import StorePath
from geoseg.files.uploads import Uploads

MOST = 5_000_000
"""Greatest number of objects of a folder."""


@dataclass(frozen=True)
class StoreFolder:
    """An output folder in a store; can be pickled."""

    place: StorePath
    """The folder of the store."""
    folder: Path
    """Folder of this machine, absolute, in which files are made under the same relative names."""
    kept: Sequence[str] = ()
    """Patterns of names of files that later runs need, which `prepare` fetches."""

    def prepare(self) -> None:
        """Check the store, and fetch the files that are `kept` into the local folder.

        Raises:
            OutputError: the store cannot be written, or the folder cannot be made.
            SceneReadError: a file cannot be fetched.
            RuntimeMissingError: obstore is not installed.
        """
        from geoseg.files.stores import check_store, fetched, list_objects  # noqa: PLC0415 - needs obstore

        check_store(self.place / "any")
        if not self.kept:
            return
        for name in list_objects(self.place, most=MOST):
            if any(fnmatch(name, pattern) for pattern in self.kept):
                local = self.folder / name
                with fetched(self.target(local)) as copy, writing(local):
                    local.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(copy, local)

    def target(self, file: Path) -> StorePath:
        """Return the object of a file of the folder."""
        return StorePath(self.place / file.relative_to(self.folder).as_posix())

    def holds(self, files: Iterable[tuple[Path, int]]) -> bool:
        """Return whether files were published with these sizes in bytes; paths are those in `folder`."""
        from geoseg.files.stores import object_size  # noqa: PLC0415 - needs obstore

        return all(object_size(self.target(file)) == size for file, size in files)

    def has(self, file: Path) -> bool:
        """Return whether there is an object of a file of the folder."""
        return self.target(file).exists()

    def publish(self, files: Iterable[Path]) -> None:
        """Upload complete files of the folder, the first one last; files of the same names are replaced.

        Raises:
            OutputError: the store cannot be written; then its files are as they were before.
        """
        order = list(files)
        with Uploads(replace=True) as uploads:
            for file in reversed(order):
                uploads.add(file, self.target(file), last=file is order[0])
