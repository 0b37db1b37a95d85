"""The wire format of protocol buffers: fields of a message in an open file.

Source: protobuf.dev/programming-guides/encoding. Unused content is skipped, so the time for a message of
gigabytes depends only on its small fields: of an ONNX file of 1.9 GB with its weights inside, inputs, outputs
and operators are read in 0.06 s without further memory, where the package onnx takes 18 s and 3.7 GB
(docs/decisions/0041-libraries-for-what-they-do.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Kinds of content; groups (3, 4) are obsolete and 6, 7 do not exist."""

LONGEST_TEXT = 2**24
"""Most bytes of a text field; a longer field means damage."""


class WireError(Exception):
    """The bytes are not a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a message."""

    number: int
    kind: int
    value: int
    """Value of a number; 0 for other kinds."""
    stop: int
    """Position after the content, which begins at the current position of the file."""


def fields(file: BinaryIO, end: int) -> Iterator[Field]:
    """Yield the fields from the current position of the file to `end`.

    The caller may read the content of a field; iteration continues after it.

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
        WireError: the number does not end.
    """
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise WireError("the message ends within a number")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise WireError("a number is longer than 64 bits")


def read_text(file: BinaryIO, field: Field) -> str:
    """Read the content of a text field.

    Raises:
        WireError: the field is not a text, or too long.
    """
    size = field.stop - file.tell()
    if field.kind != LENGTH or size > LONGEST_TEXT:
        raise WireError(f"field {field.number} is not a text")
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
