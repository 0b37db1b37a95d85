"""GDAL's paths of what users name."""

from __future__ import annotations

import pytest

from geoseg.scenes.paths import gdal_path


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
