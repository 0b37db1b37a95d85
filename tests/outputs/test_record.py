"""Reading how a map was made, from files that say it, say nothing, or cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import SceneError, SceneReadError
from geoseg.features import Features
from geoseg.files.network import TEXT_BYTES
from geoseg.outputs import Layer, companions, open_layers
from geoseg.outputs.record import read_record
from geoseg.run_record import RunRecord
from tests.together import together


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet"])
def test_maps_of_others_have_no_record(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"other{suffix}"
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    assert read_record(path) is None


def test_unknown_formats_have_no_record(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    assert read_record(path) is None


def test_rasters_of_others_have_no_record(tmp_path: Path) -> None:
    path = tmp_path / "other.tif"
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=1, height=2, width=2) as file,
    ):
        file.write(np.zeros((1, 2, 2), np.uint8))
    assert read_record(path) is None


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet", ".tif"])
def test_what_is_no_such_file_is_told(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(SceneReadError, match="no such file"):
        read_record(tmp_path / f"missing{suffix}")
    path = tmp_path / f"text{suffix}"
    path.write_text("this is no map" * 100)
    with pytest.raises(SceneReadError, match="read"):
        read_record(path)


@pytest.mark.parametrize("spaces", [0, TEXT_BYTES])
def test_the_record_of_a_large_map_stands_at_its_end(
    spaces: int, record: RunRecord, footprint: Features, tmp_path: Path
) -> None:
    path = tmp_path / "map.geojson"
    layer = Layer(name="flood", schema={"class": "int"}, classes=(), crs=CRS.from_epsg(4326))
    with together(path, *companions(path)) as beside:
        open_layers(path, [layer], beside=beside).finish(record, footprint)
    text = path.read_text()
    path.write_text(text.replace('"features": [', '"features": [' + " " * spaces))
    assert read_record(path) == record
    path.write_text('{"features": [' + " " * spaces + "]}")
    assert read_record(path) is None


def test_a_record_of_another_version_is_told(tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [], "geoseg": {"geoseg": "99"}}))
    with pytest.raises(SceneError, match="another version"):
        read_record(path)
