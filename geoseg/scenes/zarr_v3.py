"""Arrays of Zarr version 3 for GDAL before 3.11, which reads only version 2.

The chunks of both versions are equal; their metadata and paths differ. GDAL opens an array as one of version
2: a scratch folder with converted metadata and links to the chunks.
"""

from __future__ import annotations

import base64
import json
import struct
from contextlib import ExitStack
from pathlib import Path

import rasterio
from pydantic import JsonValue

from geoseg.errors import SceneReadError
from geoseg.files.bounded import parse_json, read_text
from geoseg.files.inputs import opened
from geoseg.files.scratch import scratch_folder, scratching_besides_reading
from geoseg.scenes.raster import Raster
from geoseg.scenes.subdatasets import spelled, subdataset_of

Table = dict[str, JsonValue]

_TYPES = {
    "bool": "|b1", "int8": "|i1", "uint8": "|u1", "int16": "i2", "uint16": "u2", "int32": "i4",
    "uint32": "u4", "int64": "i8", "uint64": "u8", "float16": "f2", "float32": "f4", "float64": "f8",
}  # fmt: skip
_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


def is_zarr_v3(path: str) -> bool:
    """Return whether a path names an array in a local store of Zarr version 3."""
    part = subdataset_of(path)
    return (
        part is not None
        and part.driver == "zarr"
        and (Path(part.file) / part.variable / "zarr.json").is_file()
    )


class ZarrV3(Raster):
    """An array, with the coordinates of its group."""

    def __init__(self, path: str) -> None:
        """Open an array.

        Raises:
            SceneReadError: the array is damaged, or the encoding of its chunks is not supported.
        """
        part = subdataset_of(path)
        if part is None:
            raise SceneReadError(f"{path} does not name an array of a Zarr store")
        # The constructor of Raster reads through the links, so the folder must exist first.
        with ExitStack() as stack:
            folder = stack.enter_context(scratch_folder())
            with scratching_besides_reading(folder):
                described = _translate(Path(part.file), part.variable, folder)
            super().__init__(spelled("zarr", str(folder), part.variable))
            self._scratch = stack.pop_all()
        self.path = path
        opened(part.file)
        fill = _fill(described)
        self.nodata = (fill,) * self.count

    def close(self) -> None:
        """Close the array and remove the scratch folder."""
        super().close()
        self._scratch.close()


def _translate(store: Path, variable: str, target: Path) -> Table:
    """Write the metadata of an array and of its coordinates in version 2; return its attributes.

    Raises:
        SceneReadError: the array cannot be represented in version 2.
    """
    group = Path(variable).parent
    wanted: Table = {}
    for folder in (target / group, *(target / group).parents):
        if target in (folder, *folder.parents):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".zgroup").write_text('{"zarr_format": 2}')
    for item in sorted((store / group).iterdir()):
        text = item / "zarr.json"
        if not text.is_file():
            continue
        array = _table(parse_json(read_text(text), text))
        if array.get("node_type") != "array":
            continue
        own = item.name == Path(variable).name
        if not own and len(_list(array.get("shape"))) > 1:
            continue
        try:
            _describe(array, item, target / group / item.name)
        except SceneReadError:
            if own:
                raise
        if own:
            wanted = _table(array.get("attributes"))
    return wanted


def _describe(array: Table, source: Path, target: Path) -> None:
    """Write the metadata of one array and link its chunks.

    Raises:
        SceneReadError: version 2 does not have its type or codecs.
    """
    order, compressor = _codecs(array, source)
    shape = _list(array.get("shape"))
    chunks = _list(_table(_table(array.get("chunk_grid")).get("configuration")).get("chunk_shape"))
    keys = _table(array.get("chunk_key_encoding"))
    separator = _table(keys.get("configuration")).get("separator") or (
        "." if keys.get("name") == "v2" else "/"
    )
    target.mkdir()
    description: Table = {
        "zarr_format": 2,
        "shape": shape,
        "chunks": chunks,
        "dtype": _type(array.get("data_type"), order, source),
        "fill_value": array.get("fill_value"),
        "order": "C",
        "filters": None,
        "compressor": compressor,
        "dimension_separator": separator,
    }
    (target / ".zarray").write_text(json.dumps(description))
    attributes = _table(array.get("attributes")) | {"_ARRAY_DIMENSIONS": array.get("dimension_names") or []}
    (target / ".zattrs").write_text(json.dumps(attributes))
    _link(source, target, keys.get("name") == "v2")


def _link(source: Path, target: Path, flat: bool) -> None:
    """Link chunks to their paths in version 2: without the leading `c`."""
    inside = source if flat or not (source / "c").is_dir() else source / "c"
    if (source / "c").is_file():
        (target / "0").symlink_to((source / "c").resolve())
        return
    for item in inside.iterdir():
        if item.name != "zarr.json":
            (target / item.name.removeprefix("c.")).symlink_to(item.resolve())


def _codecs(array: Table, source: Path) -> tuple[str, JsonValue]:
    """Return the byte order and the compressor of version 2.

    Raises:
        SceneReadError: version 2 does not have the codecs.
    """
    order, compressor = "<", None
    for item in map(_table, _list(array.get("codecs"))):
        name, settings = item.get("name"), _table(item.get("configuration"))
        if name == "bytes":
            order = ">" if settings.get("endian") == "big" else "<"
        elif name in {"gzip", "zstd"} and compressor is None and not settings.get("checksum"):
            compressor = {"id": name, "level": settings.get("level", 0)}
        elif name == "blosc" and compressor is None:
            shuffle = _SHUFFLES.get(str(settings.get("shuffle")), 1)
            compressor = {"id": "blosc", **settings, "shuffle": shuffle}
        else:
            raise SceneReadError(
                f"{source} is Zarr version 3 with the codec {name}, which GDAL {rasterio.__gdal_version__} "
                "does not read; write it as version 2 (zarr_format=2), or install a rasterio with GDAL 3.11 "
                "or newer"
            )
    return order, compressor


def _type(name: JsonValue, order: str, source: Path) -> str:
    """Return the name of a data type in version 2.

    Raises:
        SceneReadError: version 2 does not have the type.
    """
    if isinstance(name, str) and name in _TYPES:
        plain = _TYPES[name]
        return plain if plain.startswith("|") else order + plain
    table = _table(name)
    length = _table(table.get("configuration")).get("length_bytes")
    if table.get("name") == "fixed_length_utf32" and isinstance(length, int):
        return f"{order}U{length // 4}"
    raise SceneReadError(f"{source} holds values of type {json.dumps(name)}, which a raster cannot hold")


def _fill(attributes: Table) -> float | None:
    """Return the nodata value: `_FillValue` of xarray, in base 64 for floats."""
    value = attributes.get("_FillValue")
    if isinstance(value, str):
        try:
            return float(struct.unpack("<d", base64.b64decode(value, validate=True))[0])
        except (ValueError, struct.error):
            return None
    return float(value) if isinstance(value, int | float) else None


def _table(value: JsonValue) -> Table:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
