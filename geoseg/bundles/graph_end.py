"""The last operator of a graph that changes the meaning of its output, read without a runtime.

The numbers of fields are those of onnx.proto3, as in `onnx_metadata`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from geoseg.bundles.protobuf import LENGTH, WireError, fields, read_text
from geoseg.errors import ModelError

PASSING = frozenset(
    {
        "Cast", "Identity", "Transpose", "Reshape", "Resize", "Upsample", "Slice", "Pad", "Crop", "Squeeze",
        "Unsqueeze", "Flatten", "CastLike", "DequantizeLinear", "QuantizeLinear", "DepthToSpace",
    }
)  # fmt: skip
"""Operators that move, resize or retype values: the operator before them decides what the values are."""


def last_operator(path: Path, output: str) -> str:
    """Return the type of the last operator before an output that is not in `PASSING`; empty: unknown.

    Raises:
        ModelError: the file cannot be read, or is not ONNX.
    """
    try:
        with path.open("rb") as file:
            nodes = _nodes(file)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except WireError as error:
        raise ModelError(f"{path}: not an ONNX file, or damaged: {error}") from error
    name, seen = output, set[str]()
    while name in nodes and name not in seen:
        seen.add(name)
        kind, name = nodes[name]
        if kind not in PASSING:
            return kind
    return ""


def _nodes(file: BinaryIO) -> dict[str, tuple[str, str]]:
    """Return operator and first input of the node of each output."""
    found: dict[str, tuple[str, str]] = {}
    for field in fields(file, os.fstat(file.fileno()).st_size):
        if field.number != 7 or field.kind != LENGTH:
            continue
        for part in fields(file, field.stop):
            if part.number == 1:
                kind, first, outputs = _node(file, part.stop)
                found |= dict.fromkeys(outputs, (kind, first))
    return found


def _node(file: BinaryIO, end: int) -> tuple[str, str, list[str]]:
    """`NodeProto`: 1 inputs, 2 outputs, 4 operator."""
    kind, inputs, outputs = "", list[str](), list[str]()
    for field in fields(file, end):
        if field.number == 1:
            inputs.append(read_text(file, field))
        elif field.number == 2:
            outputs.append(read_text(file, field))
        elif field.number == 4:
            kind = read_text(file, field)
    return kind, (inputs[0] if inputs else ""), outputs
