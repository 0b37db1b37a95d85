"""Codes, names and legends of two class maps, and what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from geoseg.errors import BandError, SceneError, UsageError
from tests.products import classmaps
from tests.products.classmaps import NAMES, two_dates
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


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32"])
def test_codes_without_names(dtype: str, compare: Compare, tmp_path: Path) -> None:
    codes = {"forest": 311 if dtype != "uint8" else 31, "meadow": 23, "town": 11, "water": 51}
    before, after = two_dates(codes, dtype)
    nodata = {"int16": -9999, "float32": -1}.get(dtype)
    if nodata is not None:
        after[-5:] = nodata
    paths = [
        write_raster(tmp_path / name, data, nodata=nodata)
        for name, data in (("b.tif", before), ("a.tif", after))
    ]
    _, told = compare(*paths, method="classes")
    seen = np.ones(after.shape, bool) if nodata is None else after != nodata
    assert pixels_by_pair(polygons(tmp_path)) == expected_pairs(before, after, seen)
    assert not told.warnings
    if dtype != "float32":
        with pytest.raises(BandError, match="if both are class maps, give `--method classes`"):
            compare(*paths)


def test_classes_with_other_codes_are_matched_by_name(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    other = {1: "Forest", 2: "WATER", 3: "meadow", 9: "town"}
    recoded = np.array([0, 2, 1, 3, 9], np.uint8)[after]
    _, told = compare(
        classmaps.with_tags(tmp_path / "b.tif", before),
        classmaps.with_tags(tmp_path / "a.tif", recoded, other),
    )
    assert pixels_by_pair(polygons(tmp_path)) == expected_pairs(before, after)
    assert any("other codes for the same classes, matched by name" in text for text in told.warnings)


def test_corine_codes_of_both_kinds_are_one_legend(compare: Compare, tmp_path: Path) -> None:
    grid = {"arable": 12, "town": 2, "forest": 23, "water": 41}
    before, after = two_dates(grid)
    codes = {12: 211, 2: 112, 23: 311, 41: 512}
    recoded = np.vectorize(codes.get)(after).astype(np.uint16)
    compare(
        write_raster(tmp_path / "U2012_CLC2006_V2020_20u1.tif", before),
        write_raster(tmp_path / "clc2018.tif", recoded),
    )
    table = polygons(tmp_path)
    assert pixels_by_pair(table) == expected_pairs(before, after)
    assert "Broad-leaved forest → Discontinuous urban fabric" in set(table["label"])
    assert set(table["date_before"].astype(str)) == {"2006-01-01"}
    assert set(table["date_after"].astype(str)) == {"2018-01-01"}


def test_corine_as_the_eea_stores_it(compare: Compare, tmp_path: Path) -> None:
    """Bytes with a sign, and 48 for what is outside."""
    before, after = two_dates({"arable": 12, "town": 2, "forest": 23, "water": 41}, "int8")
    before[:6], after[-6:] = 48, -128
    compare(
        write_raster(tmp_path / "U2012_CLC2006_V2020_20u1.tif", before, nodata=-128),
        write_raster(tmp_path / "U2018_CLC2018_V2020_20u1.tif", after, nodata=-128),
    )
    seen = (before != 48) & (after != -128)
    assert pixels_by_pair(polygons(tmp_path)) == expected_pairs(before, after, seen)
    np.testing.assert_array_equal(mapped(tmp_path) == np.iinfo(np.uint16).max, ~seen)


def test_maps_of_two_places_are_refused(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    first = classmaps.with_tags(tmp_path / "b.tif", before)
    tags = [{f"CLASS_{code}": name for code, name in NAMES.items()}]
    far = Affine(10, 0, EAST + 50_000, 0, -10, NORTH)
    with pytest.raises(SceneError, match="no observed pixel in common"):
        compare(first, write_raster(tmp_path / "a.tif", after, transform=far, band_tags=tags))


def test_different_legends_are_refused(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    habitats = {1: "fen", 2: "heath", 3: "moor", 4: "bog"}
    with pytest.raises(SceneError, match=r"different legends \(1 is 'water' and 'fen'"):
        compare(
            classmaps.with_tags(tmp_path / "b.tif", before),
            classmaps.with_tags(tmp_path / "a.tif", after, habitats),
        )
    world, esri = two_dates(WORLDCOVER), two_dates({"water": 1, "trees": 2, "crops": 5, "town": 7})
    with pytest.raises(SceneError, match="different legends"):
        compare(
            write_raster(tmp_path / SECOND, world[0], nodata=0),
            write_raster(tmp_path / "32U_20220101-20221231.tif", esri[1]),
        )


def test_a_map_and_a_scene_are_refused(compare: Compare, tmp_path: Path) -> None:
    before, _ = two_dates(CLASSES)
    names = ("red", "green", "blue")
    scene = write_raster(tmp_path / "scene.tif", np.stack([before * 20] * 3), descriptions=names)
    sure = classmaps.with_tags(tmp_path / "sure.tif", before)
    for pair in ((sure, scene), (scene, sure)):
        with pytest.raises(SceneError, match=r"sure is a class map and .*scene.tif is a scene"):
            compare(*pair)
    heights = write_raster(tmp_path / "heights.tif", before * 40)
    with pytest.raises(SceneError, match="has values that are no classes of sure, such as 40"):
        compare(sure, heights)


def test_a_map_without_names_takes_those_of_the_other(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(CLASSES)
    _, told = compare(
        classmaps.with_tags(tmp_path / "b.tif", before), write_raster(tmp_path / "a.tif", after)
    )
    assert set(polygons(tmp_path)["to_label"]) == {"town", "water"}
    assert any("a names no classes" in text for text in told.notes)


def test_what_is_for_scenes_is_refused_or_told(compare: Compare, tmp_path: Path) -> None:
    paths = [classmaps.with_tags(tmp_path / f"{i}.tif", data) for i, data in enumerate(two_dates(CLASSES))]
    with pytest.raises(UsageError, match="`--method cva` compares scenes"):
        compare(*paths, method="cva")
    with pytest.raises(UsageError, match="there are auto, classes, mad"):
        compare(*paths, method="magic")
    _, told = compare(*paths, coregister=True, threshold=3.0)
    reason = "because class maps are compared as they are"
    assert any(f"`--threshold`, `--coregister`: not used, {reason}" in text for text in told.warnings)


def test_the_order_of_years_is_looked_at(compare: Compare, tmp_path: Path) -> None:
    paths = [
        classmaps.with_tags(tmp_path / f"{year}.tif", data)
        for year, data in zip((2023, 2018), two_dates(CLASSES), strict=True)
    ]
    _, told = compare(*paths)
    assert any("BEFORE (2023) is later than AFTER (2018)" in text for text in told.warnings)
    _, told = compare(*paths, date_before="2010-05")
    assert not told.warnings


def test_tiles_of_a_folder_are_one_map(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(WORLDCOVER)
    for year, version, codes in (("2020", "100", before), ("2021", "200", after)):
        for name, col in (("N48E012", 0), ("N48E015", 60)):
            write_raster(
                tmp_path / year / f"ESA_WorldCover_10m_{year}_v{version}_{name}_Map.tif",
                codes[:, col : col + 60],
                transform=Affine(10, 0, EAST + 10 * col, 0, -10, NORTH),
                nodata=0,
            )
    _, told = compare(tmp_path / "2020", tmp_path / "2021")
    np.testing.assert_array_equal(mapped(tmp_path) > 0, before != after)
    assert any("2 files tile the area" in text for text in told.notes)


def test_a_stac_item_gives_its_map(compare: Compare, tmp_path: Path) -> None:
    before, after = two_dates(WORLDCOVER)
    items = []
    for name, codes in ((FIRST, before), (SECOND, after)):
        folder = tmp_path / name[19:23]
        write_raster(folder / name, codes, nodata=0)
        write_raster(folder / name.replace("Map", "InputQuality"), np.zeros((3, 30, 30), np.int16), pixel=40)
        assets = {
            key: {"href": f"./{name.replace('Map', kind)}", "type": "image/tiff; application=geotiff"}
            for key, kind in (("map", "Map"), ("input_quality", "InputQuality"))
        }
        item: dict[str, object] = {"type": "Feature", "stac_version": "1.0.0", "id": name[:-8]}
        item |= {"assets": assets, "links": []}
        item |= {"properties": {"datetime": None}, "geometry": None}
        items.append(folder / "item.json")
        items[-1].write_text(json.dumps(item))
    compare(*items)
    np.testing.assert_array_equal(mapped(tmp_path) > 0, before != after)
