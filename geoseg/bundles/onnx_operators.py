"""Which operators an ONNX file is made of, read without a runtime and without its weights.

The numbers of fields are those of onnx.proto3, as in `onnx_metadata`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from geoseg.bundles.protobuf import LENGTH, WireError, fields, read_text
from geoseg.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorUse:
    """One kind of operator in a graph, with the attributes on which runtimes differ."""

    kind: str
    domain: str = ""
    """Empty: ONNX's own."""
    mode: str = ""
    """Of `Resize` and its like; empty: the operator's default."""
    place: str = ""
    """`coordinate_transformation_mode` of `Resize`; empty: its default."""
    antialias: bool = False
    """Of `Resize`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """What a graph is made of."""

    uses: tuple[OperatorUse, ...]
    """Each once, sorted; graphs within the graph are not entered."""
    opset: int
    """Of ONNX's own operators; 0 where it is not stated."""


def read_operators(path: Path) -> Operators:
    """Read the operators of an ONNX file.

    Raises:
        ModelError: there is no such file, or it is not ONNX.
    """
    uses: set[OperatorUse] = set()
    opset = 0
    try:
        with path.open("rb") as file:
            for field in fields(file, os.fstat(file.fileno()).st_size):
                if field.number == 7 and field.kind == LENGTH:
                    uses |= {_node(file, part.stop) for part in fields(file, field.stop) if part.number == 1}
                elif field.number == 8:
                    opset = _opset(file, field.stop) or opset
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except WireError as error:
        raise ModelError(f"{path}: is no ONNX file, or a damaged one: {error}") from error
    order = sorted(uses, key=lambda use: (use.domain, use.kind, use.mode, use.place))
    return Operators(uses=tuple(order), opset=opset)


def _node(file: BinaryIO, end: int) -> OperatorUse:
    """`NodeProto`: 4 operator, 5 attributes, 7 domain."""
    kind = domain = ""
    attributes: dict[str, str] = {}
    for field in fields(file, end):
        if field.number == 4:
            kind = read_text(file, field)
        elif field.number == 5:
            name, value = _attribute(file, field.stop)
            attributes[name] = value
        elif field.number == 7:
            domain = read_text(file, field)
    if kind != "Resize":
        return OperatorUse(kind=kind, domain=domain)
    return OperatorUse(
        kind=kind,
        domain=domain,
        mode=attributes.get("mode", ""),
        place=attributes.get("coordinate_transformation_mode", ""),
        antialias=attributes.get("antialias", "0") != "0",
    )


def _attribute(file: BinaryIO, end: int) -> tuple[str, str]:
    """`AttributeProto`: 1 name, 3 an integer, 4 a text."""
    name = value = ""
    for field in fields(file, end):
        if field.number == 1:
            name = read_text(file, field)
        elif field.number == 3:
            value = str(field.value)
        elif field.number == 4:
            value = read_text(file, field)
    return name, value


def _opset(file: BinaryIO, end: int) -> int:
    """`OperatorSetIdProto`: 1 domain, 2 version; 0 for other domains than ONNX's own."""
    domain, version = "", 0
    for field in fields(file, end):
        if field.number == 1:
            domain = read_text(file, field)
        elif field.number == 2:
            version = field.value
    return version if domain in {"", "ai.onnx"} else 0
