"""Archives that lead out of themselves, hold devices, or hold far more than they say."""

from __future__ import annotations

import io
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

NAMES = (
    "../../slipped.tif", "/tmp/slipped.tif", "..\\..\\slipped.tif", "C:\\slipped.tif",
    "a/../../../slipped.tif", "\x01\n.tif", "a" * 5000 + ".tif", "\udcff.tif", "-o.tif", "./././x.tif",
    "x.tif/", "",
)  # fmt: skip
"""Names that are no paths below a folder; `/tmp/slipped.tif` is never written."""

Change = Callable[[Path], None]


def _members(path: Path) -> dict[str, bytes]:
    """Return the members of an archive by name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as file:
            return {name: file.read(name) for name in file.namelist()}
    with tarfile.open(path) as archive:
        found = ((item.name, archive.extractfile(item)) for item in archive if item.isfile())
        return {name: content.read() for name, content in found if content is not None}


def _write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        warnings.simplefilter("ignore")
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name.encode(errors="replace").decode()), content)


def renamed(path: Path, name: str) -> None:
    """Give every member a name that leads out of the archive, and add one."""
    members = _members(path)
    first = next(iter(members.values()))
    changed = {**members, name: first, **{f"{name}/{key}": value for key, value in members.items()}}
    if path.suffix == ".zip":
        _write_zip(path, changed)
        return
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for key, value in changed.items():
            item = tarfile.TarInfo(key.encode("utf-8", "replace").decode())
            item.size = len(value)
            archive.addfile(item, io.BytesIO(value))


def other_kinds(path: Path, kind: bytes, target: str) -> None:
    """Make every other member of a tar a link or a device."""
    members = _members(path)
    with tarfile.open(path, "w") as archive:
        for number, (name, content) in enumerate(members.items()):
            item = tarfile.TarInfo(name)
            if number % 2:
                item.type, item.linkname, item.devmajor, item.devminor = kind, target, 1, 3
                archive.addfile(item)
            else:
                item.size = len(content)
                archive.addfile(item, io.BytesIO(content))


def linked(path: Path, target: str) -> None:
    """Make every other member of a zip a symbolic link."""
    members = _members(path)
    with zipfile.ZipFile(path, "w") as file:
        for number, (name, content) in enumerate(members.items()):
            item = zipfile.ZipInfo(name)
            if number % 2:
                item.external_attr = 0o120777 << 16
            file.writestr(item, target if number % 2 else content)


def twice(path: Path) -> None:
    """Write every member twice, the second time as text."""
    members = _members(path)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as file:
        warnings.simplefilter("ignore")
        for name, content in members.items():
            file.writestr(name, content)
            file.writestr(name, "text")


def many(path: Path) -> None:
    """Add very many empty members."""
    members = _members(path)
    _write_zip(path, {**members, **{f"d{number}/{number}.tif": b"" for number in range(80_000)}})


def bomb(path: Path) -> None:
    """Add 200 MB of spaces to each text, which take little of the archive."""
    members = _members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, content in members.items():
            if not name.endswith((".xml", ".txt", ".nc")):
                file.writestr(name, content)
                continue
            with file.open(name, "w", force_zip64=True) as member:
                member.write(content)
                for _ in range(200):
                    member.write(b" " * 2**20)


def sizes(path: Path, size: int, offset: int) -> None:
    """Change a field of every entry of the directory of a zip."""
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + offset : at + offset + 4] = struct.pack("<I", size)
        at = data.find(b"PK\1\2", at + 4)
    path.write_bytes(bytes(data))


def encrypted(path: Path) -> None:
    """State that all members are encrypted."""
    data = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = data.find(sign)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(sign, at + 4)
    path.write_bytes(bytes(data))


def archive_in_archive(path: Path) -> None:
    """Put the archive into itself some times."""
    for _ in range(5):
        content = path.read_bytes()
        _write_zip(path, {"a.zip": content, "b.SAFE/c.zip": content})


def headers(path: Path, field: tuple[int, bytes]) -> None:
    """Change a field of every header of a tar, with a right checksum."""
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        offsets = [item.offset for item in archive]
    at, value = field
    for offset in offsets:
        data[offset + at : offset + at + len(value)] = value
        head = bytearray(data[offset : offset + 512])
        head[148:156] = b" " * 8
        data[offset + 148 : offset + 156] = b"%06o\0 " % sum(head)
    path.write_bytes(bytes(data))


ZIPS: Mapping[str, Change] = {
    **{f"name {name[:20]!r}": partial(renamed, name=name) for name in NAMES},
    "links out": partial(linked, target="../../../../etc/passwd"),
    "links to themselves": partial(linked, target="."),
    "members twice": twice,
    "very many members": many,
    "texts of 200 MB": bomb,
    "unpacked sizes of 4 GB": partial(sizes, size=2**32 - 2, offset=24),
    "packed sizes of 4 GB": partial(sizes, size=2**32 - 2, offset=20),
    "offsets beyond the file": partial(sizes, size=2**31, offset=42),
    "unknown compression": partial(sizes, size=0x00FF00FF, offset=10),
    "encrypted": encrypted,
    "archives in archives": archive_in_archive,
}
TARS: Mapping[str, Change] = {
    **{f"name {name[:20]!r}": partial(renamed, name=name) for name in NAMES if name},
    "links out": partial(other_kinds, kind=tarfile.SYMTYPE, target="/etc/passwd"),
    "hard links out": partial(other_kinds, kind=tarfile.LNKTYPE, target="../../../etc/passwd"),
    "links in a loop": partial(other_kinds, kind=tarfile.SYMTYPE, target="."),
    "devices": partial(other_kinds, kind=tarfile.CHRTYPE, target=""),
    "pipes": partial(other_kinds, kind=tarfile.FIFOTYPE, target=""),
    "sparse": partial(other_kinds, kind=tarfile.GNUTYPE_SPARSE, target=""),
    "sizes of 8 GB": partial(headers, field=(124, b"77777777777\0")),
    "sizes below zero": partial(headers, field=(124, b"\xff" * 12)),
    "sizes that are no numbers": partial(headers, field=(124, b"x" * 12)),
    "long name without end": partial(headers, field=(156, b"L")),
    "global header": partial(headers, field=(156, b"g")),
    "extended header": partial(headers, field=(156, b"x")),
}
"""Changes of archives by their names."""
