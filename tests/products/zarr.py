"""Zarr stores of versions 2 and 3 as xarray writes them; chunks are 16 x 16 and compressed by gzip."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS as ProjCRS

from tests.products.ground import CRS, EAST, NORTH

CHUNK = 16
Attributes = Mapping[str, Any]


def write_store(
    path: Path,
    bands: Mapping[str, NDArray[Any]],
    *,
    version: int = 2,
    told: str = "named",
    attributes: Attributes | None = None,
    fill: float | None = None,
    pixel: float = 10.0,
) -> Path:
    """Write one array a band, (H, W), with coordinates and `spatial_ref`.

    Args:
        path: the store.
        bands: by name, or by group and name (`measurements/r10m/b02`).
        version: 2 or 3.
        told: whether arrays name `spatial_ref` ("named"), or it only stands beside them ("beside"), or is
            not there ("none").
        attributes: further ones of every band: `scale_factor` and the like.
        fill: the value that means "not observed".
        pixel: metres.
    """
    groups = {name.rpartition("/")[0] for name in bands}
    for name in sorted({"", *groups, *(above for group in groups for above in parents(group))}):
        write_group(path / name, version, {})
    for group in groups:
        height, width = next(
            values.shape for name, values in bands.items() if name.rpartition("/")[0] == group
        )
        y = NORTH - pixel * (np.arange(height) + 0.5)
        x = EAST + pixel * (np.arange(width) + 0.5)
        write_array(path / group / "y", y, ("y",), version)
        write_array(path / group / "x", x, ("x",), version)
        if told != "none":
            wkt = ProjCRS.from_user_input(CRS).to_wkt("WKT1_GDAL")
            write_array(path / group / "spatial_ref", np.array(0), (), version, {"crs_wkt": wkt})
    own = dict(attributes or {}) | ({"grid_mapping": "spatial_ref"} if told == "named" else {})
    for name, values in bands.items():
        write_array(path / name, values, ("y", "x"), version, own, fill)
    if version == 2:
        consolidate(path)
    return path


def consolidate(path: Path) -> None:
    """Write all descriptions of a store into one file, as xarray does."""
    found = {
        item.relative_to(path).as_posix(): json.loads(item.read_text())
        for item in sorted(path.rglob(".z*"))
        if item.name in {".zarray", ".zattrs", ".zgroup"}
    }
    (path / ".zmetadata").write_text(json.dumps({"metadata": found, "zarr_consolidated_format": 1}))


def parents(group: str) -> list[str]:
    """Groups above a group."""
    parts = group.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def write_group(path: Path, version: int, attributes: Attributes) -> None:
    """Write what describes a group."""
    path.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (path / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
        (path / ".zattrs").write_text(json.dumps(attributes))
    else:
        group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        (path / "zarr.json").write_text(json.dumps(group))


def write_array(
    path: Path,
    values: NDArray[Any],
    dimensions: Sequence[str],
    version: int,
    attributes: Attributes | None = None,
    fill: float | None = None,
    codecs: Sequence[Mapping[str, Any]] = ({"name": "gzip", "configuration": {"level": 5}},),
) -> None:
    """Write one array in chunks."""
    path.mkdir(parents=True)
    text = values.dtype.kind == "U"
    chunks = [min(CHUNK, size) for size in values.shape]
    for place in np.ndindex(*(-(-size // chunk) for size, chunk in zip(values.shape, chunks, strict=True))):
        inside = tuple(slice(i * chunk, (i + 1) * chunk) for i, chunk in zip(place, chunks, strict=True))
        block = np.zeros(chunks, values.dtype)
        part = values[inside]
        block[tuple(slice(0, size) for size in part.shape)] = part
        raw = block.astype(values.dtype.newbyteorder("<")).tobytes()
        key = ".".join(map(str, place)) or "0"
        file = path / (key if version == 2 else "/".join(("c", *map(str, place))))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(raw))
    shape = {"shape": list(values.shape)}
    none: Any = "" if text else fill if fill is not None else ("NaN" if values.dtype.kind == "f" else 0)
    table = dict(attributes or {})
    if version == 2:
        order = {"order": "C", "filters": None, "dimension_separator": ".", "zarr_format": 2}
        description = shape | order | {
            "chunks": chunks, "dtype": values.dtype.newbyteorder("<").str, "fill_value": none,
            "compressor": {"id": "gzip", "level": 5},
        }  # fmt: skip
        (path / ".zarray").write_text(json.dumps(description))
        (path / ".zattrs").write_text(json.dumps(table | {"_ARRAY_DIMENSIONS": list(dimensions)}))
        return
    kind: Any = values.dtype.name
    if text:
        length = values.dtype.itemsize
        kind = {"name": "fixed_length_utf32", "configuration": {"length_bytes": length}}
    if fill is not None:
        # xarray keeps it apart, of floats in base 64; Zarr's own is what chunks that are missing hold.
        floats = values.dtype.kind == "f"
        table["_FillValue"] = base64.b64encode(struct.pack("<d", fill)).decode() if floats else fill
        none = 0
    description = shape | {
        "zarr_format": 3, "node_type": "array", "data_type": kind, "fill_value": none,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, *codecs],
        "dimension_names": list(dimensions), "attributes": table,
    }  # fmt: skip
    (path / "zarr.json").write_text(json.dumps(description))
