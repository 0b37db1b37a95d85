"""Maps judged by samples: what counts, what is left out, and whether intervals hold what they promise."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas
import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import OutputError, SceneError, SceneReadError
from geoseg.learn.evaluate import area_report
from geoseg.learn.evaluate.class_raster import ClassRaster
from geoseg.learn.evaluate.map_accuracy import estimate_area
from geoseg.learn.evaluate.sample_drawing import DrawnSample, draw_positions, draw_sample
from geoseg.learn.evaluate.sample_writing import write_sample
from geoseg.methods.area_estimate import allocate, estimate
from geoseg.outputs.report import write
from tests.classmaps import LABELS, TENS, UTM, grid_of, write_map
from tests.messages import Messages

SHAPE = (160, 200)

Indices = Sequence[int] | NDArray[np.intp]


def truth() -> NDArray[np.uint8]:
    """A river of permanent water and a flood beside it."""
    classes = np.zeros(SHAPE, np.uint8)
    classes[:, 60:110] = 1
    classes[:, 80:88] = 2
    classes[:6] = 255
    return classes


def with_errors(seed: int = 5) -> NDArray[np.uint8]:
    """A map of it that misses a quarter of the flood, adds 2 % and takes some flood for permanent water."""
    rng, real = np.random.default_rng(seed), truth()
    chance, mapped = rng.random(SHAPE), real.copy()
    mapped[(real == 1) & (chance < 0.25)] = 0
    mapped[(real == 0) & (chance < 0.02)] = 1
    mapped[(real == 1) & (chance > 0.98)] = 2
    return mapped


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "map.tif", with_errors())


def interpreted(drawn: DrawnSample) -> list[int]:
    """What interpreters would say who see the truth."""
    return [int(value) for value in truth()[drawn.rows, drawn.cols]]


def write_points(
    path: Path,
    rows: Indices,
    cols: Indices,
    columns: Mapping[str, Sequence[object] | NDArray[np.generic]],
    crs: CRS | None = UTM,
    to: str | None = None,
) -> Path:
    """Write points at pixel centres."""
    x, y = 500_000 + (np.array(cols) + 0.5) * 10, 5_000_000 - (np.array(rows) + 0.5) * 10
    table = geopandas.GeoDataFrame(dict(columns), geometry=geopandas.points_from_xy(x, y), crs=crs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        (table if to is None else table.to_crs(to)).to_file(path)
    return path


def test_intervals_hold_the_truth_as_often_as_they_say(mapped: Path) -> None:
    real = truth()
    grid = grid_of(real)
    areas = grid.pixel_areas(*(np.indices(real.shape) + 0.5))
    areas[real == 255] = 0
    true = np.array([areas[real == value].sum() for value in LABELS])
    right = areas[with_errors() == real].sum() / areas.sum()
    caught = np.array([areas[(real == k) & (with_errors() == k)].sum() / true[k] for k in LABELS])
    held: list[list[bool]] = []
    naive: list[bool] = []
    with ClassRaster(str(mapped)) as opened:
        strata = opened.census()
        sizes = np.array([item.size for item in strata])
        numbers = allocate(400, sizes, np.array([item.pixels for item in strata]))
        for seed in range(200):
            rows, cols, values = draw_positions(opened, strata, numbers, seed)
            counts = np.zeros((3, 3), np.int64)
            np.add.at(counts, (values, real[rows, cols]), 1)
            found = estimate(counts, sizes)
            held.append(
                [
                    *(np.abs(found.area.value - true) <= found.area.half_width).tolist(),
                    *(np.abs(found.producers.value - caught) <= found.producers.half_width)[:2].tolist(),
                    bool(abs(found.overall.value - right) <= found.overall.half_width),
                ]
            )
            naive.append(bool(abs(sizes[1] - true[1]) <= found.area.half_width[1]))
    shares = np.mean(held, axis=0)
    assert (shares >= 0.90).all(), shares
    assert (shares[:3] <= 0.99).all(), shares
    # Pixels counted on the map are not within these intervals of the truth nearly as often.
    assert np.mean(naive) < 0.9


def test_a_sample_drawn_and_filled_in(mapped: Path, tmp_path: Path, messages: Messages) -> None:
    drawn = draw_sample(str(mapped), 400, seed=2)
    path = tmp_path / "points.gpkg"
    write_sample(drawn, path, overwrite=False)
    layer = geopandas.read_file(path, layer="sample")
    layer["reference"] = interpreted(drawn)
    layer.to_file(path, layer="sample")
    messages.clear()
    report = estimate_area(str(mapped), path)
    assert messages.warnings == []
    assert report.drawn_from_map
    counts = np.zeros((3, 3), np.int64)
    np.add.at(counts, (drawn.classes, np.array(interpreted(drawn))), 1)
    np.testing.assert_array_equal(report.counts, counts)
    expected = estimate(counts, np.array([item.size for item in drawn.strata]))
    np.testing.assert_allclose(report.estimate.area.value, expected.area.value)
    assert [item.label for item in report.classes] == list(LABELS.values())


@pytest.mark.parametrize("name", ["p.gpkg", "p.geojson", "p.shp", "p.csv"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32634", None])
def test_any_file_and_crs(
    mapped: Path, tmp_path: Path, name: str, crs: str | None, messages: Messages
) -> None:
    rows, cols = np.arange(10, 150, 5), np.arange(5, 200, 7)[:28]
    real, found = truth()[rows, cols], with_errors()[rows, cols]
    if name == "p.csv":
        table = write_points(tmp_path / "p.gpkg", rows, cols, {"class": real}, to="EPSG:4326")
        layer = geopandas.read_file(table)
        lines = [f"{p.x!r},{p.y!r},{c}" for p, c in zip(layer.geometry, layer["class"], strict=True)]
        (tmp_path / name).write_text("\n".join(["lon,lat,class", *lines]), encoding="utf-8-sig")
    else:
        to = "EPSG:4326" if name == "p.geojson" else crs
        write_points(tmp_path / name, rows, cols, {"class": real}, to=to)
    messages.clear()
    counts = np.zeros((3, 3), np.int64)
    np.add.at(counts, (found, real), 1)
    report = estimate_area(str(mapped), tmp_path / name, column="class")
    np.testing.assert_array_equal(report.counts, counts)
    assert not report.drawn_from_map
    why = "was not drawn from this map by `geoseg evaluate sample` (the sample has no table of strata)"
    assert why in messages.warnings[0]


def pixels_of(*values: int) -> tuple[list[int], list[int]]:
    """Pixels that are mapped as these classes, no two the same."""
    found = [np.argwhere(with_errors() == value)[50 + 7 * index] for index, value in enumerate(values)]
    return [int(row) for row, _ in found], [int(col) for _, col in found]


ROWS, COLS = pixels_of(0, 0, 2, 2, 1, 1, 0, 0)


def test_labels_and_numbers_mean_the_same(mapped: Path, tmp_path: Path) -> None:
    said = ["background", " BACKGROUND ", "2", "permanent water", "Flood", "1.0", "0", "flood"]
    words = write_points(tmp_path / "a.gpkg", ROWS, COLS, {"reference": said})
    numbers = write_points(tmp_path / "b.gpkg", ROWS, COLS, {"reference": [0, 0, 2, 2, 1, 1, 0, 1]})
    one, other = (estimate_area(str(mapped), path) for path in (words, numbers))
    np.testing.assert_array_equal(one.counts, other.counts)
    assert one.counts.sum() == 8


def test_what_is_left_out_is_counted(mapped: Path, tmp_path: Path, messages: Messages) -> None:
    rows, cols = [*ROWS, 2, -3, 500, 30, 31], [*COLS, 10, 10, 10, 20, 21]
    said = ["0", "0", "2", "2", "1", "1", "0", "0", "0", "0", None, None, ""]
    path = write_points(tmp_path / "p.gpkg", rows, cols, {"reference": said})
    report = estimate_area(str(mapped), path)
    assert report.counts.sum() == 8
    assert list(report.left_out.values()) == [2, 1, 2]
    assert (
        "5 points were not used: 2 outside the map, 1 where the map observed nothing, 2 without reference"
        in (messages.warnings[0])
    )


def test_points_without_a_place_are_left_out(mapped: Path, tmp_path: Path) -> None:
    lines = ["lon,lat,reference", ",,1", *["15.0001,45.1500,0"] * 2]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    with pytest.raises(SceneError, match="no point with a reference class lies on"):
        estimate_area(str(mapped), tmp_path / "p.csv")
    path = write_map(tmp_path / "one.tif", np.zeros((200, 200), np.uint8))
    report = estimate_area(str(path), tmp_path / "p.csv")
    assert report.left_out["outside the map"] == 1


def test_a_class_that_the_map_names_but_lacks(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", np.zeros(SHAPE, np.uint8))
    points = write_points(tmp_path / "p.gpkg", ROWS, COLS, {"reference": [0, 0, 0, 0, 0, 0, 1, 1]})
    report = estimate_area(str(path), points)
    assert [(item.value, item.pixels) for item in report.classes] == [(0, SHAPE[0] * SHAPE[1]), (1, 0)]
    whole = report.classes[0].size
    np.testing.assert_allclose(report.estimate.area.value, [whole * 0.75, whole * 0.25])
    told = area_report.report_of(report).data
    assert json.loads(json.dumps(told, allow_nan=False))["classes"][1]["users_accuracy"] is None


def test_one_point_of_a_class_gives_no_interval(mapped: Path, tmp_path: Path, messages: Messages) -> None:
    points = write_points(tmp_path / "p.gpkg", ROWS[:5], COLS[:5], {"reference": [0, 0, 2, 2, 1]})
    report = estimate_area(str(mapped), points)
    assert np.isnan(report.estimate.area.se).all()
    assert "only one point lies on flood (1)" in messages.warnings[-1]
    write(area_report.report_of(report), tmp_path / "new" / "report", overwrite=False)
    rows = list(csv.DictReader((tmp_path / "new" / "report" / "area.csv").read_text().splitlines()))
    assert rows[1]["se_m2"] == ""


def test_a_sample_of_another_map_is_told(mapped: Path, tmp_path: Path, messages: Messages) -> None:
    other = write_map(tmp_path / "other.tif", with_errors(6))
    drawn = draw_sample(str(other), 100)
    for name in ("p.gpkg", "p.csv"):
        path = tmp_path / name
        write_sample(drawn, path, overwrite=False)
        if name == "p.csv":
            path.write_text(path.read_text().replace(",,\n", ",0,\n"))
        else:
            layer = geopandas.read_file(path, layer="sample")
            layer["reference"] = 0
            layer.to_file(path, layer="sample")
        assert estimate_area(str(other), path).drawn_from_map
        messages.clear()
        assert not estimate_area(str(mapped), path).drawn_from_map
        assert "the strata of the sample belong to another map" in messages.warnings[0]


def test_added_points_are_told(mapped: Path, tmp_path: Path, messages: Messages) -> None:
    drawn = draw_sample(str(mapped), 100)
    path = write_sample(drawn, tmp_path / "p.csv", overwrite=False)[0]
    text = path.read_text().replace(",,\n", ",0,\n")
    path.write_text(text + text.split("\n")[1] + "\n")
    messages.clear()
    assert not estimate_area(str(mapped), path).drawn_from_map
    assert "more points than were drawn" in messages.warnings[0]


def test_a_map_without_crs_counts_pixels(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", with_errors(), crs=None, transform=Affine.identity())
    drawn = draw_sample(str(path), 200)
    points = write_sample(drawn, tmp_path / "p.csv", overwrite=False)[0]
    lines = points.read_text().splitlines()
    filled = [line[:-1] + f"{value}," for line, value in zip(lines[1:], interpreted(drawn), strict=True)]
    points.write_text("\n".join([lines[0], *filled]))
    report = estimate_area(str(path), points)
    assert report.drawn_from_map
    assert not report.georeferenced
    assert report.estimate.area.value.sum() == pytest.approx((with_errors() != 255).sum())
    with pytest.raises(SceneError, match=r"map.tif has no CRS, but .* has one"):
        estimate_area(str(path), write_points(tmp_path / "q.gpkg", ROWS, COLS, {"reference": [0] * 8}))


def test_files_of_a_report(mapped: Path, tmp_path: Path) -> None:
    said = [0, 0, 2, 2, 1, 1, 0, 1]
    points = write_points(tmp_path / "p.gpkg", ROWS, COLS, {"reference": said})
    found, folder = estimate_area(str(mapped), points), tmp_path / "report"
    report = area_report.report_of(found)
    area_report.check_folder(folder, (), overwrite=False)
    paths = write(report, folder, overwrite=False)
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths)
    told = json.loads((folder / "area.json").read_text())
    assert told == json.loads(json.dumps(report.data))
    assert told["points"] == 8
    rows = list(csv.DictReader((folder / "area.csv").read_text().splitlines()))
    assert [row["label"] for row in rows] == list(LABELS.values())
    whole = sum(float(row["mapped_m2"]) for row in rows)
    assert sum(float(row["adjusted_m2"]) for row in rows) == pytest.approx(whole)
    for row, item in zip(rows, told["classes"], strict=True):
        assert float(row["adjusted_m2"]) == item["adjusted_m2"]
        assert 0 <= item["low_m2"] <= item["adjusted_m2"] <= item["high_m2"] <= whole * (1 + 1e-12)
    matrix = list(csv.reader((folder / "matrix.csv").read_text().splitlines()))
    assert matrix[0] == ["map", "0 background", "1 flood", "2 permanent water"]
    assert [list(map(int, row[1:])) for row in matrix[1:]] == found.counts.tolist()
    page = (folder / "report.html").read_text()
    assert "<td>permanent water (2)</td>" in page
    assert f"{found.counts.sum()} points used" in page
    for path in paths:
        with pytest.raises(OutputError, match=rf"{path.name}.*`--overwrite`"):
            area_report.check_folder(folder, (), overwrite=False)
        path.unlink()
    write(report, folder)
    with pytest.raises(OutputError, match="--overwrite"):
        write(report, folder, overwrite=False)
    write(report, folder, overwrite=True)


def test_what_does_not_fit_is_said(mapped: Path, tmp_path: Path) -> None:
    good: dict[str, Sequence[object]] = {"reference": [0, 0, 2, 2, 1, 1, 0, 1]}

    def failing(path: Path, column: str = "reference", map_path: Path = mapped) -> str:
        with pytest.raises(SceneError) as caught:
            estimate_area(str(map_path), path, column=column)
        return str(caught.value)

    points = write_points(tmp_path / "p.gpkg", ROWS, COLS, good)
    assert "the column 'truth' is missing; columns are reference; use `--column NAME`" in failing(
        points, "truth"
    )
    bare = write_points(tmp_path / "bare.gpkg", ROWS, COLS, good, crs=None)
    assert "bare.gpkg has no CRS" in failing(bare)
    wrong = write_points(tmp_path / "wrong.gpkg", ROWS, COLS, {"reference": ["sea", "sea", *"001122"]})
    assert "'sea' (2 points): not a class of" in failing(wrong)
    assert "0 background, 1 flood, 2 permanent water" in failing(wrong)
    high = write_points(tmp_path / "high.gpkg", ROWS, COLS, {"reference": [9, *good["reference"][1:]]})
    assert "'9' (1 points)" in failing(high)
    empty = write_points(tmp_path / "empty.gpkg", ROWS[:0], COLS[:0], {"reference": []})
    assert "the file has no points" in failing(empty)
    few = write_points(tmp_path / "few.gpkg", ROWS[:2], COLS[:2], {"reference": [0, 0]})
    assert "lies on flood (1), permanent water (2) of the map" in failing(few)
    table = geopandas.read_file(points)
    table.set_geometry(table.buffer(5)).to_file(tmp_path / "discs.gpkg")
    assert "geometries other than points" in failing(tmp_path / "discs.gpkg")
    (tmp_path / "text.gpkg").write_text("no database")
    assert "is not a vector file that can be read" in failing(tmp_path / "text.gpkg")
    assert "does not exist" in failing(tmp_path / "none.gpkg")
    for name, text, told in (
        ("a.csv", "east,north,reference\n1,2,0\n", "columns lon and lat are missing"),
        ("b.csv", "lon,lat,reference\n1,north,0\n", "line 2: 'north' is not a coordinate"),
        ("c.csv", "lon,lat\n1,2\n", "the column 'reference' is missing; columns are lon, lat"),
        ("d.csv", "x,y,reference\n1,2,0\n", "has no CRS"),
        ("e.csv", "", "columns lon and lat are missing"),
    ):
        (tmp_path / name).write_text(text)
        assert told in failing(tmp_path / name), name
    with pytest.raises(SceneReadError, match="has polygons; give the class raster"):
        estimate_area(str(points), points)


def test_labels_that_two_classes_share_must_be_numbers(tmp_path: Path) -> None:
    classes = truth()
    path = write_map(
        tmp_path / "map.tif", classes, labels={0: "land", 1: "water", 2: "water"}, transform=TENS
    )
    points = write_points(tmp_path / "p.gpkg", ROWS, COLS, {"reference": ["land"] * 7 + ["water"]})
    with pytest.raises(SceneError, match=r"'water' \(1 points\)"):
        estimate_area(str(path), points)
