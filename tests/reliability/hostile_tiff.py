"""TIFF files written by hand: directories in loops, blocks beyond the file, sizes and tags that lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

SIDE = 64
"""Pixels of a side."""

SHORT, LONG, DOUBLE, ASCII, LONG8 = 3, 4, 12, 2, 16
_CODES = {SHORT: "H", LONG: "I", DOUBLE: "d", ASCII: "s", LONG8: "Q"}

Value = tuple[int, Sequence[int] | Sequence[float] | bytes]
"""Type and values of a tag."""

PIXELS = np.repeat(np.arange(4, dtype=np.uint8), SIDE * SIDE // 4).tobytes()
TAGS: Mapping[int, Value] = {
    256: (LONG, [SIDE]),
    257: (LONG, [SIDE]),
    258: (SHORT, [8]),
    259: (SHORT, [1]),
    262: (SHORT, [1]),
    273: (LONG, [8]),
    277: (SHORT, [1]),
    278: (LONG, [SIDE]),
    279: (LONG, [len(PIXELS)]),
    33550: (DOUBLE, [10.0, 10.0, 0.0]),
    33922: (DOUBLE, [0.0, 0.0, 0.0, 5e5, 5.5e6, 0.0]),
    34735: (SHORT, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633]),
}
"""A raster of four classes at 10 m in EPSG:32633."""


def directory(tags: Mapping[int, Value], at: int, following: int) -> bytes:
    """Return a directory of tags that stands at an offset, with the values that do not fit into it."""
    entries, rest = b"", b""
    beyond = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        packed = (
            values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{_CODES[kind]}", *values)
        )
        if len(packed) <= 4:
            field = packed.ljust(4, b"\0")
        else:
            field = struct.pack("<I", beyond + len(rest))
            rest += packed + b"\0" * (len(packed) % 2)
        entries += struct.pack("<HHI", tag, kind, len(values)) + field
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + rest


def write(
    path: Path,
    tags: Mapping[int, Value | None] = {},
    *,
    following: int = 0,
    pixels: bytes = PIXELS,
    overview: Mapping[int, Value] | None = None,
) -> None:
    """Write a TIFF of one strip; a tag of None is left out; `following`: the next directory, -1 itself."""
    at = 8 + len(pixels)
    wanted = {tag: value for tag, value in {**TAGS, **tags}.items() if value is not None}
    if overview is not None:
        size = len(directory(wanted, at, 0))
        following = at + size
    first = directory(wanted, at, at if following == -1 else following)
    data = struct.pack("<2sHI", b"II", 42, at) + pixels + first
    if overview is not None:
        half: dict[int, Value] = {254: (LONG, [1]), 256: (LONG, [SIDE // 2]), 257: (LONG, [SIDE // 2])}
        data += directory(
            {**{tag: TAGS[tag] for tag in TAGS if tag < 1000}, **half, **overview}, len(data), 0
        )
    path.write_bytes(data)


def chain(path: Path, count: int = 60_000) -> None:
    """Write a chain of very many directories."""
    write(path, following=8 + len(PIXELS) + len(directory(TAGS, 8 + len(PIXELS), 0)))
    data = bytearray(path.read_bytes())
    tags: dict[int, Value] = {tag: TAGS[tag] for tag in TAGS if tag < 1000}
    size = len(directory(tags, 0, 0))
    for number in range(count):
        data += directory(tags, len(data), len(data) + size if number < count - 1 else 0)
    path.write_bytes(bytes(data))


def big(path: Path) -> None:
    """Write a BigTIFF whose only tags state 2^60 values."""
    entries = b"".join(struct.pack("<HHQQ", tag, LONG8, 2**60, 2**61) for tag in (256, 257, 273, 279))
    path.write_bytes(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + struct.pack("<Q", 4) + entries + bytes(8))


def _one_block(path: Path) -> None:
    """Write zeros of 10,000² pixels, compressed as one block of 100 MB."""
    side = 10_000
    packer = zlib.compressobj(9)
    row = bytes(side)
    packed = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    sizes: dict[int, Value] = {256: (LONG, [side]), 257: (LONG, [side]), 278: (LONG, [side])}
    write(path, {**sizes, 259: (SHORT, [8]), 279: (LONG, [len(packed)])}, pixels=packed)


def _text(content: str | bytes) -> Value:
    return (ASCII, content.encode() + b"\0" if isinstance(content, str) else content)


_ENTITIES = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)

KINDS: Mapping[str, Callable[[Path], None]] = {
    "next directory is itself": partial(write, following=-1),
    "next directory beyond the file": partial(write, following=2**32 - 2),
    "next directory in the pixels": partial(write, following=8),
    "chain of directories": chain,
    "subdirectory in a loop": partial(write, tags={330: (LONG, [8 + len(PIXELS)] * 50)}),
    "overview of no size": partial(write, overview={256: (LONG, [0])}),
    "overview of a huge size": partial(write, overview={256: (LONG, [2**31 - 1]), 257: (LONG, [2**31 - 1])}),
    "overview larger than the image": partial(write, overview={256: (LONG, [5 * SIDE])}),
    "overview of other bands": partial(write, overview={277: (SHORT, [4])}),
    "overview of another type": partial(write, overview={258: (SHORT, [64]), 339: (SHORT, [3])}),
    "overview beyond the file": partial(write, overview={273: (LONG, [2**31])}),
    "many overviews of a mask": partial(write, overview={254: (LONG, [5])}),
    "strip beyond the file": partial(write, tags={273: (LONG, [2**32 - 100])}),
    "strip of 4 GB": partial(write, tags={279: (LONG, [2**32 - 1])}),
    "strip of no bytes": partial(write, tags={279: (LONG, [0])}),
    "no strips": partial(write, tags={273: None, 279: None}),
    "fewer strips than rows": partial(write, tags={278: (LONG, [1])}),
    "many strips": partial(write, tags={273: (LONG, [8] * 50_000), 279: (LONG, [1] * 50_000)}),
    "one strip of 4 billion rows": partial(write, tags={257: (LONG, [2**32 - 1]), 278: (LONG, [2**32 - 1])}),
    "width of 2 billion": partial(write, tags={256: (LONG, [2**31 - 1])}),
    "no rows": partial(write, tags={257: (LONG, [0])}),
    "tiles of no size": partial(write, tags={322: (LONG, [0]), 323: (LONG, [0])}),
    "tiles of a huge size": partial(
        write,
        tags={
            322: (LONG, [2**31 - 16]),
            323: (LONG, [2**31 - 16]),
            324: (LONG, [8]),
            325: (LONG, [4096]),
            273: None,
            278: None,
            279: None,
        },
    ),
    "one large block": _one_block,
    "65,535 bits": partial(write, tags={258: (SHORT, [65_535])}),
    "3 bits": partial(write, tags={258: (SHORT, [3])}),
    "65,535 bands": partial(write, tags={277: (SHORT, [65_535]), 258: (SHORT, [8])}),
    "unknown planes": partial(write, tags={284: (SHORT, [3])}),
    "unknown format": partial(write, tags={339: (SHORT, [99])}),
    "floating-point predictor": partial(write, tags={317: (SHORT, [3]), 259: (SHORT, [8])}),
    "orientation": partial(write, tags={274: (SHORT, [8])}),
    "many extra samples": partial(write, tags={338: (SHORT, [1] * 60_000)}),
    "short palette": partial(write, tags={262: (SHORT, [3]), 320: (SHORT, [1, 2, 3])}),
    "YCbCr": partial(
        write, tags={262: (SHORT, [6]), 277: (SHORT, [3]), 258: (SHORT, [8, 8, 8]), 259: (SHORT, [7])}
    ),
    "transform of NaN": partial(write, tags={34264: (DOUBLE, [float("nan")] * 16), 33550: None, 33922: None}),
    "scale of zero": partial(write, tags={33550: (DOUBLE, [0.0, 0.0, 0.0])}),
    "many tie points": partial(
        write, tags={33922: (DOUBLE, [1.0, 2.0, 0.0, 5e5, 5.5e6, 0.0] * 5000), 33550: None}
    ),
    "keys that lie": partial(write, tags={34735: (SHORT, [1, 1, 0, 60_000, 1024, 34737, 60_000, 9])}),
    "keys of an unknown CRS": partial(
        write, tags={34735: (SHORT, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 65_000])}
    ),
    "metadata with entities": partial(
        write, tags={42112: _text(f"{_ENTITIES}<GDALMetadata>&i;</GDALMetadata>")}
    ),
    "metadata nested deeply": partial(write, tags={42112: _text("<a>" * 50_000)}),
    "metadata of 8 MB": partial(
        write, tags={42112: _text("<GDALMetadata><Item name='a'>" + "x" * 2**23 + "</Item></GDALMetadata>")}
    ),
    "names of bands of no UTF-8": partial(
        write,
        tags={
            42112: _text(
                b"<GDALMetadata><Item name='DESCRIPTION' sample='0' role='description'>\xff\xfe\xe9</Item>"
                b"<Item name='\xff'>\xff</Item></GDALMetadata>\0"
            )
        },
    ),
    "nodata that is no number": partial(write, tags={42113: _text("x" * 10_000)}),
    "nodata beyond floats": partial(write, tags={42113: _text("1e9999")}),
    "BigTIFF of 2^60 values": big,
    **{
        f"compression {code} of noise": partial(write, tags={259: (SHORT, [code])})
        for code in (2, 3, 4, 5, 6, 7, 8, 32773, 34661, 34712, 34887, 34925, 50000, 50001, 50002, 65000)
    },
}
"""Files by what is wrong with them; each function writes one."""
