"""External data of ONNX files: the files with the weights of large networks, beside the ONNX file.

The format: onnx.ai/onnx/repo-docs/ExternalData.html; the field numbers: onnx.proto of ONNX 1.17.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO
from urllib.parse import unquote

from pydantic import JsonValue

from geoseg.bundles.mlm import EXTERNAL_ROLE, SHA256_MULTIHASH, ModelAsset
from geoseg.bundles.protobuf import LENGTH, Field, WireError, fields, read_text
from geoseg.bundles.pulled import is_plain, is_remote, weights_name
from geoseg.errors import ModelError
from geoseg.files.hashes import file_sha256
from geoseg.files.inputs import opened
from geoseg.files.network import plain
from geoseg.spec import ModelSpec

_DEPTH = 40
"""Most messages inside each other: graphs of graphs; a network has about ten."""

_TENSOR = "tensor"
_INNER: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
}
"""Kinds of messages by field, for each kind of message."""

_EXTERNAL_DATA = 13
"""Field of a tensor: entries of a key and a value, of which `location` is the name of the file."""


def external_names(weights: Path) -> tuple[str, ...]:
    """Return the names of the files with external data, relative to the ONNX file, sorted.

    Raises:
        ModelError: the file cannot be read or is damaged, or a name leads out of its folder.
    """
    try:
        with weights.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            found = set(_locations(file, size, "model", 0))
    except OSError as error:
        raise ModelError(f"{weights}: cannot be read: {error.strerror}") from error
    except WireError as error:
        raise ModelError(f"{weights}: not an ONNX file, or damaged: {error}") from error
    return tuple(sorted({_relative(name, weights) for name in found}))


def check_external(model: ModelSpec) -> None:
    """Check external data; if the description states a SHA-256 of the weights, it must state theirs too.

    Raises:
        ModelError: a file is missing, lies outside the folder of the network, is not listed in the
            description, or has another SHA-256.
    """
    for name in external_names(model.weights):
        path = model.weights.parent / name
        folders = {model.weights.parent.resolve(), model.weights.resolve().parent}
        if not any(path.resolve().is_relative_to(folder) for folder in folders):
            raise ModelError(
                f"{path}: is a link to a file outside the folder of the network; put the file there"
            )
        opened(path)
        if not path.is_file():
            raise ModelError(f"{path}: is missing; it holds weights of {model.weights.name}")
        if not model.sha256:
            continue
        expected = model.external.get(name, "").lower()
        if not expected:
            raise ModelError(
                f"{path}: holds weights of {model.weights.name}, but its description states no SHA-256; "
                f"add an asset with the role {EXTERNAL_ROLE} and file:checksum"
            )
        if (actual := sha256_of(path)) != expected:
            raise ModelError(
                f"{path}: SHA-256 is {actual}, the description states {expected}: the file is damaged or is "
                "another file; download it again"
            )


def weights_identity(model: ModelSpec) -> str:
    """Return a SHA-256 that differs for different weights, external data included."""
    own = model.sha256.lower() or sha256_of(model.weights)
    names = external_names(model.weights)
    if not names:
        return own
    lines = [own, *(f"{name} {sha256_of(model.weights.parent / name)}" for name in names)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def stated_hashes(assets: Mapping[str, ModelAsset]) -> dict[str, str]:
    """Return the SHA-256 of files with external data by name, as a description states them."""
    return {asset_name(asset): asset.sha256 for asset in assets.values() if EXTERNAL_ROLE in asset.roles}


def external_assets(spec: ModelSpec, sizes: Mapping[str, int]) -> dict[str, JsonValue]:
    """Return the assets of a description for the external data of a model; sizes are in bytes, by name."""
    return {
        f"data-{number}": {
            **file_asset(name, sha256, role=EXTERNAL_ROLE),
            **({"file:size": sizes[name]} if name in sizes else {}),
        }
        for number, (name, sha256) in enumerate(sorted(spec.external.items()), start=1)
    }


def file_asset(name: str, sha256: str, *, role: str) -> dict[str, JsonValue]:
    """Return an asset of a description for a file beside the ONNX file, by its relative path."""
    return {
        "href": f"./{name}",
        "type": "application/octet-stream",
        "roles": [role],
        "file:checksum": SHA256_MULTIHASH + sha256,
    }


def asset_name(asset: ModelAsset) -> str:
    """Return the name of a file with external data, relative to the ONNX file.

    Raises:
        ModelError: the address does not end in a plain name.
    """
    if not is_remote(asset.href):
        return PurePosixPath(unquote(asset.href)).as_posix()
    name = PurePosixPath(unquote(asset.href.partition("?")[0])).name
    if not is_plain(name) or weights_name(asset.href) != name:
        raise ModelError(
            f"{plain(asset.href)}: external data need an address that ends in their plain file name"
        )
    return name


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _locations(file: BinaryIO, end: int, kind: str, depth: int) -> Iterator[str]:
    """Yield the names of files in a message."""
    if depth > _DEPTH:
        raise WireError(f"messages are nested more than {_DEPTH} levels deep")
    for field in fields(file, end):
        if field.kind != LENGTH:
            continue
        if kind == _TENSOR:
            if field.number == _EXTERNAL_DATA:
                yield from _location(file, field)
        elif inner := _INNER[kind].get(field.number):
            yield from _locations(file, field.stop, inner, depth + 1)


def _location(file: BinaryIO, field: Field) -> Iterator[str]:
    entry = {part.number: read_text(file, part) for part in fields(file, field.stop) if part.kind == LENGTH}
    if entry.get(1) == "location":
        yield entry.get(2, "")


def _relative(name: str, weights: Path) -> str:
    """Return the name of a file below the folder of the network.

    Raises:
        ModelError: it leads out of the folder.
    """
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive or "\\" in name
    if outside or not path.parts or not name.isprintable():
        raise ModelError(
            f"{weights}: names external data at {plain(name)!r}, outside its folder; export it again"
        )
    return path.as_posix()
