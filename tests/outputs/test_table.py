"""Tables of a GeoPackage: the rows that GDAL writes, and a spatial index of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from pyogrio import raw
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

import geoseg.outputs.table as table_module
from geoseg.errors import OutputError
from geoseg.features import Features, FlatPolygons
from geoseg.files.background import Background
from geoseg.files.disk import is_full
from geoseg.grid import Grid
from geoseg.outputs.layer import Kind, Layer
from geoseg.outputs.table import Table
from geoseg.pixels import Strip
from geoseg.polygons import Cleaning, Polygoniser
from tests.disks import small_disk

Rows = list[tuple[object, ...]]


def rows(path: Path, query: str) -> Rows:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(query).fetchall()


def fill(path: Path, layer: Layer, *batches: Features, index: bool = True) -> Table:
    background = Background("geoseg-rows")
    table = Table(path, layer, index=index, background=background)
    try:
        for batch in batches:
            table.add(batch)
        table.close()
    finally:
        background.close()
    return table


def by_gdal(path: Path, layer: Layer, features: Features) -> None:
    raw.write(
        path,
        layer.wkb(features),
        layer.columns(features),
        list(layer.schema),
        layer=layer.name,
        driver="GPKG",
        geometry_type=layer.geometry_type,
        crs=None if layer.crs is None else layer.crs.to_wkt(),
        promote_to_multi=False,
        dataset_options={"VERSION": "1.3"},
        gdal_tz_offsets={
            name: np.full(len(features), 100) for name, kind in layer.schema.items() if kind == "datetime"
        },
    )


SHAPES: Mapping[str, list[shapely.Geometry]] = {
    "polygons": [
        shapely.box(500_000.1, 5_000_000.7, 500_020, 5_000_030),
        shapely.orient_polygons(shapely.box(0, 0, 9, 9).difference(shapely.box(2, 2, 3, 3))),
        shapely.MultiPolygon([shapely.box(-5, -5, -4, -4), shapely.box(7, 7, 8, 8)]),
        shapely.MultiPolygon(),
        shapely.Polygon(),
    ],
    "points": [shapely.Point(-3.7, 1e7), shapely.Point(500_000.1, 5_000_000.7), shapely.Point(0, 0)],
}
KINDS: dict[str, Kind] = {"n": "int", "x": "float", 'say "it"': "text", "day": "date", "at": "datetime"}


@pytest.mark.filterwarnings("ignore:.crs. was not provided")
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("shape", ["polygons", "points"])
def test_rows_are_those_of_gdal(shape: str, known: bool, tmp_path: Path) -> None:
    shapes = np.array(SHAPES[shape], object)
    count = len(shapes)
    features = Features(
        geometry=shapes,
        columns={
            "n": np.arange(count) - 1,
            "x": np.array([0.1, np.nan, -1e300, 2.0, 1 / 3])[:count],
            'say "it"': np.array(["flood", None, "", "Überflutung 洪", "it's"], object)[:count],
            "day": np.array(["2024-02-29", None, "", "1999-12-31", "2030-01-01"], object)[:count],
            "at": np.array(
                ["2024-02-29T01:02:03Z", "", None, "2024-02-29T01:02:03.250+02:00", "2024-01-01T00:00:00Z"],
                object,
            )[:count],
        },
    )
    layer = Layer(
        name="sites",
        schema=KINDS,
        classes=(),
        crs=CRS.from_epsg(32633) if known else None,
        shape="point" if shape == "points" else "polygon",
    )
    own, other = tmp_path / "own.gpkg", tmp_path / "gdal.gpkg"
    fill(own, layer, features)
    by_gdal(other, layer, features)
    for query in (
        "SELECT * FROM sites",
        "SELECT * FROM rtree_sites_geom ORDER BY id",
        "SELECT type, name, sql FROM sqlite_master ORDER BY name",
        "SELECT table_name, min_x, min_y, max_x, max_y, srs_id FROM gpkg_contents",
        "SELECT * FROM gpkg_ogr_contents",
        "SELECT * FROM sqlite_sequence",
    ):
        assert rows(own, query) == rows(other, query)


@pytest.mark.parametrize("count", [0, 1, 51, 52, 700, 4000])
@pytest.mark.parametrize("buffer", [13, 2**15])
def test_the_index_finds_what_is_there(
    count: int, buffer: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "BUFFER_ROWS", buffer)
    rng = np.random.default_rng(count)
    low = rng.uniform(-180, 180, (count, 2))
    high = low + rng.exponential(0.5, (count, 2))
    shapes = np.asarray(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]), object)
    batches = [
        Features(geometry=part, columns={"n": np.arange(len(part))})
        for part in np.array_split(shapes, max(1, count // 11))
    ]
    path = tmp_path / "map.gpkg"
    layer = Layer(name="boxes", schema={"n": "int"}, classes=(), crs=CRS.from_epsg(4326))
    assert fill(path, layer, *batches).rows == count
    assert rows(path, "SELECT rtreecheck('rtree_boxes_geom')") == [("ok",)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    for x, y in rng.uniform(-180, 180, (20, 2)):
        window = shapely.box(x, y, x + 20, y + 20)
        query = "SELECT fid FROM boxes JOIN rtree_boxes_geom ON fid = id WHERE "
        query += f"minx <= {x + 20} AND maxx >= {x} AND miny <= {y + 20} AND maxy >= {y} ORDER BY fid"
        assert [fid for (fid,) in rows(path, query)] == (
            1 + np.flatnonzero(shapely.intersects(shapes, window))
        ).tolist()


def test_rows_can_be_added_and_deleted_later(tmp_path: Path) -> None:
    path = tmp_path / "map.gpkg"
    corner = np.arange(3000.0)
    shapes = np.asarray(shapely.box(corner, corner, corner + 1, corner + 1), object)
    layer = Layer(name="boxes", schema={"n": "int"}, classes=(), crs=CRS.from_epsg(4326))
    fill(path, layer, Features(geometry=shapes, columns={"n": np.arange(3000)}))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DELETE FROM rtree_boxes_geom WHERE id % 3 != 0")
        added = [(4000 + at, at, at + 1, at, at + 1) for at in range(2000)]
        file.executemany("INSERT INTO rtree_boxes_geom VALUES (?, ?, ?, ?, ?)", added)
    assert rows(path, "SELECT rtreecheck('rtree_boxes_geom')") == [("ok",)]
    assert rows(path, "SELECT count(*) FROM rtree_boxes_geom") == [(3000,)]


def test_flat_polygons_are_those_of_objects(tmp_path: Path) -> None:
    classes = (np.random.default_rng(1).random((90, 120)) < 0.6).astype(np.uint8)
    grid = Grid(
        crs=CRS.from_epsg(32633),
        transform=Affine(10, 0, 500_000, 0, -10, 5_000_000),
        height=90,
        width=120,
    )
    polygoniser = Polygoniser(grid, Cleaning(), {1: "water"})
    flat = [*polygoniser.add(Strip(row=0, classes=classes, scores=classes)), *polygoniser.finish()]
    assert all(isinstance(batch.geometry, FlatPolygons) for batch in flat)
    schema: dict[str, Kind] = dict.fromkeys(flat[0].columns, "float")
    layer = Layer(name="flood", schema=schema | {"label": "text"}, classes=(), crs=grid.crs)
    objects = [Features(geometry=np.asarray(batch.geometry), columns=batch.columns) for batch in flat]
    for name, batches in (("flat", flat), ("objects", objects)):
        fill(tmp_path / f"{name}.gpkg", layer, *batches)
    for query in ("SELECT * FROM flood", "SELECT * FROM rtree_flood_geom ORDER BY id"):
        assert rows(tmp_path / "flat.gpkg", query) == rows(tmp_path / "objects.gpkg", query)
    for batch, same in zip(flat, objects, strict=True):
        assert np.array_equal(batch.geometry.bounds, shapely.bounds(same.geometry))  # type: ignore[union-attr]
        few = np.arange(len(batch))[::3]
        assert shapely.equals_exact(batch.take(few).geometry, same.take(few).geometry).all()


def test_errors_of_the_other_thread_are_raised(
    tmp_path: Path,
    make_features: Callable[[int], Features],
    schema: dict[str, Kind],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_module, "BUFFER_ROWS", 1)
    layer = Layer(name="flood", schema=schema, classes=(), crs=None)
    background = Background("geoseg-rows")
    table = Table(tmp_path / "missing" / "map.gpkg", layer, index=True, background=background)
    table.add(make_features(3))
    with pytest.raises(DataSourceError, match="missing"):
        table.add(make_features(3))
    background.close()


def test_a_disk_that_is_full_while_a_layer_is_created(tmp_path: Path) -> None:
    """GDAL ends without an error on some sizes."""
    layer = Layer(name="water", schema={"n": "int"}, classes=(), crs=CRS.from_epsg(32633))
    features = Features(
        geometry=np.array([shapely.box(0, 0, 9, 9)], object), columns={"n": np.array([1], np.int64)}
    )
    for kib in range(8, 140, 4):
        with small_disk(tmp_path / "disk", kib) as disk:
            refused: Exception | None = None
            try:
                fill(disk / "a.gpkg", layer, features)
            except (OSError, OutputError, sqlite3.Error, DataSourceError, DataLayerError) as error:
                refused = error
            if refused is not None:
                assert is_full(disk, refused), (kib, refused)
            else:
                assert rows(disk / "a.gpkg", "SELECT n FROM water") == [(1,)]
