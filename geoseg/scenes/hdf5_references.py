"""Find what an HDF5 file takes from other files: external links, external storage, virtual datasets.

The library follows such names to any file of the machine. They stand anywhere in a file, in headers, their
continuations and heaps, so that the whole file is searched for the bytes of such messages; each is verified
by its structure. Source: The HDF Group, HDF5 File Format Specification Version 3.0, sections II, III.D to
III.G and IV.A.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneReadError
from geoseg.files.network import plain

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_CHUNK = 16 * 2**20
_OVERLAP = 256 * 2**10
"""Bytes of a chunk that the next one repeats: names have at most 64 KiB."""

_HEADER = 16
"""Bytes of a message that are compared."""

_MOST_USER_BLOCK = 2**26
"""Bytes up to which a file may start: at 0, 512 or a greater power of two."""

_TEXT = re.compile(rb"[^\x00]+")
_VALUE = re.compile(rb".([^\x00]+)\x00[^\x00]+\x00", re.DOTALL)
_COMPRESSED = re.compile(rb"FRHP\x00..(?!\x00\x00)..", re.DOTALL)
"""Heap with filters, in which links cannot be found."""

Places = NDArray[np.intp]


def check_hdf5(path: Path, *, name: str = "") -> None:
    """Check that an HDF5 file takes nothing from other files; other formats pass.

    Args:
        path: a file on this machine.
        name: of the file in messages, if it is a copy.

    Raises:
        SceneReadError: it names another file, or has links in compressed heaps, which cannot be checked.
    """
    status = path.stat()
    if found := _found(str(path), status.st_size, status.st_mtime_ns):
        raise SceneReadError(
            f"{name or path} {found}, which geoseg does not follow: a scene holds its own pixels. Copy it "
            "into one file (h5repack, or ncks), or give the files that it names"
        )


@lru_cache(maxsize=256)
def _found(path: str, size: int, changed: int) -> str:  # noqa: ARG001 - a file that changed is read again
    """Return what a file takes from elsewhere, in words; empty: nothing, or it is no HDF5 file."""
    with Path(path).open("rb") as file:
        start = _start_of(file, size)
        if start is None:
            return ""
        width, base = start

        def at_address(address: bytes, signature: bytes) -> bool:
            """Return whether an address names a structure."""
            file.seek(min(int.from_bytes(address, "little") + base, size))
            return file.read(len(signature)) == signature

        for offset in range(0, size, _CHUNK):
            file.seek(offset)
            block = file.read(_CHUNK + _OVERLAP) + bytes(_HEADER)
            data = np.frombuffer(block, np.uint8)
            ones = np.flatnonzero(data[:-_HEADER] == 1)
            if text := _link_in(block, data, ones):
                return text
            # External storage: version 1, three zeros, slots, slots in use, address of the heap of names.
            at = _where(data, ones, {1: 0, 2: 0, 3: 0}, width, 8)
            at = at[(data[at + 4] | data[at + 5] != 0) & (data[at + 6] | data[at + 7] != 0)]
            if any(at_address(block[place + 8 : place + 8 + width], b"HEAP") for place in at.tolist()):
                return "stores its values in another file"
            # Virtual dataset: layout of version 4 and class 3, address of the heap of names.
            fours = np.flatnonzero(data[:-_HEADER] == 4)
            at = _where(data, fours, {1: 3}, width, 2)
            if any(at_address(block[place + 2 : place + 2 + width], b"GCOL") for place in at.tolist()):
                return "is a virtual dataset of other datasets"
            if _COMPRESSED.search(block):
                return "has a compressed group whose links cannot be checked"
    return ""


def _where(
    data: NDArray[np.uint8], at: Places, following: Mapping[int, int], width: int, address: int
) -> Places:
    """Return the places that certain bytes follow, and an address whose upper bytes are 0.

    Args:
        data: bytes.
        at: places.
        following: value by distance from the place.
        width: bytes of an address.
        address: its distance from the place; of 8 bytes the upper three are 0 in files of less than 1 TB.
    """
    upper = range(address + 5, address + 8) if width == 8 else range(0)
    for step, value in {**following, **dict.fromkeys(upper, 0)}.items():
        at = at[data[at + step] == value]
    return at


def _start_of(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Return the bytes of an address and the base of all addresses of an HDF5 file; None for other files."""
    at = 0
    while at < min(size, _MOST_USER_BLOCK):
        file.seek(at)
        head = file.read(64)
        if head.startswith(SIGNATURE):
            old = head[8] < 2
            width, place = (head[13], 24 if head[8] == 0 else 28) if old else (head[9], 12)
            if width not in {2, 4, 8}:
                return None  # The library reads no other widths.
            return width, int.from_bytes(head[place : place + width], "little")
        at = max(512, at * 2)
    return None


def _link_in(block: bytes, data: NDArray[np.uint8], ones: Places) -> str:
    """Return the first external link in words; empty: there is none.

    A link message has version 1, flags, type 64, order and character set by the flags, the length of the
    name, the name, the length of the value, and the value: 0, and the names of file and object, each with a 0
    at its end.
    """
    at = ones[data[ones + 2] == 64]
    at = at[data[at + 1] & 0xE8 == 0x08]
    for place in (at + 3).tolist():
        flags = block[place - 2]
        length = place + 8 * bool(flags & 0x04) + bool(flags & 0x10)
        begin = length + (1 << (flags & 0x03))
        end = begin + int.from_bytes(block[length:begin], "little")
        if not _TEXT.fullmatch(block[begin : min(end, begin + _OVERLAP)]) or end + 2 > len(block):
            continue
        value = block[end + 2 : end + 2 + int.from_bytes(block[end : end + 2], "little")]
        named = _VALUE.fullmatch(value)
        if named:
            return f"links to another file ({plain(named[1].decode(errors='replace'))})"
    return ""
