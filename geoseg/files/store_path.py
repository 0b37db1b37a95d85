"""Paths of objects in stores: `s3://BUCKET/KEY`, `gs://BUCKET/KEY` and `az://CONTAINER/KEY`.

A run writes its outputs to paths. One in a store is a path too, so that names, suffixes and parents are
found in one way everywhere; what differs is said here: it has no file of this machine behind it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from geoseg.files.machine import temporary_folder

SCHEMES = {"s3": "/vsis3/", "gs": "/vsigs/", "az": "/vsiaz/"}
"""GDAL's prefix of the paths of each kind of store."""

_ADDRESS = re.compile(rf"(?P<scheme>{'|'.join(SCHEMES)}):/{{1,2}}(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
if TYPE_CHECKING:
    _Base = Path
else:
    _Base = type(Path())


class StorePath(_Base):
    """Path of an object, or of the objects below a name: a folder of a store need not be made.

    `open` and other functions of the file system do not find it.
    """

    def __str__(self) -> str:
        """Return the address."""
        return f"{self.parts[0]}//{'/'.join(self.parts[1:])}" if self.parts else ""

    @property
    def scheme(self) -> str:
        """Kind of store: `s3`, `gs` or `az`."""
        return self.parts[0].rstrip(":")

    @property
    def bucket(self) -> str:
        """Name of the bucket or container; empty if the address has none."""
        return self.parts[1] if len(self.parts) > 1 else ""

    @property
    def key(self) -> str:
        """Name of the object in its bucket; empty for the bucket."""
        return "/".join(self.parts[2:])

    @property
    def gdal_path(self) -> str:
        """Path by which GDAL reads the object."""
        return SCHEMES[self.scheme] + "/".join(self.parts[1:])

    def resolve(self, strict: bool = False) -> Self:  # noqa: ARG002 - the base class has it
        """Return the path itself."""
        return self

    def exists(self, **_: Any) -> bool:
        """Return whether there is an object of this name.

        Raises:
            OutputError: the store cannot be asked.
        """
        from geoseg.files.stores import object_size  # noqa: PLC0415 - needs obstore

        return object_size(self) is not None

    def is_file(self, **_: Any) -> bool:
        """Return whether there is an object of this name."""
        return self.exists()

    def is_dir(self, **_: Any) -> bool:
        """Return False: a store has no folders; a bucket is not an object."""
        return not self.key

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def read_bytes(self) -> bytes:
        """Return the content of the object.

        Raises:
            SceneReadError: it cannot be read, or is too long.
        """
        from geoseg.files.stores import read_object  # noqa: PLC0415 - needs obstore

        return read_object(self)

    def read_text(self, encoding: str | None = None, *_: Any, **__: Any) -> str:
        """Return the content of the object as text; see `read_bytes`."""
        return self.read_bytes().decode(encoding or "utf-8")

    def unlink(self, missing_ok: bool = False) -> None:  # noqa: ARG002 - a store does not tell
        """Remove the object, if it is there.

        Raises:
            OutputError: the store refuses it.
        """
        from geoseg.files.stores import remove_object  # noqa: PLC0415 - needs obstore

        remove_object(self)


def object_path(text: str | Path) -> StorePath | None:
    """Return the path of an object; None if the text is that of something else.

    Args:
        text: an address, GDAL's path of an object, or a `Path` made from an address, which has lost a slash.
    """
    name = str(text)
    found = _ADDRESS.match(name)
    if found is not None:
        return StorePath(f"{found['scheme'].lower()}://{found['rest'].lstrip('/')}")
    for scheme, prefix in SCHEMES.items():
        if name.startswith(prefix):
            return StorePath(f"{scheme}://{name.removeprefix(prefix)}")
    return None


def path_of(text: str | Path) -> Path:
    """Return a path: that of an object for an address of a store (`object_path`), else that of a file."""
    return object_path(text) or Path(text)


def folder_beside(path: Path) -> Path:
    """Return the folder of this machine for the scratch files of an output.

    It is that of the output, whose disk has room for it; for an object, that of temporary files (`TMPDIR`).
    """
    return temporary_folder() if isinstance(path, StorePath) else path.resolve().parent
