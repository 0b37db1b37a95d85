"""Inputs, outputs and metadata of an ONNX file, read without a runtime and without its weights.

An ONNX file is a protocol-buffer message (`ModelProto`). Field numbers are those of onnx.proto3, which are
stable.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from geoseg.bundles.mlm import first_problem
from geoseg.bundles.protobuf import LENGTH, WireError, fields, read_text, write_field
from geoseg.errors import ModelError, OutputError
from geoseg.files.inputs import opened
from geoseg.spec import ModelSpec

KEY = "geoseg"
"""Key of geoseg's metadata entry: a `ModelSpec` as JSON without `OUTSIDE`."""

OUTSIDE = {
    *("weights", "sha256", "external", "program", "program_sha256", "source"),
    *("training_scenes", "evidence", "temperature"),
}
"""Fields that follow from the path and content of the file, that are measured after it is written, or that
only the choice between installed bundles needs."""

ELEMENT_TYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 10: "float16", 11: "float64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPort:
    """An input or output of a graph."""

    name: str
    dtype: str
    """numpy's name of the element type; empty for other types."""
    shape: tuple[int | None, ...] | None
    """Sizes, None for a variable size; None: the graph does not state a shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxHeader:
    """Inputs, outputs and metadata of an ONNX file."""

    inputs: tuple[GraphPort, ...]
    """Inputs without the weights, which old files list among them."""
    outputs: tuple[GraphPort, ...]
    metadata: dict[str, str]


def read_header(path: Path) -> OnnxHeader:
    """Read inputs, outputs and metadata of an ONNX file.

    Raises:
        ModelError: the file does not exist or is not ONNX.
    """
    head = b""
    opened(path)
    try:
        with path.open("rb") as file:
            head = file.read(24)
            file.seek(0)
            return _model(file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except WireError as error:
        if head.startswith(b"version https://git-lfs"):
            raise ModelError(f"{path}: is a Git LFS pointer, not the network: run git lfs pull") from error
        raise ModelError(f"{path}: not an ONNX file, or damaged: {error}") from error


def spec_from_metadata(path: Path, header: OnnxHeader) -> ModelSpec | None:
    """Return the description that geoseg wrote into an ONNX file; None if there is none.

    Raises:
        ModelError: the description is invalid.
    """
    text = header.metadata.get(KEY)
    if text is None:
        return None
    try:
        said = TypeAdapter(dict[str, object]).validate_json(text)
        return ModelSpec.model_validate({**said, "weights": path, "source": "onnx"})
    except ValidationError as error:
        raise ModelError(f"{path}: its metadata {KEY!r} is not valid: {first_problem(error)}") from error


def embed(
    source: Path, target: Path, spec: ModelSpec, *, extra: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Copy an ONNX file and write a description into the copy.

    The fields of a message may stand in any order, so the entry is appended and nothing is decoded.

    Args:
        source: ONNX file without a description of geoseg.
        target: the copy; may be `source` itself.
        spec: what the network needs; its weights, hash and source are not written.
        extra: further entries, such as the keys of other programs.

    Raises:
        ModelError: `source` is not ONNX, or has a description already.
        OutputError: `target` cannot be written.
    """
    if KEY in read_header(source).metadata:
        raise ModelError(f"{source}: already contains a description; use the file that was exported")
    text = spec.model_dump_json(exclude=OUTSIDE, exclude_defaults=True)
    entries = [
        write_field(1, key.encode()) + write_field(2, value.encode())
        for key, value in {KEY: text, **extra}.items()
    ]
    try:
        if source.resolve() != target.resolve():
            shutil.copyfile(source, target)
        with target.open("ab") as file:
            for entry in entries:
                file.write(write_field(14, entry))
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror}") from error


def _model(file: BinaryIO, end: int) -> OnnxHeader:
    """`ModelProto`: 7 graph, 14 metadata entries."""
    header: OnnxHeader | None = None
    metadata: dict[str, str] = {}
    for field in fields(file, end):
        if field.number == 7 and field.kind == LENGTH:
            header = _graph(file, field.stop)
        elif field.number == 14:
            entry = {part.number: read_text(file, part) for part in fields(file, field.stop)}
            metadata[entry.get(1, "")] = entry.get(2, "")
    if header is None or not header.outputs:
        raise WireError("it holds no graph with an output")
    return OnnxHeader(inputs=header.inputs, outputs=header.outputs, metadata=metadata)


def _graph(file: BinaryIO, end: int) -> OnnxHeader:
    """`GraphProto`: 5 initialisers (their field 8 is the name), 11 inputs, 12 outputs."""
    inputs: list[GraphPort] = []
    outputs: list[GraphPort] = []
    weights: set[str] = set()
    for field in fields(file, end):
        if field.number == 5:
            weights |= {read_text(file, part) for part in fields(file, field.stop) if part.number == 8}
        elif field.number in {11, 12}:
            (inputs if field.number == 11 else outputs).append(_port(file, field.stop))
    free = tuple(port for port in inputs if port.name not in weights)
    return OnnxHeader(inputs=free, outputs=tuple(outputs), metadata={})


def _port(file: BinaryIO, end: int) -> GraphPort:
    """`ValueInfoProto`: 1 name, 2 type (`TypeProto`), of which 1 is a tensor's: 1 elements, 2 shape."""
    name, dtype = "", ""
    shape: tuple[int | None, ...] | None = None
    for field in fields(file, end):
        if field.number == 1:
            name = read_text(file, field)
        elif field.number == 2:
            tensors = (part for part in fields(file, field.stop) if part.number == 1)
            for part in (inner for tensor in tensors for inner in fields(file, tensor.stop)):
                if part.number == 1:
                    dtype = ELEMENT_TYPES.get(part.value, "")
                elif part.number == 2:
                    shape = _shape(file, part.stop)
    return GraphPort(name=name, dtype=dtype, shape=shape)


def _shape(file: BinaryIO, end: int) -> tuple[int | None, ...]:
    """`TensorShapeProto`: 1 dimensions, each 1 a size or 2 a name."""
    sizes: list[int | None] = []
    for field in fields(file, end):
        if field.number == 1:
            size = [part.value for part in fields(file, field.stop) if part.number == 1]
            # Sizes are signed; a negative or absent one is free, and so is 0 in some exporters.
            sizes.append(size[0] if size and 0 < size[0] < 2**63 else None)
    return tuple(sizes)
