"""Tar archives: opened within limits; GDAL's paths of members that it does not find by name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from geoseg.errors import OutputError, SceneReadError
from geoseg.files.scratch import lasting_folder, scratching_besides_reading

NAME = 99
"""Greatest length of a member's name in its header; GDAL does not read longer names."""

UNPACKED_BYTES = 16 * 2**30
"""Most bytes of an archive that is compressed as a whole, unpacked: its list is known when all is unpacked,
at 0.3 GB a second. Landsat scenes, which are delivered so, have 2 GB."""

MEMBERS = 200_000
"""Most members of an archive; a product has at most some hundred."""

_PIECE = 32 * 2**20
"""Most bytes that are read at once: `tarfile` reads headers of any stated size into memory."""

TAR_ERRORS = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)
"""Errors of damaged archives besides `OSError`."""

_GZIP = b"\x1f\x8b"
_COMPRESSED: Mapping[bytes, Callable[[Path], Any]] = {
    _GZIP: gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
"""By the first bytes of an archive, how it is opened."""


@contextmanager
def open_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar archive, plain or compressed with gzip, bzip2 or xz.

    Raises:
        SceneReadError: a header or the unpacked archive is larger than the limits.
        OSError, TarError, EOFError: it is not such an archive, or is damaged.
    """
    with ExitStack() as stack:
        packed = stack.enter_context(path.open("rb"))
        start = packed.read(6)
        packed.seek(0)
        unpack = next((open_ for magic, open_ in _COMPRESSED.items() if start.startswith(magic)), None)
        file = packed if unpack is None else stack.enter_context(unpack(path))
        limited: Any = _Limited(file, path, None if unpack is None else UNPACKED_BYTES)
        yield stack.enter_context(tarfile.open(fileobj=limited, mode="r:"))


def members_of(archive: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive.

    Raises:
        SceneReadError: there are more than `MEMBERS`.
    """
    for number, member in enumerate(archive, start=1):
        if number > MEMBERS:
            raise SceneReadError(f"{path} has more than {MEMBERS:,} members; unpack it and give one product")
        yield member


def is_tar(path: Path) -> bool:
    """Return True for a tar archive, with or without compression.

    Zeros at the start are an empty archive, and of a file that is not named as one, pixels.
    """
    try:
        with open_tar(path) as archive:
            return archive.next() is not None or path.suffix.lower() == ".tar"
    except SceneReadError:
        return True
    except (OSError, *TAR_ERRORS):
        return False


class _Limited:
    """An open file whose pieces and end are limited."""

    def __init__(self, file: IO[bytes], path: Path, most: int | None) -> None:
        self._file, self._path, self._most = file, path, most

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if not 0 <= size <= _PIECE:
            raise SceneReadError(f"{self._path} has a header of {size:,} bytes; it is not read: unpack it")
        self._check(self._file.tell() + size)
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        """Set the position, from the start."""
        self._check(position)
        return self._file.seek(position, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def _check(self, position: int) -> None:
        if self._most is not None and position > self._most:
            raise SceneReadError(
                f"{self._path} has more than {self._most // 2**30} GiB unpacked; give its folder, unpacked"
            )


def long_members(path: Path, members: Sequence[tarfile.TarInfo]) -> dict[str, str]:
    """Return GDAL's paths of the members whose names are too long for it, by their relative paths.

    Args:
        path: the archive, plain or compressed with gzip.
        members: its files.

    Raises:
        SceneReadError: it is compressed in another way, or links cannot be created.
    """
    # A name that leads out of the archive is not a file of a product.
    long = [member for member in members if len(member.name) > NAME and _inside(member.name)]
    if not long:
        return {}
    with path.open("rb") as file:
        start = file.read(2)
    plain = start != _GZIP
    if plain and not _is_plain(path):
        raise SceneReadError(
            f"{path}: GDAL cannot read members whose names are longer than {NAME} characters from an archive "
            f"with this compression ({long[0].name}); unpack it and give the folder"
        )
    folder = _links(path.resolve())
    paths = {}
    for member in long:
        name = member.name.removeprefix("./")
        link = folder / name
        try:
            if not link.is_symlink():
                with scratching_besides_reading(folder):
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(path.resolve())
        except OutputError:
            raise
        except OSError as error:
            raise SceneReadError(f"{path}: {name} cannot be linked ({error}); unpack the archive") from error
        inner = str(link) if plain else f"/vsigzip/{link}"
        paths[name] = f"/vsisubfile/{member.offset_data}_{member.size},{inner}"
    return paths


def _inside(name: str) -> bool:
    """Return True if a member's name stays in the folder into which an archive is unpacked."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _is_plain(path: Path) -> bool:
    """Return True for a tar archive without compression."""
    try:
        with tarfile.open(path, "r:"):
            return True
    except tarfile.TarError:
        return False


@lru_cache(maxsize=64)
def _links(path: Path) -> Path:  # noqa: ARG001 - one folder for each archive
    """Return a folder for links to an archive, which have the names of its members for messages."""
    return lasting_folder()
