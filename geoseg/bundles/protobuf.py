"""The wire format of protocol buffers: fields of a message in an open file.

Source: protobuf.dev/programming-guides/encoding. Unused content is skipped, so the time for a message of
gigabytes depends only on its small fields: of an ONNX file of 1.9 GB with its weights inside, inputs, outputs
and operators are read in 0.06 s without further memory, where the package onnx takes 18 s and 3.7 GB
(docs/decisions/0041-libraries-for-what-they-do.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Kinds of content; groups (3, 4) are obsolete and 6, 7 do not exist."""

_LONGEST_VARINT = 10
"""Most bytes of a number."""

_LONGEST_HEAD = 2 * _LONGEST_VARINT
"""Most bytes before the content of a field: its number and kind, and its size."""

LONGEST_TEXT = 2**24
"""Most bytes of a text field; a longer field means damage."""


class WireError(Exception):
    """The bytes are not a message."""


class Field(NamedTuple):
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
    position = file.tell()
    while position < end:
        head = file.read(_LONGEST_HEAD)
        tag, at = _varint(head, 0)
        number, kind = tag >> 3, tag & 7
        value = size = 0
        if kind == VARINT:
            value, at = _varint(head, at)
        elif kind == LENGTH:
            size, at = _varint(head, at)
        elif kind in {FIXED32, FIXED64}:
            size = 4 if kind == FIXED32 else 8
        else:
            raise WireError(f"a field of unknown kind {kind} before byte {position + at}")
        stop = position + at + size
        if number == 0 or stop > end:
            raise WireError(f"field {number} should end at byte {stop}, its message ends at {end}")
        file.seek(position + at)
        yield Field(number=number, kind=kind, value=value, stop=stop)
        file.seek(stop)
        position = stop


def read_varint(file: BinaryIO) -> int:
    """Read a number: seven bits a byte, low bits first.

    Raises:
        WireError: the number does not end.
    """
    start = file.tell()
    value, at = _varint(file.read(_LONGEST_VARINT), 0)
    file.seek(start + at)
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place of some bytes, and the place after it; see `read_varint`."""
    value = 0
    for shift, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at + shift + 1
    if at + _LONGEST_VARINT > len(data):
        raise WireError("the message ends within a number")
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
