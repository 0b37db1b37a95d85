"""Members of tar archives that GDAL does not find by their names, as parts of the archive's bytes."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from geoseg.errors import SceneReadError

NAME = 99
"""Characters of a member's name that its header holds; longer names stand where GDAL does not look."""

_GZIP = b"\x1f\x8b"


def long_members(path: Path, members: Sequence[tarfile.TarInfo]) -> dict[str, str]:
    """Return where GDAL opens the members whose names are too long for it, by their relative paths.

    Args:
        path: the archive, plain or compressed by gzip.
        members: its files.

    Raises:
        SceneReadError: it is compressed in another way, or links cannot be made here.
    """
    # A name that leads out of the archive is no file of a product.
    long = [member for member in members if len(member.name) > NAME and _inside(member.name)]
    if not long:
        return {}
    with path.open("rb") as file:
        start = file.read(2)
    plain = start != _GZIP
    if plain and not _is_plain(path):
        raise SceneReadError(
            f"{path}: GDAL does not read members of such an archive whose names have more than {NAME} "
            f"characters ({long[0].name}); unpack it and give the folder"
        )
    folder = _links(path.resolve())
    found = {}
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
        found[name] = f"/vsisubfile/{member.offset_data}_{member.size},{inner}"
    return found


def _inside(name: str) -> bool:
    """Whether a member's name stays below the folder that an archive is unpacked into."""
    place = PurePosixPath(name)
    return not place.is_absolute() and ".." not in place.parts


def _is_plain(path: Path) -> bool:
    """Whether a tar archive is not compressed."""
    try:
        with tarfile.open(path, "r:"):
            return True
    except tarfile.TarError:
        return False


@lru_cache(maxsize=64)
def _links(path: Path) -> Path:
    """Return a folder of links to an archive, each called as a member, so that messages name it."""
    folder = TemporaryDirectory(prefix=f"geoseg-{path.name[:20]}-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[TemporaryDirectory[str]] = []
"""Until the program ends: scenes open their files again."""
