"""The same polygons through every vector format."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from pyogrio import raw
from pyproj import CRS

from geoseg.errors import OutputError, RuntimeMissingError, UsageError
from geoseg.features import Features
from geoseg.outputs import Layer, StagedSink, companions, formats, open_layers
from geoseg.outputs import parquet as parquet_module
from geoseg.outputs import table as table_module
from geoseg.outputs.layer import Kind
from geoseg.outputs.record import read_record
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together

# Tiles cut polygons: they have their own tests.
SUFFIXES = sorted(set(formats()) - {".pmtiles"})
Make = Callable[[int], Features]
Open = Callable[..., AbstractContextManager[StagedSink]]


@pytest.fixture
def open_flood(classes: tuple[ClassSpec, ...], schema: Mapping[str, Kind], crs: CRS) -> Open:
    @contextmanager
    def open_it(path: Path, *, overwrite: bool = False, to: CRS | None = crs) -> Iterator[StagedSink]:
        with together(path, *companions(path), overwrite=overwrite) as beside:
            yield open_layers(
                path, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=to)], beside=beside
            )

    return open_it


def read(path: Path, layer: str = "flood") -> geopandas.GeoDataFrame:
    if path.suffix == ".parquet":
        return geopandas.read_parquet(path)
    return geopandas.read_file(path, **({"layer": layer} if path.suffix == ".gpkg" else {}))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("batch", [7, 1000])
def test_every_format_keeps_polygons_and_columns(
    suffix: str,
    batch: int,
    tmp_path: Path,
    open_flood: Open,
    make_features: Make,
    footprint: Features,
    record: RunRecord,
    crs: CRS,
) -> None:
    path, features = tmp_path / f"map{suffix}", make_features(120)
    with pytest.MonkeyPatch.context() as patch, open_flood(path) as sink:
        patch.setattr(table_module, "BUFFER_ROWS", 30)  # so that rows are appended, too
        for start in range(0, 120, batch):
            sink.write(features.take(np.arange(start, min(120, start + batch))))
        sink.finish(record, footprint)
    found = read(path)
    order = np.argsort(found["area_m2"].to_numpy())
    found = found.iloc[order].reset_index(drop=True)
    geometry = found.geometry
    if suffix in {".geojson", ".json"}:
        assert found.crs.to_epsg() == 4326
        geometry = geometry.to_crs(crs)
        assert shapely.hausdorff_distance(geometry.to_numpy(), features.geometry).max() < 0.02
    else:
        assert found.crs == crs
        assert shapely.equals(geometry.to_numpy(), features.geometry).all()
        assert found["class"].dtype == np.int64
    assert set(geometry.geom_type) == {"MultiPolygon"}
    assert set(found.columns) == {*features.columns, "geometry"}
    for name, values in features.columns.items():
        np.testing.assert_array_equal(found[name].to_numpy(), values)
    assert read_record(path) == record


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_scene_layer_comes_along(
    suffix: str, tmp_path: Path, open_flood: Open, footprint: Features, record: RunRecord
) -> None:
    path = tmp_path / f"map{suffix}"
    with open_flood(path) as sink:
        sink.finish(record, footprint)
    assert {item.name for item in tmp_path.iterdir()} == {p.name for p in (path, *companions(path))}
    scene = read(path if suffix == ".gpkg" else tmp_path / f"map.scene{suffix}", layer="scene")
    assert scene["sensor"].tolist() == ["sentinel-1"]
    assert scene["valid_share"].tolist() == [0.9]
    assert scene["pixels"].tolist() == [1000]
    assert scene["acquired"].isna().all()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("batches", [0, 2])
def test_an_empty_map_is_a_valid_file_with_the_same_columns(
    suffix: str,
    batches: int,
    tmp_path: Path,
    open_flood: Open,
    make_features: Make,
    footprint: Features,
    record: RunRecord,
) -> None:
    path = tmp_path / f"map{suffix}"
    with open_flood(path) as sink:
        for _ in range(batches):
            sink.write(make_features(0))
        sink.finish(record, footprint)
    found = read(path)
    assert len(found) == 0
    if suffix not in {".geojson", ".json"}:  # GeoJSON says its columns in its features only
        assert [c for c in found.columns if c != "geometry"] == list(make_features(0).columns)
        assert found["class"].dtype == np.int64
        assert found["area_m2"].dtype == np.float64
    assert read_record(path) == record


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pixel_coordinates_are_kept_without_a_crs(
    suffix: str, tmp_path: Path, open_flood: Open, make_features: Make, footprint: Features, record: RunRecord
) -> None:
    path, features = tmp_path / f"map{suffix}", make_features(9)
    with open_flood(path, to=None) as sink:
        sink.write(features)
        sink.finish(record, footprint)
    found = read(path)
    found = found.iloc[np.argsort(found["area_m2"].to_numpy())]
    assert shapely.equals(found.geometry.to_numpy(), features.geometry).all()
    if suffix not in {".geojson", ".json"}:
        assert found.crs is None


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_run_that_stops_keeps_the_old_file_and_leaves_nothing_else(
    suffix: str,
    error: type[BaseException],
    tmp_path: Path,
    open_flood: Open,
    make_features: Make,
    footprint: Features,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_module, "BUFFER_ROWS", 5)  # so that something is on disk when it stops
    path = tmp_path / f"map{suffix}"
    path.write_bytes(b"the old map")

    def run() -> None:
        with open_flood(path, overwrite=True) as sink:
            for _ in range(2):  # the second waits until the first is on disk
                sink.write(make_features(40))
            staged = list(tmp_path.glob(".*.partial/*.gpkg"))
            assert len(staged) == 1
            assert staged[0].stat().st_size > 0
            raise error

    with pytest.raises(error):
        run()
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"the old map"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_leaving_without_finish_leaves_nothing(
    suffix: str, tmp_path: Path, open_flood: Open, make_features: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "BUFFER_ROWS", 1)  # so that something is on disk
    with pytest.raises(OutputError, match="map"), open_flood(tmp_path / f"map{suffix}") as sink:
        sink.write(make_features(3))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_existing_files_are_replaced_only_when_asked(
    suffix: str, tmp_path: Path, open_flood: Open, make_features: Make, footprint: Features, record: RunRecord
) -> None:
    path = tmp_path / f"map{suffix}"
    path.write_bytes(b"the old map")
    with pytest.raises(OutputError, match="add `--overwrite`"), open_flood(path):
        pytest.fail("opened over an existing file")
    assert path.read_bytes() == b"the old map"
    for count in (3, 2):
        with open_flood(path, overwrite=True) as sink:
            sink.write(make_features(count))
            sink.finish(record, footprint)
        assert len(read(path)) == count


def test_geojson_follows_rfc_7946(
    tmp_path: Path, open_flood: Open, make_features: Make, footprint: Features, record: RunRecord
) -> None:
    path = tmp_path / "map.geojson"
    with open_flood(path) as sink:
        sink.write(make_features(4))
        sink.finish(record, footprint)
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert whole["type"] == "FeatureCollection"
    assert "crs" not in whole
    assert whole["geoseg"]["method"] == record.method
    (ring,) = whole["features"][1]["geometry"]["coordinates"][0]
    assert shapely.is_ccw(shapely.linearrings(ring))
    assert all(abs(lon - 15) < 0.1 and abs(lat - 45) < 0.3 for lon, lat in ring)


def test_geojson_is_cut_at_the_antimeridian(
    tmp_path: Path, open_flood: Open, make_features: Make, footprint: Features, record: RunRecord
) -> None:
    zone1 = CRS.from_epsg(32601)
    batch = make_features(1)
    # The antimeridian is the western edge of UTM zone 1: easting 166,021 m at the equator.
    across = Features(
        geometry=np.array([shapely.box(160_000, 10_000, 172_000, 20_000)], object), columns=batch.columns
    )
    with open_flood(tmp_path / "map.geojson", to=zone1) as sink:
        sink.write(across)
        sink.finish(record, across)
    shape = read(tmp_path / "map.geojson").geometry.iloc[0]
    assert len(shape.geoms) == 2
    assert all(part.bounds[2] - part.bounds[0] < 0.2 for part in shape.geoms)


def test_geoparquet_says_crs_bounds_and_record(
    tmp_path: Path, open_flood: Open, make_features: Make, footprint: Features, record: RunRecord
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "map.parquet"
    with open_flood(path) as sink:
        sink.write(make_features(4))
        sink.finish(record, footprint)
    geo = json.loads(parquet.read_metadata(path).metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"] == "1.1.0"
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 32633}
    assert column["bbox"] == [500_000, 5_000_000, 500_140, 5_000_040]


def test_geoparquet_without_pyarrow_names_the_extra(
    tmp_path: Path, open_flood: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> None:
        return None

    monkeypatch.setattr(parquet_module, "find_spec", absent)
    with (
        pytest.raises(RuntimeMissingError, match=r"geoseg\[parquet\]"),
        open_flood(tmp_path / "map.parquet"),
    ):
        pytest.fail("opened")


@pytest.mark.parametrize("name", ["map.xyz", "map", "map.tif"])
def test_unknown_suffixes_name_the_known(name: str, tmp_path: Path, open_flood: Open) -> None:
    with (
        pytest.raises(UsageError, match=r"\.fgb, \.geojson, \.json, \.gpkg, \.parquet"),
        open_flood(tmp_path / name),
    ):
        pytest.fail("opened")
    with pytest.raises(UsageError):
        companions(tmp_path / name)


def test_a_module_of_the_folder_is_a_format(tmp_path: Path) -> None:
    """In a process of its own, since classes cannot be forgotten."""
    (tmp_path / "lines.py").write_text(
        "from geoseg.outputs.geojson import GeoJsonSink\n"
        "from geoseg.outputs.sink import StagedSink\n"
        "class LinesSink(StagedSink):\n"
        "    suffixes = ('.geojsonl',)\n"
        "    publish = GeoJsonSink.publish\n"
    )
    code = (
        "import sys, geoseg.outputs as outputs\n"
        "outputs.__path__.append(sys.argv[1])\n"
        "print(*outputs.formats())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ".geojsonl" in done.stdout.split()
    assert ".gpkg" in done.stdout.split()


def test_a_batch_that_does_not_fit_is_refused(tmp_path: Path, open_flood: Open, make_features: Make) -> None:
    batch = make_features(2)
    lines = np.array([shapely.LineString([(0, 0), (1, 1)])] * 2, object)
    wrong = [
        Features(geometry=batch.geometry, columns={"class": batch.columns["class"]}),
        Features(geometry=batch.geometry[:1], columns=batch.columns),
        Features(geometry=lines, columns=batch.columns),
        Features(geometry=np.array([None, None], object), columns=batch.columns),
    ]

    def run(features: Features) -> None:
        with open_flood(tmp_path / "map.gpkg") as sink:
            sink.write(features)

    for features in wrong:
        with pytest.raises(OutputError, match="flood"):
            run(features)
    assert list(tmp_path.iterdir()) == []


def test_a_spatial_index_that_is_not_whole_is_told(
    tmp_path: Path, open_flood: Open, make_features: Make, record: RunRecord, footprint: Features
) -> None:
    """GDAL makes it as it closes the file; where the disk is full then, it says nothing."""
    write = raw.write

    def without_index(*arguments: object, layer_options: object, **options: object) -> None:
        write(*arguments, layer_options=layer_options and {"SPATIAL_INDEX": "NO"}, **options)

    path = tmp_path / "map.gpkg"

    def run() -> None:
        with open_flood(path) as sink:
            sink.write(make_features(3))
            sink.finish(record, footprint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw, "write", without_index)
        with pytest.raises(OutputError, match=r"map\.gpkg"):
            run()
    assert list(tmp_path.iterdir()) == []
