"""The merged map: each place once, of the scene that observed most."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer

from geoseg.batch.degrees import DEGREES, moved
from geoseg.batch.job import Job
from geoseg.batch.merge import merge_maps
from geoseg.batch.outcome import Outcome
from geoseg.batch.store import LocalStore
from geoseg.batch.tasks import task_of
from geoseg.batch.work import Workplace, run_job
from geoseg.outputs.layer_metadata import ISO_URI, QGIS_URI
from geoseg.outputs.record import RECORD_URI, read_record
from tests.messages import Messages

TASK = task_of("vectorize")


def mapped(
    folder: Path,
    name: str,
    *,
    east: float,
    nodata_rows: int = 0,
    crs: str = "EPSG:32633",
    suffix: str = ".gpkg",
    north: float = 4_600_000,
    pixel: float = 10,
    value: int = 1,
    classes: list[str] | None = None,
) -> Outcome:
    """Vectorize a raster of one class on 40 x 40 pixels; its first rows may hold nodata."""
    values = np.full((40, 40), value, np.uint8)
    values[:nodata_rows] = 255
    path = folder / f"{name}.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=40, count=1, dtype="uint8", nodata=255, crs=crs,
        transform=Affine(pixel, 0, east, 0, -pixel, north),
    ) as file:  # fmt: skip
        file.write(values, 1)
    job = Job(
        index=0,
        scene=name,
        task="vectorize",
        sources=(str(path),),
        options={"mask": str(path), "class": classes} if classes else {"mask": str(path)},
        outputs={"output": f"{name}{suffix}"},
    )
    outcome = run_job(job, Workplace(store=LocalStore(folder)))
    assert outcome.status == "done", outcome.message
    return outcome


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb"])
def test_overlaps_belong_to_the_best_observed_scene(suffix: str, tmp_path: Path) -> None:
    poor = mapped(tmp_path, "poor", east=500_000, nodata_rows=20, suffix=suffix)
    full = mapped(tmp_path, "full", east=500_200, suffix=suffix)
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, [poor, full])
    merged = geopandas.read_file(tmp_path / "merged.gpkg", layer="segments").set_index("scene")
    assert merged.crs.to_epsg() == 32633
    assert merged.geometry["full"].area == pytest.approx(400 * 400)
    assert merged.geometry["poor"].area == pytest.approx(200 * 200)
    assert shapely.intersection(merged.geometry["full"], merged.geometry["poor"]).area == 0
    assert list(merged["cut"][["full", "poor"]]) == [0, 1]
    assert list(merged["pixels"][["full", "poor"]]) == [1600, 400]
    # Half of the polygon was cut; the geodesic area is that of the rest.
    assert merged["area_m2"]["poor"] == pytest.approx(merged["area_m2"]["full"] / 4, rel=1e-4)
    scenes = geopandas.read_file(tmp_path / "merged.gpkg", layer="scene")
    assert set(scenes["scene"]) == {"poor", "full"}


def test_maps_of_several_crs_are_merged_in_degrees(tmp_path: Path) -> None:
    maps = [mapped(tmp_path, "a", east=500_000), mapped(tmp_path, "b", east=600_000, crs="EPSG:32634")]
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    merged = geopandas.read_file(tmp_path / "merged.gpkg", layer="segments")
    assert merged.crs.to_epsg() == 4326
    assert list(merged["cut"]) == [0, 0]


def test_the_style_is_that_of_the_maps(tmp_path: Path) -> None:
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, [mapped(tmp_path, "a", east=500_000)])
    with closing(sqlite3.connect(tmp_path / "merged.gpkg")) as file:
        styles = file.execute("SELECT f_table_name FROM layer_styles").fetchall()
    assert ("segments",) in styles


def styles_of(path: Path, layer: str) -> list[ElementTree.Element]:
    """Return the QGIS styles of a layer."""
    with closing(sqlite3.connect(path)) as file:
        rows = file.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = ?", (layer,)).fetchall()
    return [ElementTree.fromstring(text) for (text,) in rows]


def test_the_style_has_the_classes_of_all_maps(tmp_path: Path) -> None:
    """Of many classes, a map styles only those that it has; QGIS would not draw polygons of others."""
    classes = [f"{number}=kind {number}:#{number:02x}{number:02x}40" for number in range(1, 60)]
    maps = [
        mapped(tmp_path, name, east=500_000 + 1000 * value, value=value, classes=classes)
        for name, value in (("a", 3), ("b", 40), ("c", 40))
    ]
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    (style,) = styles_of(tmp_path / "merged.gpkg", "segments")
    symbols = {item.get("name"): item for item in style.iterfind(".//symbols/symbol")}
    found = {item.get("value"): symbols[item.get("symbol")] for item in style.iterfind(".//category")}
    assert set(found) == {"3", "40"}
    fills = {
        value: [item.get("value", "") for item in symbol.iter("Option") if item.get("name") == "color"]
        for value, symbol in found.items()
    }
    assert [colour.rsplit(",", 1)[0] for colour in (*fills["3"], *fills["40"])] == ["3,3,64", "40,40,64"]


def test_each_polygon_has_the_time_of_its_scene(tmp_path: Path) -> None:
    times = {"a": "2024-05-01T10:00:00+00:00", "b": "2024-05-13T12:30:00+02:00", "c": ""}
    maps = [
        mapped(tmp_path, name, east=500_000 + 1000 * index).model_copy(update={"acquired": time})
        for index, (name, time) in enumerate(times.items())
    ]
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    for layer in ("segments", "scene"):
        table = geopandas.read_file(tmp_path / "merged.gpkg", layer=layer).set_index("scene")["acquired"]
        assert str(table["a"]) == "2024-05-01 10:00:00+00:00"
        assert str(table["b"]) == "2024-05-13 10:30:00+00:00"
        assert pd.isna(table["c"])
    with closing(sqlite3.connect(tmp_path / "merged.gpkg")) as file:
        stored = file.execute("SELECT acquired FROM segments WHERE acquired IS NOT NULL").fetchall()
    assert {text[10:] for (text,) in stored} == {"T10:00:00.000Z", "T10:30:00.000Z"}
    (style,) = styles_of(tmp_path / "merged.gpkg", "segments")
    time = style.find("temporal")
    assert time is not None
    assert (time.get("enabled"), time.get("mode"), time.get("startField")) == ("1", "1", "acquired")


def test_maps_without_a_place_are_not_merged(tmp_path: Path, messages: Messages) -> None:
    lost = mapped(tmp_path, "a", east=500_000).model_copy(update={"crs": None})
    assert not merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, [lost])
    assert messages.codes == ["nothing-to-merge"]
    assert not (tmp_path / "merged.gpkg").exists()


@pytest.mark.parametrize(
    ("zones", "lonlat"),
    [((32633, 32634), (18.0, 60.0)), ((32660, 32601), (179.999, 63.0)), ((32633, 3035), (15, 50))],
)
def test_maps_of_several_crs_cover_each_place_once(
    zones: tuple[int, int], lonlat: tuple[float, float], tmp_path: Path
) -> None:
    """Squares of 60 km of two reference systems about one place, also across the antimeridian."""
    maps, squares = [], []
    for name, epsg, rows in zip("ab", zones, (0, 8), strict=True):
        to_map = Transformer.from_crs(4326, epsg, always_xy=True)
        x, y = to_map.transform(*lonlat)
        west, north = round(x) - 30_000, round(y) + 30_000
        maps.append(
            mapped(tmp_path, name, east=west, north=north, pixel=1500, nodata_rows=rows, crs=f"EPSG:{epsg}")
        )
        square = shapely.box(west, north - 60_000, west + 60_000, north - 1500 * rows)
        squares.append(moved(shapely.segmentize(square, 100.0), CRS.from_epsg(epsg), DEGREES))
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    merged = geopandas.read_file(tmp_path / "merged.gpkg", layer="segments").set_index("scene")
    both = shapely.make_valid(shapely.union_all(squares))
    assert shapely.union_all(list(merged.geometry)).symmetric_difference(both).area < 1e-5 * both.area
    assert merged.geometry["a"].intersection(merged.geometry["b"]).area < 1e-9 * both.area
    assert list(merged["cut"][["a", "b"]]) == [0, 1]
    geod = Geod(ellps="WGS84")
    areas = [abs(geod.geometry_area_perimeter(part)[0]) for part in shapely.get_parts(both)]
    assert merged["area_m2"].sum() == pytest.approx(sum(areas), rel=1e-4)


def test_neighbours_are_not_cut(tmp_path: Path) -> None:
    maps = [mapped(tmp_path, "a", east=500_000), mapped(tmp_path, "b", east=500_400)]
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    merged = geopandas.read_file(tmp_path / "merged.gpkg", layer="segments")
    assert list(merged["cut"]) == [0, 0]


def test_maps_that_are_left_out_are_named(tmp_path: Path, messages: Messages) -> None:
    maps = [mapped(tmp_path, "a", east=500_000), mapped(tmp_path, "b", east=500_400)]
    maps[1] = maps[1].model_copy(update={"crs": None})
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    assert messages.warnings == ["1 map without CRS, not merged: b"]


def test_maps_that_others_hide_are_counted(tmp_path: Path, messages: Messages) -> None:
    maps = [mapped(tmp_path, name, east=500_000) for name in "abc"]
    maps.append(mapped(tmp_path, "beside", east=500_200))
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    assert messages.codes == ["maps-hidden"]
    assert "hidden in the merged map: 2 of 4 maps" in messages.warnings[0]


def test_the_merged_map_explains_itself(tmp_path: Path) -> None:
    maps = [
        mapped(tmp_path, "a", east=500_000, classes=["1=field"]),
        mapped(tmp_path, "b", east=500_200, value=2, classes=["2=wood"]),
    ]
    target = tmp_path / "merged.gpkg"
    assert merge_maps(target, tmp_path, TASK, maps)
    with closing(sqlite3.connect(target)) as file:
        titles = dict(file.execute("SELECT table_name, identifier FROM gpkg_contents"))
        standards = {row[0] for row in file.execute("SELECT md_standard_uri FROM gpkg_metadata")}
        names = dict(
            file.execute("SELECT column_name, name FROM gpkg_data_columns WHERE table_name = 'segments'")
        )
        enumeration = {
            row[0]
            for row in file.execute(
                "SELECT value FROM gpkg_data_column_constraints WHERE constraint_name = 'segments_class'"
            )
        }
        # GDAL refuses a range that stands twice.
        ranges = file.execute("SELECT * FROM gpkg_data_column_constraints WHERE constraint_type = 'range'")
        assert [row[0] for row in ranges] == ["from_0_to_1"]
    assert titles["segments"] == "Field and wood (segments)"
    assert standards == {RECORD_URI, QGIS_URI, ISO_URI}
    assert (names["area_m2"], names["scene"]) == ("Area (m²)", "Scene")
    assert enumeration == {"1", "2"}
    record = read_record(target)
    assert record is not None
    table = geopandas.read_file(target, layer="segments")
    assert {item.label: item.pixels for item in record.classes} == table.groupby("label")[
        "pixels"
    ].sum().to_dict()


def test_the_record_of_a_merged_map_states_what_holds_for_all(tmp_path: Path) -> None:
    maps = [mapped(tmp_path, "a", east=500_000), mapped(tmp_path, "b", east=500_400)]
    for name, threshold in (("a", -15.0), ("b", -18.0)):
        record = read_record(tmp_path / f"{name}.gpkg")
        assert record is not None
        changed = record.model_copy(
            update={"runtime": {"threshold": threshold, "tile": 512}, "seconds": -threshold}
        )
        with closing(sqlite3.connect(tmp_path / f"{name}.gpkg")) as file, file:
            text = (changed.model_dump_json(), RECORD_URI)
            file.execute("UPDATE gpkg_metadata SET metadata = ? WHERE md_standard_uri = ?", text)
    assert merge_maps(tmp_path / "merged.gpkg", tmp_path, TASK, maps)
    record = read_record(tmp_path / "merged.gpkg")
    assert record is not None
    assert record.runtime == {"tile": 512}
    assert record.seconds == 33
