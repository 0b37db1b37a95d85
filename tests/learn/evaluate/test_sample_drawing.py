"""Samples drawn of maps: what is drawn, where, in which order, and how it is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from geoseg.errors import OutputError, SceneError, SceneReadError, UsageError
from geoseg.learn.evaluate import class_raster as class_map
from geoseg.learn.evaluate.class_raster import ClassRaster
from geoseg.learn.evaluate.map_accuracy import estimate_area
from geoseg.learn.evaluate.sample_drawing import DrawnSample, draw_positions, draw_sample
from geoseg.learn.evaluate.sample_reading import read_points
from geoseg.learn.evaluate.sample_writing import write_sample
from tests.classmaps import LABELS, TENS, grid_of, patchy, write_map
from tests.messages import Messages


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "map.tif", patchy())


def draw(path: Path, number: int = 300, seed: int = 0) -> DrawnSample:
    return draw_sample(str(path), number, seed=seed)


def test_the_census_is_the_map(mapped: Path) -> None:
    classes = patchy()
    grid = grid_of(classes)
    rows, cols = np.indices(classes.shape) + 0.5
    areas = grid.pixel_areas(rows, cols)
    with ClassRaster(str(mapped)) as opened:
        strata = opened.census()
    assert [(item.value, item.label) for item in strata] == list(LABELS.items())
    for item in strata:
        assert item.pixels == (classes == item.value).sum()
        assert item.area_m2 == pytest.approx(areas[classes == item.value].sum(), rel=1e-9)


def test_what_is_drawn(mapped: Path) -> None:
    classes, drawn = patchy(), draw(mapped)
    assert [item.drawn for item in drawn.strata] == [200, 50, 50]
    for item in drawn.strata:
        assert (drawn.classes == item.value).sum() == item.drawn
    np.testing.assert_array_equal(classes[drawn.rows, drawn.cols], drawn.classes)
    assert len(set(zip(drawn.rows.tolist(), drawn.cols.tolist(), strict=True))) == 300


def test_the_order_tells_nothing(mapped: Path) -> None:
    """Classes of neighbours in the list agree as often as those of any two."""
    drawn = draw(mapped, 1000)
    shares = np.array([item.drawn for item in drawn.strata]) / 1000
    agree = (drawn.classes[1:] == drawn.classes[:-1]).mean()
    assert agree == pytest.approx((shares**2).sum(), abs=0.05)
    assert abs(np.corrcoef(np.arange(1000), drawn.rows)[0, 1]) < 0.1


def test_the_seed_decides(mapped: Path) -> None:
    one, same, other = draw(mapped), draw(mapped), draw(mapped, seed=1)
    np.testing.assert_array_equal(one.rows, same.rows)
    np.testing.assert_array_equal(one.cols, same.cols)
    assert (one.rows != other.rows).any()


@pytest.mark.parametrize(("rows", "chunk"), [(1, 10), (7, 1000), (64, 4000), (512, 2**24)])
def test_neither_blocks_nor_strips_matter(
    mapped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, chunk: int
) -> None:
    expected = draw(mapped)
    other = tmp_path / "tiled.tif"
    with rasterio.open(mapped) as source:
        profile = source.profile | {"driver": "GTiff", "tiled": True, "blockxsize": 16, "blockysize": 48}
        with rasterio.open(other, "w", **profile) as copy:
            copy.write(source.read())
            copy.update_tags(1, **source.tags(1))
    monkeypatch.setattr(class_map, "READ_ROWS", rows)
    monkeypatch.setattr(class_map, "CHUNK", chunk)
    monkeypatch.setattr(class_map, "BLOCK", rows)
    found = draw(other)
    np.testing.assert_array_equal(expected.rows, found.rows)
    np.testing.assert_array_equal(expected.cols, found.cols)
    with ClassRaster(str(other)) as opened:
        np.testing.assert_array_equal(opened.at(found.rows, found.cols), found.classes)
        for mine, theirs in zip(opened.census(), expected.strata, strict=True):
            assert mine.pixels == theirs.pixels
            assert mine.area_m2 == pytest.approx(theirs.area_m2, rel=1e-9)


def test_every_pixel_is_as_likely(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", np.zeros((4, 5), np.uint8))
    times = np.zeros((4, 5))
    with ClassRaster(str(path)) as opened:
        strata = opened.census()
        for seed in range(2000):
            rows, cols, _ = draw_positions(opened, strata, np.array([5]), seed)
            times[rows, cols] += 1
    # 500 each; the standard deviation of a count is 19.
    assert times.sum() == 10_000
    assert np.abs(times - 500).max() < 80


def test_all_pixels_can_be_drawn(tmp_path: Path) -> None:
    classes = patchy((9, 11))
    drawn = draw(write_map(tmp_path / "map.tif", classes), int((classes != 255).sum()))
    np.testing.assert_array_equal(np.sort(drawn.rows * 11 + drawn.cols), np.flatnonzero(classes != 255))


def test_maps_of_two_bytes(tmp_path: Path) -> None:
    classes = np.where(patchy() == 255, 65_535, patchy() * np.uint16(300)).astype(np.uint16)
    labels = {value * 300: label for value, label in LABELS.items()}
    drawn = draw(write_map(tmp_path / "map.tif", classes, labels=labels))
    assert [item.value for item in drawn.strata] == [0, 300, 600]
    np.testing.assert_array_equal(classes[drawn.rows, drawn.cols], drawn.classes)


def test_a_geopackage_holds_points_and_strata(mapped: Path, tmp_path: Path) -> None:
    drawn, path = draw(mapped), tmp_path / "points.gpkg"
    assert write_sample(drawn, path, overwrite=False) == (path,)
    assert [item.name for item in tmp_path.iterdir()] == ["points.gpkg"]
    table = pyogrio.read_dataframe(path, layer="sample")
    assert list(table.columns) == ["id", "map_class", "map_label", "reference", "comment", "geometry"]
    assert set(table.geom_type) == {"Point"}
    assert table.crs.to_epsg() == 32633
    assert table["id"].tolist() == list(range(1, 301))
    assert table["reference"].isna().all()
    assert table["comment"].isna().all()
    # At pixel centres, where the map is as said.
    np.testing.assert_allclose((table.geometry.x - 500_000) % 10, 5)
    with rasterio.open(mapped) as file:
        found = [int(value[0]) for value in file.sample(zip(table.geometry.x, table.geometry.y, strict=True))]
    assert table["map_class"].tolist() == found
    assert table["map_label"].tolist() == [LABELS[value] for value in found]
    strata = pyogrio.read_dataframe(path, layer="strata")
    assert strata["class"].tolist() == [0, 1, 2]
    assert strata["label"].tolist() == list(LABELS.values())
    assert strata["drawn"].tolist() == [200, 50, 50]
    assert strata["pixels"].tolist() == [int((patchy() == value).sum()) for value in LABELS]
    assert strata["area_m2"].tolist() == [item.area_m2 for item in drawn.strata]
    with closing(sqlite3.connect(path)) as file:
        types = {row[1]: row[2] for row in file.execute("PRAGMA table_info('sample')")}
        kinds = dict(file.execute("SELECT table_name, data_type FROM gpkg_contents"))
    assert types["reference"] in {"INTEGER", "MEDIUMINT"}
    assert kinds["strata"] == "attributes"


def test_a_table_holds_the_same(mapped: Path, tmp_path: Path) -> None:
    drawn = draw(mapped)
    paths = write_sample(drawn, tmp_path / "points.csv", overwrite=False)
    assert [path.name for path in paths] == ["points.csv", "points.strata.csv"]
    points = read_points(paths[0])
    lon, lat = drawn.lonlat
    np.testing.assert_allclose(points.x, lon, atol=1e-9)
    np.testing.assert_allclose(points.y, lat, atol=1e-9)
    assert points.crs == CRS.from_epsg(4326)
    assert set(points.reference.tolist()) == {""}
    write_sample(drawn, tmp_path / "points.gpkg", overwrite=False)
    assert points.strata == read_points(tmp_path / "points.gpkg").strata


def test_a_map_without_crs_is_counted_in_pixels(tmp_path: Path) -> None:
    classes = patchy()
    path = write_map(tmp_path / "map.tif", classes, crs=None, transform=Affine.identity())
    drawn = draw(path)
    assert {item.area_m2 for item in drawn.strata} == {None}
    for name in ("points.gpkg", "points.csv"):
        write_sample(drawn, tmp_path / name, overwrite=False)
        points = read_points(tmp_path / name)
        assert points.crs is None
        np.testing.assert_array_equal(points.x, drawn.cols + 0.5)
        np.testing.assert_array_equal(points.y, drawn.rows + 0.5)
        assert points.strata is not None
    with pytest.raises(SceneError, match=r"no point can be used \(300 without reference\)"):
        estimate_area(str(path), tmp_path / "points.gpkg")


def test_nothing_is_overwritten_unasked(mapped: Path, tmp_path: Path) -> None:
    drawn = draw(mapped)
    (tmp_path / "points.strata.csv").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        write_sample(drawn, tmp_path / "points.csv", overwrite=False)
    assert [item.name for item in tmp_path.iterdir()] == ["points.strata.csv"]
    write_sample(drawn, tmp_path / "points.csv", overwrite=True)
    assert (tmp_path / "points.strata.csv").read_text().startswith("class,")


def test_uneven_pixels_are_warned_of(tmp_path: Path, messages: Messages) -> None:
    degrees = Affine(0.1, 0, 10, 0, -0.1, 60)
    path = write_map(tmp_path / "map.tif", patchy(), crs=CRS.from_epsg(4326), transform=degrees)
    draw_sample(str(path), 100)
    assert "equal-area" in messages.warnings[0]


def raster(path: Path, data: np.ndarray[tuple[int, ...], np.dtype[np.generic]], **options: object) -> Path:
    """Write any raster (bands, rows, cols)."""
    count, height, width = data.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=data.dtype,
        crs="EPSG:32633", transform=TENS, **options,
    ) as file:  # fmt: skip
        file.write(data)
    return path


def test_the_rasters_own_nodata_is_not_observed(tmp_path: Path) -> None:
    data = np.ones((1, 20, 20), np.int16)
    data[0, :5], data[0, 5] = -9999, 7
    with ClassRaster(str(raster(tmp_path / "map.tif", data, nodata=-9999))) as opened:
        found = {item.value: item.pixels for item in opened.census()}
    assert found == {1: 280, 7: 20}


def test_what_is_no_map_is_refused(tmp_path: Path) -> None:
    small = np.zeros((1, 9, 9), np.uint8)
    with pytest.raises(SceneError, match="not a class raster"):
        draw(raster(tmp_path / "two.tif", np.zeros((2, 9, 9), np.uint8)))
    with pytest.raises(SceneError, match="not a class raster"):
        draw(raster(tmp_path / "real.tif", small.astype(np.float32)))
    with pytest.raises(SceneError, match="no pixel was observed"):
        draw(raster(tmp_path / "empty.tif", small, nodata=0))
    with pytest.raises(SceneError, match="values outside"):
        draw(raster(tmp_path / "negative.tif", small.astype(np.int16) - 1))
    path = raster(tmp_path / "scores.tif", small)
    with rasterio.open(path, "r+") as file:
        file.scales = (1 / 255,)
    with pytest.raises(SceneError, match="scores, not classes"):
        draw(path)
    with pytest.raises(SceneReadError, match="does not exist"):
        draw(tmp_path / "none.tif")
    with pytest.raises(UsageError, match="81 pixels"):
        draw(raster(tmp_path / "small.tif", small), 82)
