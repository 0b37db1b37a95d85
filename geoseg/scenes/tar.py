"""GDAL's paths of members of tar archives that it does not find by name, as parts of the archive's bytes."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from geoseg.errors import SceneReadError

NAME = 99
"""Greatest length of a member's name in its header; GDAL does not read longer names."""

_GZIP = b"\x1f\x8b"


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
            f"{path}: GDAL does not read members with names of more than {NAME} characters from an archive "
            f"of this compression ({long[0].name}); unpack it and give the folder"
        )
    folder = _links(path.resolve())
    paths = {}
    for member in long:
        name = member.name.removeprefix("./")
        link = folder / name
        try:
            if not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path.resolve())
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
def _links(path: Path) -> Path:
    """Return a folder for links to an archive, which have the names of its members for messages."""
    folder = TemporaryDirectory(prefix=f"geoseg-{path.name[:20]}-")
    _FOLDERS.append(folder)
    return Path(folder.name)


_FOLDERS: list[TemporaryDirectory[str]] = []
"""Folders of links until the program ends, because scenes may open their files again."""
