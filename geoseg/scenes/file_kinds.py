"""Kinds of files by their first bytes, which GDAL goes by too, whatever the suffix."""

from __future__ import annotations

import re
from pathlib import Path

from geoseg.errors import SceneReadError
from geoseg.files.bounded import check_regular
from geoseg.files.network import plain

HEAD = 6000
"""Bytes of a file by which its kind is known; GDAL's drivers look at no more."""

SQLITE = b"SQLite format 3\0"
"""First bytes of a GeoPackage."""

VECTORS = "GeoPackage, GeoJSON, FlatGeobuf, shapefile, KML, GML, GPX, CSV, MapInfo, file geodatabase or VRT"
"""Formats of vector files, for messages."""

_ROOTS = frozenset({"kml", "gpx", "featurecollection", "ogrvrtdatasource"})
_BINARY = (b"fgb", b"\x00\x00\x27\x0a", b"PAR1")
"""First bytes of FlatGeobuf, of a shapefile, of GeoParquet."""

_DESCRIPTIONS = (
    "ogrvrtdatasource", "vrtdataset", "gdaltileindexdataset", "gdal_wms", "wcs_gdal", "mrf_meta",
    "ogrwfsdatasource", "ogrcswdatasource", "wfs_capabilities", "wfs:wfs_capabilities",
    "wms_capabilities", "wmt_ms_capabilities", "tileserver", "gdal_wmts",
)  # fmt: skip
"""First elements of descriptions that GDAL follows, in lower case."""

_TEXTS = (".csv", ".tab", ".mif", ".mid")
_SUFFIXES = (*_TEXTS, ".gpkg", ".geojson", ".fgb", ".shp", ".kml", ".kmz", ".gml", ".gpx", ".parquet")
_DBASE = (".dbf", ".shx")
PIPELINE = b"gdal_streamed_alg"
"""What GDAL looks for in a text that it runs as a command (the format GDALG)."""

_START = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*")


def file_head(file: Path | str) -> bytes:
    """Return the first bytes of a file, without a byte order mark and white space.

    Raises:
        SceneReadError: it cannot be read, or is a pipe or a device, which may give nothing without end.
    """
    check_regular(file)
    try:
        with Path(file).open("rb") as opened:
            head = opened.read(HEAD)
    except OSError as error:
        raise SceneReadError(f"{plain(file)} cannot be read: {error.strerror}; check the path") from error
    return _START.sub(b"", head, count=1)


def root_of(head: bytes) -> str:
    """Return the name of the first element of an XML text in lower case, without its namespace; else empty.

    The names by which GDAL recognises its own descriptions are found anywhere in a text, as by GDAL.
    """
    if b"\0" in head[:1024]:
        return ""
    lower = head.lower()
    named = next((name for name in _DESCRIPTIONS if f"<{name}".encode() in lower), "")
    if named or not head.startswith(b"<"):
        return named
    text = re.sub(rb"<\?.*?\?>|<!--.*?-->|<!doctype[^>\[]*(?:\[.*?\])?\s*>", b"", lower, flags=re.DOTALL)
    found = re.search(rb"<([^\s/>]+)", text)
    return found[1].rpartition(b":")[2].decode("ascii", errors="replace") if found else "xml"


def check_vector_kind(name: str, head: bytes) -> None:
    """Check that a file is of a vector format that is read.

    Raises:
        SceneReadError: it is of another format, or a command of GDAL.
    """
    if PIPELINE in head:
        raise SceneReadError(
            f"{plain(name)} holds a command of GDAL, which geoseg does not run; give its result"
        )
    if kind := root_of(head):
        if kind not in _ROOTS:
            raise unknown_vector(name)
    elif not (head.startswith((SQLITE, b"{", b"PK", *_BINARY)) or name.lower().endswith((*_TEXTS, *_DBASE))):
        raise unknown_vector(name)


def is_vector_kind(path: Path | str) -> bool:
    """Return whether a file is a folder, or of a vector format by its suffix or first bytes.

    A damaged raster is no raster for GDAL, and no vector file either. False if the file is missing.
    """
    if Path(path).is_dir() or (Path(path).is_file() and Path(path).suffix.lower() in _SUFFIXES):
        return True
    try:
        check_vector_kind(str(path), file_head(path))
    except SceneReadError:
        return False
    return True


def unknown_vector(name: str) -> SceneReadError:
    """Return the error for a file of another format."""
    return SceneReadError(f"{plain(name)} is not a vector file that can be read; give a {VECTORS}")
