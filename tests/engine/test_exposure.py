"""Sums over polygons and zones, computed by hand on squares."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import LineString, box

from geoseg.errors import GeosegError, RuntimeMissingError, SceneError, UsageError
from geoseg.run_record import RunRecord
from geoseg.spec import RunSpec
from geoseg.tasks.segment.vectorize_raster import vectorize
from tests.messages import Messages

CRS = "EPSG:32633"
ORIGIN = Affine(10, 0, 500000, 0, -10, 4600000)


def write(path: Path, data: NDArray[Any], transform: Affine = ORIGIN, **options: Any) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=data.shape[-2], width=data.shape[-1], count=1,
        dtype=data.dtype.name, transform=transform, **{"crs": CRS, **options},
    ) as file:  # fmt: skip
        file.write(data, 1)
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """40 x 40 pixels of 10 m: class 1 in the upper left quarter, class 2 in the lower right sixteenth."""
    data = np.zeros((40, 40), np.uint8)
    data[:20, :20] = 1
    data[30:, 30:] = 2
    return write(tmp_path / "classes.tif", data)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """8 x 8 cells of 50 m with 100 people each: 4 a pixel."""
    pytest.importorskip("exactextract", reason="exactextract is not installed")
    return write(
        tmp_path / "people.tif", np.full((8, 8), 100, np.float32), Affine(50, 0, 500000, 0, -50, 4600000)
    )


def write_zones(path: Path, crs: str = CRS, **columns: list[Any]) -> Path:
    """West and east halves of the scene, and a zone beside it."""
    shapes = [
        box(500000, 4599600, 500100, 4600000),
        box(500100, 4599600, 500400, 4600000),
        box(501000, 4599600, 501100, 4600000),
    ]
    frame = geopandas.GeoDataFrame({"code": [7, 8, 9], **columns}, geometry=shapes, crs=CRS)
    frame.to_crs(crs).to_file(path)
    return path


def run(classes: Path, output: Path, **options: Any) -> RunRecord:
    return vectorize(str(classes), RunSpec(output=output, **options), None)


def test_polygons_have_sums(classes: Path, people: Path, tmp_path: Path) -> None:
    run(classes, tmp_path / "map.gpkg", value={"people": str(people), "twice": str(people)})
    frame = geopandas.read_file(tmp_path / "map.gpkg", layer="segments").set_index("class")
    assert frame["people"].to_dict() == pytest.approx({1: 1600, 2: 400})
    assert list(frame["twice"]) == list(frame["people"])


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:3857"])
def test_cells_count_by_the_share_inside_in_any_crs(
    classes: Path, people: Path, tmp_path: Path, crs: str
) -> None:
    """The cells of the raster are five pixels wide, and the edge of class 2 cuts none of them."""
    run(classes, tmp_path / "map.gpkg", value={"people": str(people)}, dst_crs=crs)
    frame = geopandas.read_file(tmp_path / "map.gpkg", layer="segments").set_index("class")
    assert frame["people"].to_dict() == pytest.approx({1: 1600, 2: 400}, rel=1e-3)


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:25833"])
def test_zones_have_areas_shares_and_sums(classes: Path, people: Path, tmp_path: Path, crs: str) -> None:
    zones = write_zones(tmp_path / "zones.gpkg", crs, district=["west", "east", "beside"])
    record = run(classes, tmp_path / "map.gpkg", zones=zones, value={"people": str(people)})
    table = {(row["zone"], row["class"]): row for row in record.tables["zones"]}
    assert table["west", 1]["area_ha"] == pytest.approx(2.0, rel=2e-3)
    assert table["west", 1]["share"] == pytest.approx(0.5, rel=2e-3)
    assert table["west", 1]["people"] == pytest.approx(800, rel=2e-3)
    assert table["east", 1]["people"] == pytest.approx(800, rel=2e-3)
    assert table["east", 2]["area_ha"] == pytest.approx(1.0, rel=2e-3)
    assert table["beside", 1]["area_ha"] == table["beside", 2]["people"] == 0
    with closing(sqlite3.connect(tmp_path / "map.gpkg")) as file:
        rows = file.execute("SELECT zone, label, area_ha, people FROM zones").fetchall()
    assert len(rows) == len(record.tables["zones"]) == 6


def test_zones_need_no_values_and_may_be_named(classes: Path, tmp_path: Path) -> None:
    zones = write_zones(tmp_path / "zones.geojson", "EPSG:4326", a=["x", "y", "z"], b=["p", "q", "r"])
    names = {row["zone"] for row in run(classes, tmp_path / "1.gpkg", zones=zones).tables["zones"]}
    assert names == {"x", "y", "z"}
    record = run(classes, tmp_path / "2.gpkg", zones=zones, zone_name="b")
    assert {row["zone"] for row in record.tables["zones"]} == {"p", "q", "r"}
    numbered = run(classes, tmp_path / "3.gpkg", zones=zones, zone_name="code")
    assert {row["zone"] for row in numbered.tables["zones"]} == {"7", "8", "9"}
    assert "people" not in record.tables["zones"][0]


def test_a_polygon_may_also_touch_a_zone_along_an_edge(people: Path, tmp_path: Path) -> None:
    """Within the west zone lie a rectangle of the polygon and a line."""
    data = np.zeros((40, 40), np.uint8)
    data[:6, 5:10] = 1
    data[:11, 10:13] = 1
    classes = write(tmp_path / "classes.tif", data)
    zones = write_zones(tmp_path / "zones.gpkg", district=["west", "east", "beside"])
    record = run(classes, tmp_path / "map.gpkg", zones=zones, value={"people": str(people)})
    table = {row["zone"]: row for row in record.tables["zones"]}
    assert table["west"]["people"] == pytest.approx(30 * 4)
    assert table["east"]["people"] == pytest.approx(33 * 4)


def test_zones_count_polygons_that_are_written_one_after_another(tmp_path: Path) -> None:
    data = np.zeros((1200, 8), np.uint8)
    data[[0, 1199], 4] = 1
    classes = write(tmp_path / "classes.tif", data)
    zone = geopandas.GeoDataFrame(geometry=[box(500000, 4500000, 501000, 4600000)], crs=CRS)
    zone.to_file(tmp_path / "zones.gpkg")
    (row,) = run(classes, tmp_path / "map.gpkg", zones=tmp_path / "zones.gpkg").tables["zones"]
    assert row["area_ha"] == pytest.approx(0.02, rel=2e-3)


def test_a_note_names_the_layer_of_several(classes: Path, tmp_path: Path, messages: Messages) -> None:
    zones = write_zones(tmp_path / "zones.gpkg", district=["west", "east", "far"])
    geopandas.read_file(zones).to_file(zones, layer="older")
    record = run(classes, tmp_path / "map.gpkg", zones=zones)
    assert len(record.tables["zones"]) >= 3
    assert any("has the layers zones, older: zones is read" in note for note in messages.notes)


def test_overlapping_zones_count_twice(classes: Path, tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(
        {"name": ["a", "b"]}, geometry=[box(500000, 4599600, 500400, 4600000)] * 2, crs=CRS
    )
    frame.to_file(tmp_path / "zones.gpkg")
    rows = run(classes, tmp_path / "map.gpkg", zones=tmp_path / "zones.gpkg").tables["zones"]
    areas = {(row["zone"], row["class"]): row["area_ha"] for row in rows}
    assert areas["a", 1] == areas["b", 1] == pytest.approx(4.0, rel=2e-3)


def test_missing_values_are_empty_and_reported(classes: Path, tmp_path: Path) -> None:
    pytest.importorskip("exactextract", reason="exactextract is not installed")
    data = np.full((8, 8), 100, np.float32)
    data[4:] = -9
    people = write(tmp_path / "people.tif", data, Affine(50, 0, 500000, 0, -50, 4600000), nodata=-9)
    record = run(classes, tmp_path / "map.gpkg", value={"people": str(people)})
    frame = geopandas.read_file(tmp_path / "map.gpkg", layer="segments").set_index("class")
    assert frame["people"][1] == pytest.approx(1600)
    assert np.isnan(frame["people"][2])
    assert [item.code for item in record.warnings] == ["value-not-covered"]


@pytest.mark.parametrize("share", ["none", "half"])
def test_the_sum_of_a_zone_is_not_zero_where_the_raster_has_no_values(
    classes: Path, tmp_path: Path, share: str
) -> None:
    pytest.importorskip("exactextract", reason="exactextract is not installed")
    data = np.full((8, 8), 100, np.float32)
    data[4:] = -9
    east = 500000 + (1_000_000 if share == "none" else 0)
    people = write(tmp_path / "people.tif", data, Affine(50, 0, east, 0, -50, 4600000), nodata=-9)
    frame = geopandas.GeoDataFrame(
        {"name": ["a"]}, geometry=[box(500000, 4599600, 500400, 4600000)], crs="EPSG:32633"
    )
    frame.to_file(tmp_path / "zones.gpkg")
    record = run(classes, tmp_path / "map.gpkg", value={"people": str(people)}, zones=tmp_path / "zones.gpkg")
    sums = {row["class"]: row["people"] for row in record.tables["zones"]}
    assert sums == pytest.approx({1: np.nan if share == "none" else 1600, 2: np.nan}, nan_ok=True)
    again = RunRecord.model_validate_json(record.model_dump_json()).tables["zones"]
    assert {row["class"]: row["people"] for row in again} == pytest.approx(sums, nan_ok=True)
    (warning,) = record.warnings
    assert ("under any polygon" in warning.text) == (share == "none")
    with sqlite3.connect(tmp_path / "map.gpkg") as file:
        stored = dict(file.execute("SELECT class, people FROM zones"))
    assert stored == {1: None if share == "none" else pytest.approx(1600), 2: None}


def test_negative_amounts_are_reported(classes: Path, tmp_path: Path) -> None:
    pytest.importorskip("exactextract", reason="exactextract is not installed")
    data = np.full((8, 8), 100, np.float32)
    data[0] = -9999  # nodata without a tag
    people = write(tmp_path / "people.tif", data, Affine(50, 0, 500000, 0, -50, 4600000))
    record = run(classes, tmp_path / "map.gpkg", value={"people": str(people)})
    assert [item.code for item in record.warnings] == ["value-negative"]


@pytest.mark.parametrize("name", ["area_m2", "Class", "FID", "geom", "zone", "two words", "1st"])
def test_a_name_must_be_a_new_column(classes: Path, people: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a new column"):
        run(classes, tmp_path / "map.gpkg", value={name: str(people)})
    assert not (tmp_path / "map.gpkg").exists()


def bad_inputs(folder: Path, people: Path) -> dict[str, tuple[dict[str, Any], type[GeosegError], str]]:
    lines = geopandas.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs=CRS)
    lines.to_file(folder / "lines.gpkg")
    bare = geopandas.GeoDataFrame(geometry=[box(0, 0, 1, 1)])
    with pytest.warns(UserWarning, match="crs"):
        bare.to_file(folder / "bare.gpkg")
    zones = write_zones(folder / "zones.gpkg", district=["a", "b", "c"])
    (folder / "names.csv").write_text("district,code\nwest,1\n")
    two = folder / "two.tif"
    with rasterio.open(
        two, "w", driver="GTiff", height=2, width=2, count=2, dtype="uint8", crs=CRS, transform=ORIGIN
    ) as file:
        file.write(np.ones((2, 2, 2), np.uint8))
    return {
        "no polygons": ({"zones": folder / "lines.gpkg"}, SceneError, "holds no polygons"),
        "no geometries": ({"zones": folder / "names.csv"}, SceneError, "holds no polygons"),
        "no CRS": ({"zones": folder / "bare.gpkg"}, SceneError, "has no CRS"),
        "no column": ({"zones": zones, "zone_name": "town"}, UsageError, "has the columns code, district"),
        "missing zones": ({"zones": folder / "none.gpkg"}, SceneError, "does not exist"),
        "missing raster": ({"value": {"people": str(folder / "none.tif")}}, SceneError, "none.tif"),
        "two bands": ({"value": {"people": str(two)}}, SceneError, "needs one band and a CRS"),
        "zones for values": ({"value": {"people": str(zones)}}, SceneError, "zones.gpkg"),
        "values for zones": ({"zones": people}, SceneError, "people.tif"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "no polygons",
        "no geometries",
        "no CRS",
        "no column",
        "missing zones",
        "missing raster",
        "two bands",
        "zones for values",
        "values for zones",
    ],
)
def test_bad_inputs_are_refused(classes: Path, people: Path, tmp_path: Path, case: str) -> None:
    options, kind, message = bad_inputs(tmp_path, people)[case]
    with pytest.raises(kind, match=message):
        run(classes, tmp_path / "map.gpkg", **options)
    assert not (tmp_path / "map.gpkg").exists()


def test_a_map_without_crs_has_no_exposure(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare.tif", np.ones((4, 4), np.uint8), crs=None)
    with pytest.raises(SceneError, match="need a CRS"):
        run(bare, tmp_path / "map.gpkg", zones=write_zones(tmp_path / "zones.gpkg"))


def test_an_input_is_never_the_output(classes: Path, tmp_path: Path) -> None:
    zones = write_zones(tmp_path / "zones.gpkg")
    before = zones.read_bytes()
    with pytest.raises(GeosegError, match="input"):
        run(classes, zones, zones=zones, overwrite=True)
    assert zones.read_bytes() == before


def test_without_exactextract_the_error_has_the_remedy(
    classes: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "exactextract", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'geoseg\[exposure\]'"):
        run(classes, tmp_path / "map.gpkg", value={"people": str(people)})
