"""Change between two maps of classes: every pixel whose class differs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from PIL import Image

from geoseg.errors import SceneError, UsageError
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.classmaps import write_map
from tests.messages import progress
from tests.products import classmaps
from tests.products.classmaps import NAMES, NEW_LAKE, NEW_TOWN, SIDE, two_dates
from tests.products.ground import EAST, NORTH, write_raster
from tests.tasks.change.class_map_pairs import (
    CLASSES,
    FIRST,
    SECOND,
    WORLDCOVER,
    Compare,
    expected_pairs,
    mapped,
    pixels_by_pair,
    polygons,
)

WRITERS: dict[str, Callable[..., Path]] = {
    "colours": classmaps.coloured,
    "categories": classmaps.with_categories,
    "attribute table": classmaps.with_attribute_table,
    "imagine": classmaps.imagine,
    "envi": classmaps.envi,
    "dbf": classmaps.with_dbf,
    "tags": classmaps.with_tags,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_pair_of_classes_is_mapped(kind: str, compare: Compare, tmp_path: Path) -> None:
    suffix = {"imagine": ".img", "envi": ".dat"}.get(kind, ".tif")
    before, after = two_dates(CLASSES)
    record, _ = compare(
        WRITERS[kind](tmp_path / f"2018_map{suffix}", before),
        WRITERS[kind](tmp_path / f"2023_map{suffix}", after),
    )
    np.testing.assert_array_equal(mapped(tmp_path) > 0, before != after)
    table = polygons(tmp_path)
    assert pixels_by_pair(table) == expected_pairs(before, after)
    assert set(table["date_before"].astype(str)) == {"2018-01-01"}
    assert set(table["date_after"].astype(str)) == {"2023-01-01"}
    assert (table["score_mean"] == 1).all()
    if kind != "colours":
        assert set(table["to_label"]) == {"town", "water"}
        assert set(table["label"]) >= {"forest → town"}
    gain = {int(row["class"]): row for row in record.tables["gain_loss"]}
    assert float(gain[4]["after_ha"]) == pytest.approx((after == 4).sum() * 0.01, rel=2e-3)
    assert float(gain[4]["gain_ha"]) == pytest.approx(((after == 4) & (before != 4)).sum() * 0.01, rel=2e-3)
    pairs = record.tables["transitions"]
    assert sum(int(row["pixels"]) for row in pairs) == SIDE * SIDE


def test_worldcover_of_two_years(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(WORLDCOVER)
    before[:10] = 0
    matrix, picture = tmp_path / "matrix.csv", tmp_path / "map.png"
    record, told = compare(
        write_raster(tmp_path / FIRST, before, nodata=0),
        write_raster(tmp_path / SECOND, after, nodata=0),
        matrix=matrix,
        picture=picture,
    )
    seen = before != 0
    assert record.valid_share == pytest.approx(seen.mean())
    np.testing.assert_array_equal(mapped(tmp_path) == 255, ~seen)
    table = polygons(tmp_path)
    assert pixels_by_pair(table) == expected_pairs(before, after, seen)
    assert {"Tree cover → Built-up", "Grassland → Permanent water bodies"} <= set(table["label"])
    # Eleven classes, whatever occurs: the codes of all tiles are alike.
    assert set(table.loc[table["label"] == "Tree cover → Built-up", "class"]) == {0 * 11 + 4}
    assert set(table["date_before"].astype(str)) == {"2020-01-01"}
    assert any("made by different algorithms" in text for text in told.warnings)
    assert matrix.read_text().startswith("from \\ to (ha),Tree cover,Shrubland")
    colours = {tuple(rgb) for rgb in np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3).tolist()}
    assert (0, 100, 0) in colours, "the earlier map is drawn in the product's colours"


def test_more_than_255_pairs_take_two_bytes(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates({**{f"class {value}": value for value in range(20, 38)}, "town": 1, "water": 2})
    paths = [write_raster(tmp_path / name, data) for name, data in (("b.tif", before), ("a.tif", after))]
    compare(*paths, method="classes")
    found = mapped(tmp_path)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found > 0, before != after)
    assert pixels_by_pair(polygons(tmp_path)) == expected_pairs(before, after)


def test_too_many_classes_are_refused(compare: Compare, tmp_path: Path) -> None:
    codes = np.arange(1, SIDE * SIDE + 1, dtype=np.uint16).reshape(SIDE, SIDE) % 300 + 1
    paths = [write_raster(tmp_path / f"{name}.tif", codes.astype(np.uint16)) for name in "ba"]
    with pytest.raises(SceneError, match="300 classes"):
        compare(*paths, method="classes")


def test_another_grid_is_read_at_the_nearest_pixel(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    first = classmaps.with_tags(tmp_path / "b.tif", before)
    tags = [{f"CLASS_{code}": name for code, name in NAMES.items()}]
    fine = np.kron(after, np.ones((2, 2), np.uint8))[4:, :-8]
    second = write_raster(
        tmp_path / "a.tif", fine, transform=Affine(5, 0, EAST, 0, -5, NORTH - 20), band_tags=tags
    )
    _, told = compare(first, second)
    found, seen = mapped(tmp_path), np.zeros(before.shape, bool)
    seen[2:, :-4] = True
    np.testing.assert_array_equal(found == 255, ~seen)
    np.testing.assert_array_equal((found > 0) & seen, (before != after) & seen)
    assert any("compared with the nearest one" in text for text in told.warnings)


def test_an_area_is_cut_out(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    paths = [
        classmaps.with_tags(tmp_path / f"{name}.tif", data) for name, data in (("b", before), ("a", after))
    ]
    box = (EAST + 200, NORTH - 600, EAST + 800, NORTH - 100)
    compare(*paths, bbox=box, bbox_crs="EPSG:32633")
    np.testing.assert_array_equal(mapped(tmp_path) > 0, (before != after)[10:60, 20:80])


def test_nodata_of_either_date_is_not_observed(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    before[:7], after[:, :9] = 99, 0
    tags = [{f"CLASS_{code}": name for code, name in NAMES.items()}]
    compare(
        write_raster(tmp_path / "b.tif", before, nodata=99, band_tags=tags),
        write_raster(tmp_path / "a.tif", after, nodata=0, band_tags=tags),
    )
    seen = (before != 99) & (after != 0)
    found = mapped(tmp_path)
    np.testing.assert_array_equal(found == 255, ~seen)
    np.testing.assert_array_equal((found > 0) & seen, (before != after) & seen)


@pytest.mark.parametrize("fill", [0, 255])
@pytest.mark.parametrize("named", [True, False])
def test_fill_that_no_tag_declares_is_told_and_not_observed(
    fill: int, named: bool, compare: Compare, tmp_path: Path
) -> None:
    before, after = two_dates(CLASSES)
    after[:15] = fill
    write = classmaps.with_tags if named else write_raster
    _, told = compare(
        write(tmp_path / "b.tif", before),
        write(tmp_path / "a.tif", after),
        method="auto" if named else "classes",
    )
    assert (mapped(tmp_path)[:15] == 255).all()
    assert pixels_by_pair(polygons(tmp_path)) == expected_pairs(before, after, after != fill)
    assert any(f"a: {fill} has no name" in text and "12.5% of the map" in text for text in told.warnings)


@pytest.mark.parametrize("high", [1, 255])
def test_a_mask_of_two_values_has_two_classes(high: int, compare: Compare, tmp_path: Path) -> None:
    before = np.zeros((SIDE, SIDE), np.uint8)
    before[30:60, 30:60] = high
    after = before.copy()
    after[30:40] = 0
    after[70:75, 5:9] = high
    _, told = compare(
        write_raster(tmp_path / "b.tif", before), write_raster(tmp_path / "a.tif", after), method="classes"
    )
    assert pixels_by_pair(polygons(tmp_path)) == {(high, 0): 300, (0, high): 20}
    assert any("0 is treated as a class" in text for text in told.warnings)


def test_names_of_no_class_are_not_observed(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    after[60:70] = 7
    names = {**NAMES, 7: "Cloud shadow", 0: "No data"}
    _, told = compare(
        classmaps.with_categories(tmp_path / "b.tif", before, names),
        classmaps.with_categories(tmp_path / "a.tif", after, names),
    )
    assert pixels_by_pair(polygons(tmp_path)) == expected_pairs(before, after, after != 7)
    assert any("a: not observed are 7 (Cloud shadow)" in text for text in told.notes)


def test_geosegs_own_maps_are_compared_with_their_background(compare: Compare, tmp_path: Path) -> None:
    before = np.zeros((SIDE, SIDE), np.uint8)
    before[20:40, 20:60] = 2
    after = before.copy()
    after[50:80, 10:40], after[:5] = 1, 255
    compare(write_map(tmp_path / "b.tif", before), write_map(tmp_path / "a.tif", after))
    assert (mapped(tmp_path)[:5] == 255).all()
    table = polygons(tmp_path)
    assert {row["label"]: row["pixels"] for _, row in table.iterrows()} == {"background → flood": 900}


def test_a_transition_table_gives_kinds_and_names(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates({"conifer": 12, "grass": 21, "town": 19, "water": 1})
    paths = [write_raster(tmp_path / name, data) for name, data in (("b.tif", before), ("a.tif", after))]
    compare(*paths, method="classes", rules="alpine-habitat")
    table = polygons(tmp_path)
    kinds = dict(zip(table["label"], table["type_label"], strict=True))
    assert kinds["conifer mature, dense → clearcut"] == "clearcut loss"
    assert kinds["grassland → water"] == "other"
    # All habitats are listed, but for "no data", which is none.
    assert table["class"].max() == (21 - 1) * 23 + (19 - 1)


def test_a_table_that_does_not_know_the_classes_is_refused(compare: Compare, tmp_path: Path) -> None:
    paths = [
        write_raster(tmp_path / name, data, nodata=0)
        for name, data in zip((FIRST, SECOND), two_dates(WORLDCOVER), strict=True)
    ]
    with pytest.raises(UsageError, match="does not contain the classes 10 Tree cover, 20 Shrubland"):
        compare(*paths, rules="alpine-habitat")
    with pytest.raises(UsageError, match="no class or group dense vegetation"):
        compare(*paths, rules="land-cover")
    own = tmp_path / "rules.yaml"
    own.write_text(
        "name: own\ntypes: [{value: 1, label: sealing, colour: '#d7301f'}]\n"
        "rules: [{before: [tree cover, 30], after: [Built-up], type: 1}]\n"
    )
    compare(*paths, rules=str(own))
    table = polygons(tmp_path)
    kinds = dict(zip(table["label"], table["type_label"], strict=True))
    assert kinds["Tree cover → Built-up"] == "sealing"
    assert kinds["Tree cover → Permanent water bodies"] == "not in the table"
    assert set(table["type"]) == {1, 2}


def test_what_a_mask_covers_is_not_observed(tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    paths = [classmaps.with_tags(tmp_path / f"{i}.tif", data) for i, data in enumerate((before, after))]
    mask = np.zeros(before.shape, np.uint8)
    mask[25:35] = 1
    hidden = str(write_raster(tmp_path / "mask.tif", mask))
    scenes = [SceneSpec(paths=(str(path),), mask=hidden) for path in paths]
    run = RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif")
    map_change(ChangeSpec(before=scenes[0], after=scenes[1], run=run), progress)
    found = mapped(tmp_path)
    assert (found[25:35] == 255).all()
    np.testing.assert_array_equal(found[35:] > 0, (before != after)[35:])


def test_the_same_map_twice_holds_no_change(compare: Compare, tmp_path: Path) -> None:
    codes = np.full((SIDE, SIDE), 7, np.uint8)
    paths = [write_raster(tmp_path / f"{name}.tif", codes) for name in "ba"]
    record, _ = compare(*paths, method="classes", matrix=tmp_path / "m.csv")
    assert record.classes == ()
    assert not mapped(tmp_path).any()
    assert (tmp_path / "m.csv").read_text().splitlines()[1].startswith("class 7,")


def test_maps_without_a_crs_are_compared_pixel_by_pixel(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    paths = []
    for name, codes in (("b.png", before), ("a.png", after)):
        paths.append(tmp_path / name)
        image = Image.fromarray(codes)
        image.putpalette([part for code in range(256) for part in classmaps.COLOURS.get(code, (0, 0, 0))])
        image.save(paths[-1])
    compare(*paths)
    np.testing.assert_array_equal(mapped(tmp_path) > 0, before != after)


def test_tiles_do_not_matter(compare: Compare, tmp_path: Path) -> None:
    paths = [classmaps.with_tags(tmp_path / f"{i}.tif", data) for i, data in enumerate(two_dates(CLASSES))]
    maps = []
    for tile in (1024, 48):
        compare(*paths, tile=tile)
        maps.append(mapped(tmp_path))
    np.testing.assert_array_equal(maps[0], maps[1])
    assert maps[0][NEW_TOWN].any()
    assert maps[0][NEW_LAKE].any()
