"""The wire format of protocol buffers: fields of a message in an open file, read where they lie.

Source: protobuf.dev/programming-guides/encoding. Content that is not asked for is seeked over, so a message
of gigabytes costs what its small fields cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Kinds of content; groups (3, 4) are obsolete and 6, 7 do not exist."""

LONGEST_TEXT = 2**24
"""Bytes of a text field; more is taken for damage."""


class WireError(Exception):
    """The bytes are not a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a message."""

    number: int
    kind: int
    value: int
    """Of a number; 0 for other kinds."""
    stop: int
    """Position after the content, which begins where the file stands."""


def fields(file: BinaryIO, end: int) -> Iterator[Field]:
    """Yield the fields from where the file stands up to `end`.

    The caller may read the content of a field or not; the walk goes on behind it.

    Raises:
        WireError: the bytes are not a message, or end too early.
    """
    while file.tell() < end:
        tag = read_varint(file)
        number, kind = tag >> 3, tag & 7
        value = size = 0
        if kind == VARINT:
            value = read_varint(file)
        elif kind == LENGTH:
            size = read_varint(file)
        elif kind in {FIXED32, FIXED64}:
            size = 4 if kind == FIXED32 else 8
        else:
            raise WireError(f"a field of unknown kind {kind} before byte {file.tell()}")
        stop = file.tell() + size
        if number == 0 or stop > end:
            raise WireError(f"field {number} should end at byte {stop}, its message ends at {end}")
        yield Field(number=number, kind=kind, value=value, stop=stop)
        file.seek(stop)


def read_varint(file: BinaryIO) -> int:
    """Read a number: seven bits a byte, low bits first.

    Raises:
        WireError: it does not end.
    """
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise WireError("it ends within a number")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise WireError("a number is longer than 64 bits")


def read_text(file: BinaryIO, field: Field) -> str:
    """Read the content of a text field.

    Raises:
        WireError: it is no text field, or far too long.
    """
    size = field.stop - file.tell()
    if field.kind != LENGTH or size > LONGEST_TEXT:
        raise WireError(f"field {field.number} is no text")
    return file.read(size).decode("utf-8", errors="replace")


def write_field(number: int, content: bytes) -> bytes:
    """Encode a field of known length."""
    return _write_varint(number << 3 | LENGTH) + _write_varint(len(content)) + content


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
