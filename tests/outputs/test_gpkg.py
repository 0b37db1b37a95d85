"""What stands in a GeoPackage besides its rows."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import CRS

from geoseg.features import Features
from geoseg.outputs import Layer, open_layers
from geoseg.outputs.layer import Kind
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together


@pytest.fixture
def write(
    tmp_path: Path,
    classes: tuple[ClassSpec, ...],
    schema: dict[str, Kind],
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
) -> Callable[[int, CRS | None], Path]:
    def write_map(count: int, crs: CRS | None) -> Path:
        path = tmp_path / "flood map.gpkg"
        with together(path, overwrite=True) as beside:
            sink = open_layers(
                path, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=crs)], beside=beside
            )
            sink.write(make_features(count))
            sink.finish(record, footprint)
        return path

    return write_map


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as file:
        return list(file.execute(query))


def test_layers_are_listed_with_the_polygons_first(
    write: Callable[[int, CRS | None], Path], crs: CRS, record: RunRecord
) -> None:
    path = write(10, crs)
    assert [name for name, _ in pyogrio.list_layers(path)] == [
        "flood", "scene", "layer_styles", "class_totals",
    ]  # fmt: skip
    assert rows(path, "PRAGMA user_version") == [(10300,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA foreign_key_check") == []
    described = rows(path, "SELECT description FROM gpkg_contents WHERE table_name = 'flood'")
    assert described == [(record.method,)]


@pytest.mark.parametrize("count", [0, 10])
def test_the_spatial_index_holds_every_row(
    count: int, write: Callable[[int, CRS | None], Path], crs: CRS, make_features: Callable[[int], Features]
) -> None:
    path = write(count, crs)
    found = rows(path, "SELECT id, minx, maxx, miny, maxy FROM rtree_flood_geom ORDER BY id")
    assert len(found) == count
    window = (500_000, 5_000_000, 500_070, 5_000_010)
    hit = geopandas.read_file(path, layer="flood", bbox=window)
    expected = shapely.intersects(make_features(count).geometry, shapely.box(*window)).sum()
    assert len(hit) == expected


def test_styles_and_record_are_registered(
    write: Callable[[int, CRS | None], Path], crs: CRS, record: RunRecord
) -> None:
    path = write(3, crs)
    styles = rows(path, "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles")
    assert [row[:3] for row in styles] == [("flood", "geom", 1), ("scene", "geom", 1)]
    for row in styles:
        ElementTree.fromstring(str(row[3]))
    assert rows(path, "SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'") == [
        ("attributes",)
    ]
    extension = rows(path, "SELECT table_name FROM gpkg_extensions WHERE extension_name = 'gpkg_metadata'")
    assert sorted(extension) == [("gpkg_metadata",), ("gpkg_metadata_reference",)]
    joined = rows(
        path,
        "SELECT mime_type, metadata FROM gpkg_metadata JOIN gpkg_metadata_reference ON md_file_id = id"
        " WHERE reference_scope = 'geopackage'",
    )
    assert joined == [("application/json", record.model_dump_json())]


@pytest.mark.parametrize("count", [0, 10])
@pytest.mark.parametrize("known", [True, False])
def test_ogrinfo_has_nothing_to_complain_of(
    count: int, known: bool, write: Callable[[int, CRS | None], Path], crs: CRS
) -> None:
    if shutil.which("ogrinfo") is None:
        pytest.skip("ogrinfo (gdal-bin) is not installed")
    path = write(count, crs if known else None)
    done = subprocess.run(["ogrinfo", "-so", "-al", path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "Warning" not in done.stdout
    assert f"Feature Count: {count}" in done.stdout
    assert "GPKG_METADATA_ITEM_1" in done.stdout


def test_a_journal_of_the_replaced_file_goes_with_it(
    write: Callable[[int, CRS | None], Path], crs: CRS
) -> None:
    path = write(3, crs)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).write_bytes(b"of the old file")
    write(5, crs)
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert len(geopandas.read_file(path, layer="flood")) == 5


def test_batches_of_any_size_make_the_same_rows(
    tmp_path: Path,
    write: Callable[[int, CRS | None], Path],
    classes: tuple[ClassSpec, ...],
    schema: dict[str, Kind],
    crs: CRS,
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
) -> None:
    whole = rows(write(50, crs), "SELECT * FROM flood ORDER BY fid")
    path, features = tmp_path / "batches.gpkg", make_features(50)
    with together(path) as beside:
        sink = open_layers(
            path, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=crs)], beside=beside
        )
        for start in range(50):
            sink.write(features.take(np.array([start])))
        sink.finish(record, footprint)
    assert rows(path, "SELECT * FROM flood ORDER BY fid") == whole
