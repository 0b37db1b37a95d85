"""The operators of an ONNX file, read without a runtime and without its weights.

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
    """A type of operator in a graph, with the attributes whose support differs between runtimes."""

    kind: str
    domain: str = ""
    """Empty: ONNX."""
    mode: str = ""
    """Mode of `Resize`; empty: the default."""
    transformation: str = ""
    """`coordinate_transformation_mode` of `Resize`; empty: the default."""
    antialias: bool = False
    """Whether `Resize` antialiases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """The operators of a graph."""

    uses: tuple[OperatorUse, ...]
    """Each once, sorted; without those of graphs within the graph."""
    opset: int
    """Opset of the operators of ONNX; 0 if not stated."""


def read_operators(path: Path) -> Operators:
    """Read the operators of an ONNX file.

    Raises:
        ModelError: the file does not exist or is not ONNX.
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
        raise ModelError(f"{path}: not an ONNX file, or damaged: {error}") from error
    order = sorted(uses, key=lambda use: (use.domain, use.kind, use.mode, use.transformation))
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
        transformation=attributes.get("coordinate_transformation_mode", ""),
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
    """`OperatorSetIdProto`: 1 domain, 2 version; 0 for other domains than ONNX."""
    domain, version = "", 0
    for field in fields(file, end):
        if field.number == 1:
            domain = read_text(file, field)
        elif field.number == 2:
            version = field.value
    return version if domain in {"", "ai.onnx"} else 0
