"""GDAL's paths of what users name."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.errors import SceneReadError
from geoseg.scenes.paths import fetch_text, gdal_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/data/a.tif", "/data/a.tif"),
        ("file:///data/a.tif", "/data/a.tif"),
        ("https://example.com/a.tif", "/vsicurl/https://example.com/a.tif"),
        ("S3://bucket/a.tif", "/vsis3/bucket/a.tif"),
    ],
)
def test_addresses_become_paths_of_gdal(text: str, path: str) -> None:
    assert gdal_path(text) == path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_entities_of_xml_are_refused_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "MTD.xml"
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', encoding=encoding)
    with pytest.raises(SceneReadError, match="declares entities"):
        fetch_text(str(path))


@pytest.mark.parametrize("encoding", ["idna", "undefined", "punycode", "zlib", "no-such"])
def test_encodings_that_decode_no_text_are_read_as_utf_8(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "MTD.xml"
    path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?><a>'.encode() + b"\xff</a>")
    assert fetch_text(str(path)).endswith("<a>\ufffd</a>")
