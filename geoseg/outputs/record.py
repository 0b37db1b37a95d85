"""Read the run record from a file that geoseg wrote."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyogrio
import pyogrio.errors
import rasterio.errors
from pydantic import ValidationError

from geoseg.errors import RuntimeMissingError, SceneError, SceneReadError
from geoseg.files.bounded import parse_json
from geoseg.files.doors import opening
from geoseg.files.network import TEXT_BYTES
from geoseg.files.store_path import StorePath
from geoseg.run_record import RECORD_TAG, RunRecord
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.sqlite_files import check_tables, settled
from geoseg.scenes.vector_files import reading_vector

RECORD_KEY = "geoseg"
"""Key of the record in the metadata of FlatGeobuf, GeoParquet and GeoJSON."""
RECORD_URI = "urn:geoseg:run-record"
"""`md_standard_uri` of the record in a GeoPackage."""

_PMTILES_HEADER, _PMTILES_MOST, _GZIP = 127, 2**26, b"\x1f\x8b"
"""Bytes of the header and, at most, of the metadata of a PMTiles file; first bytes of gzip."""


def read_record(path: Path) -> RunRecord | None:
    """Return the record of a map, on this machine or in a store; None: the file has none.

    Raises:
        SceneReadError: the file is missing or cannot be read.
        SceneError: another version of geoseg wrote the record.
        RuntimeMissingError: reading GeoParquet needs pyarrow.
    """
    if isinstance(path, StorePath):
        text = _from_object(path)
    else:
        if not path.is_file():
            raise SceneReadError(f"{path}: no such file")
        reader = _READERS.get(path.suffix.lower())
        with opening(path):
            text = reader(path) if reader else None
    if text is None:
        return None
    try:
        return RunRecord.model_validate_json(text)
    except ValidationError as error:
        raise SceneError(
            f"{path}: its run record was written by another version of geoseg ({error.error_count()} fields"
            " differ); read it with that version"
        ) from error


def _from_object(path: StorePath) -> str | None:
    """Return the record of a map in a store; a vector file is fetched first."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        return None
    if path.suffix.lower() in {".tif", ".tiff"}:
        with opening(path):
            return reader(path)
    from geoseg.files.stores import fetched  # noqa: PLC0415 - for maps in stores only

    with fetched(path) as copy, opening(path):
        return reader(copy)


def _from_geopackage(path: Path) -> str | None:
    check_tables(path)
    with (
        settled(path) as place,
        closing(sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro", uri=True)) as file,
    ):
        if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'gpkg_metadata'").fetchone():
            return None
        row = file.execute(
            "SELECT metadata FROM gpkg_metadata WHERE md_standard_uri = ? ORDER BY id DESC", (RECORD_URI,)
        ).fetchone()
    return None if row is None else str(row[0])


def _from_flatgeobuf(path: Path) -> str | None:
    with reading_vector(path) as file:
        value = (pyogrio.read_info(file)["layer_metadata"] or {}).get(RECORD_KEY)
    return None if value is None else str(value)


def _from_pmtiles(path: Path) -> str | None:
    """Read the description in the metadata of a PMTiles 3 file, whose place the header states."""
    with path.open("rb") as file:
        header = file.read(_PMTILES_HEADER)
        if len(header) < _PMTILES_HEADER or not header.startswith(b"PMTiles\x03"):
            return None
        offset, length = struct.unpack("<QQ", header[24:40])
        file.seek(offset)
        packed = file.read(min(length, _PMTILES_MOST))
    text = zlib.decompressobj(wbits=31).decompress(packed, _PMTILES_MOST) if packed[:2] == _GZIP else packed
    value = parse_json(text, path).get("description")
    return value if isinstance(value, str) and value.startswith("{") else None


def _from_geojson(path: Path) -> str | None:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TEXT_BYTES))
        text = file.read()
    if size <= TEXT_BYTES:
        value = parse_json(text, path).get(RECORD_KEY)
    else:
        # geoseg writes the record behind the features, of which a map of millions has gigabytes.
        _, found, end = text.rpartition(f'\n"{RECORD_KEY}": '.encode())
        value = parse_json(end.rstrip().removesuffix(b"}"), path) if found else None
    return None if value is None else json.dumps(value)


def _from_parquet(path: Path) -> str | None:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise RuntimeMissingError(
            f"{path}: GeoParquet needs pyarrow; pip install 'geoseg[parquet]'"
        ) from error
    value = (parquet.read_metadata(path).metadata or {}).get(RECORD_KEY.encode())
    return None if value is None else value.decode()


def _from_tiff(path: Path) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        file = open_dataset(path.gdal_path if isinstance(path, StorePath) else str(path))
    with file:
        value = file.tags().get(RECORD_TAG)
    return None if value is None else str(value)


_READERS: dict[str, Callable[[Path], str | None]] = {
    ".gpkg": _from_geopackage,
    ".fgb": _from_flatgeobuf,
    ".pmtiles": _from_pmtiles,
    ".geojson": _from_geojson,
    ".json": _from_geojson,
    ".parquet": _from_parquet,
    ".tif": _from_tiff,
    ".tiff": _from_tiff,
}
