"""Change between two maps of classes: every pixel whose class differs, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.classmaps import write_map
from tests.messages import Messages, listening, progress
from tests.products import classmaps
from tests.products.classmaps import NAMES, NEW_LAKE, NEW_TOWN, SIDE, two_dates
from tests.products.ground import EAST, NORTH, write_raster

Codes = NDArray[Any]
Compare = Callable[..., tuple[RunRecord, Messages]]

CLASSES = {"water": 1, "forest": 2, "meadow": 3, "town": 4}
WORLDCOVER = {"tree": 10, "grass": 30, "town": 50, "water": 80}
FIRST, SECOND = "ESA_WorldCover_10m_2020_v100_N48E012_Map.tif", "ESA_WorldCover_10m_2021_v200_N48E012_Map.tif"


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Map the change between two files."""

    def run(before: Path, after: Path, **options: object) -> tuple[RunRecord, Messages]:
        own = {name: options.pop(name) for name in list(options) if name in RunSpec.model_fields}
        outputs = {"output": tmp_path / "map.gpkg", "raster": tmp_path / "map.tif", "overwrite": True}
        spec = ChangeSpec.model_validate(
            {
                "before": SceneSpec(paths=(str(before),)),
                "after": SceneSpec(paths=(str(after),)),
                "run": {**outputs, **own},
                **options,
            }
        )
        with listening() as told:
            record = map_change(spec, progress)
        assert isinstance(record, RunRecord)
        return record, told

    return run


def mapped(folder: Path) -> Codes:
    """The class raster of the change."""
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1))


def polygons(folder: Path) -> Any:
    """The polygons of the change."""
    return pyogrio.read_dataframe(folder / "map.gpkg", layer="change")


def pixels_by_pair(table: Any) -> dict[tuple[int, int], int]:
    """Pixels by code before and after."""
    sums = table.groupby(["from_class", "to_class"])["pixels"].sum()
    return {(int(first), int(second)): int(count) for (first, second), count in sums.items()}


def expected_pairs(before: Codes, after: Codes, seen: NDArray[np.bool_] | None = None) -> dict[Any, int]:
    """The same, of the codes themselves."""
    differs = (before != after) & (np.ones(before.shape, bool) if seen is None else seen)
    pairs, counts = np.unique(np.stack([before[differs], after[differs]]), axis=1, return_counts=True)
    return {
        (int(first), int(second)): int(count) for first, second, count in zip(*pairs, counts, strict=True)
    }


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
        with pytest.raises(BandError, match="if both are class maps, give --method classes"):
            compare(*paths)


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
    with pytest.raises(UsageError, match="--method cva compares scenes"):
        compare(*paths, method="cva")
    with pytest.raises(UsageError, match="there are auto, classes, mad"):
        compare(*paths, method="magic")
    _, told = compare(*paths, coregister=True, threshold=3.0)
    assert any("--threshold, --coregister: not used between class maps" in text for text in told.warnings)


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
