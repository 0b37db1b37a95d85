"""Maps by networks of others: channels last, classes in any order, and the background wherever it stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.bundles.find import check_bundle, find_model
from geoseg.errors import UsageError
from geoseg.run_record import RunRecord
from geoseg.runtimes.loading import runtime_module
from geoseg.spec import ChangeSpec, FloodSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import progress
from tests.products.ground import BARE, CLOUD, CRS, VEGETATION, WATER, Ground, lake, write_raster
from tests.third_party import BANDS, Order, write_item

LAND = (VEGETATION, BARE, CLOUD)


def scene(folder: Path, ground: Ground | None = None, name: str = "scene") -> Path:
    """Sentinel-2 surface reflectance of the made ground."""
    ground = ground or Ground()
    values = np.stack([ground.reflectance(band) for band in BANDS])
    return write_raster(folder / f"{name}.tif", values.astype(np.float32), descriptions=BANDS, crs=CRS)


def segment(scene: Path, model: Path, folder: Path, **options: Any) -> RunRecord:
    run = RunSpec(
        output=folder / "map.gpkg", raster=folder / "map.tif", overwrite=True, min_area=0, **options
    )
    sensor = "sentinel-2-l2a-harmonised"
    spec = SegmentSpec(scene=SceneSpec(paths=(str(scene),), sensor=sensor), run=run, model=str(model))
    record = map_segments(spec, progress)
    assert isinstance(record, RunRecord)
    return record


def mapped(folder: Path) -> NDArray[np.uint8]:
    with rasterio.open(folder / "map.tif") as file:
        values: NDArray[np.uint8] = file.read(1)
    return values


def polygons(folder: Path, layer: str = "segments") -> geopandas.GeoDataFrame:
    return geopandas.read_file(folder / "map.gpkg", layer=layer)


def named(*classes: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"value": value, "name": name} for value, name in classes]


@pytest.fixture(params=("onnxruntime", "openvino"))
def runtime(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if not runtime_module(name).status().usable:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.mark.parametrize("tile", [None, 64], ids=["free", "fixed"])
@pytest.mark.parametrize(
    ("order", "output_order"),
    [(CHANNELS_LAST, CHANNELS_LAST), (CHANNELS_LAST, CHANNELS_FIRST), (CHANNELS_FIRST, CHANNELS_LAST)],
    ids=["last", "last-to-first", "first-to-last"],
)
def test_channels_last_give_the_map_of_channels_first(
    order: Order, output_order: Order, tile: int | None, runtime: str, tmp_path: Path
) -> None:
    classes = named((0, "other"), (1, "water"), (2, "forest"))
    kinds: Sequence[Any] = ((BARE, CLOUD), WATER, VEGETATION)
    ground = Ground(noise=0.08)
    place = scene(tmp_path, ground)
    first = write_item(tmp_path / "first", kinds, classes, tile=tile)
    last = write_item(tmp_path / "last", kinds, classes, tile=tile, order=order, output_order=output_order)
    folders = [tmp_path / name for name in ("a", "b")]
    for folder, model in zip(folders, (first, last), strict=True):
        folder.mkdir()
        segment(place, model, folder, runtime=runtime, precision="fp32", device="cpu")
    np.testing.assert_array_equal(mapped(folders[0]), mapped(folders[1]))
    one, other = (polygons(folder) for folder in folders)
    assert len(one) > 10
    assert one.geometry.geom_equals(other.geometry).all()
    assert (one[["class", "pixels"]] == other[["class", "pixels"]]).all(axis=None)
    # And it is the made ground, but for noise.
    assert np.mean((mapped(folders[0]) == 1) == ground.water) > 0.95
    assert not [item for item in check_bundle(last) if item.level == "error"]


CASES: dict[str, tuple[list[dict[str, Any]], Any, int | None]] = {
    # Classes as listed (the first plane is land, the second water), the key, and the background's value.
    "by name": (named((2, "land"), (1, "water")), ..., 2),
    "background by name": (named((1, "background"), (0, "open_water")), ..., 1),
    "denied": (named((5, "no-water"), (3, "water")), ..., 5),
    "by value": (named((0, "a"), (1, "b")), ..., 0),
    "by the key's value": (named((7, "a"), (3, "b")), 7, 7),
    "by the key's name": (named((0, "a"), (3, "b")), "a", 0),
    "none": (named((0, "a"), (1, "b")), None, None),
    "not said": (named((1, "a"), (2, "b")), ..., None),
}


@pytest.mark.parametrize("turned", [False, True], ids=["land first", "water first"])
@pytest.mark.parametrize("case", CASES)
def test_the_background_gets_no_polygons_wherever_it_stands(case: str, turned: bool, tmp_path: Path) -> None:
    classes, key, background = CASES[case]
    land, water = (entry["value"] for entry in classes)
    kinds: list[Any] = [LAND, WATER]
    if turned:
        classes, kinds = classes[::-1], kinds[::-1]
    said = {} if key is ... else {"geoseg:background": key}
    model = write_item(tmp_path / "model", kinds, classes, said=said)
    ground = Ground()
    record = segment(scene(tmp_path, ground), model, tmp_path)
    np.testing.assert_array_equal(mapped(tmp_path), np.where(ground.water, water, land))
    wanted = {value for value in (land, water) if value != background}
    assert set(polygons(tmp_path)["class"]) == wanted
    assert {item.value for item in record.classes} == wanted
    assert {item.value: item.pixels for item in record.classes}[water] == ground.water.sum()
    styles = geopandas.read_file(tmp_path / "map.gpkg", layer="layer_styles")
    style = styles.set_index("f_table_name").loc["segments", "styleQML"]
    assert [f'value="{value}"' in style for value in (land, water)] == [
        value in wanted for value in (land, water)
    ]


def test_one_plane_is_that_of_the_class_that_is_not_the_background(tmp_path: Path) -> None:
    """Whoever lists water first means it all the same."""
    ground = Ground()
    place = scene(tmp_path, ground)
    for listed in (named((0, "land"), (1, "water")), named((1, "water"), (0, "land"))):
        model = write_item(tmp_path / f"model-{listed[0]['value']}", [WATER], listed)
        segment(place, model, tmp_path)
        np.testing.assert_array_equal(mapped(tmp_path) == 1, ground.water)


def test_a_first_class_that_is_no_background_is_mapped(tmp_path: Path) -> None:
    """Land cover that counts from 0: water is a class as good as any other."""
    classes = named((0, "water"), (1, "trees"), (2, "bare ground"))
    model = write_item(tmp_path / "model", [WATER, VEGETATION, (BARE, CLOUD)], classes)
    ground = Ground()
    segment(scene(tmp_path, ground), model, tmp_path)
    table = polygons(tmp_path)
    assert set(table["class"]) == {0, 1, 2}
    assert table.loc[table["class"] == 0, "pixels"].sum() == ground.water.sum()
    assert set(table.loc[table["class"] == 0, "label"]) == {"water"}


@pytest.mark.parametrize("at", [0, 2], ids=["first", "last"])
def test_a_class_that_means_no_data_is_not_observed(at: int, tmp_path: Path) -> None:
    kinds = lake()
    kinds[:30] = CLOUD
    ground = Ground(kinds=kinds)
    classes = named((1, "land"), (2, "water"))
    planes: list[int | tuple[int, ...]] = [(VEGETATION, BARE), WATER]
    classes.insert(at, {"value": 0, "name": "no data", "nodata": True})
    planes.insert(at, CLOUD)
    model = write_item(tmp_path / "model", planes, classes, said={"geoseg:background": "land"})
    record = segment(scene(tmp_path, ground), model, tmp_path)
    expected = np.where(kinds == CLOUD, 255, np.where(ground.water, 2, 1))
    np.testing.assert_array_equal(mapped(tmp_path), expected)
    assert record.valid_share == pytest.approx(150 / 180)
    assert [item.value for item in record.classes] == [2]
    # Both dates of a change, likewise.
    run = RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif", overwrite=True, min_area=0)
    scenes = [scene(tmp_path, item, name) for item, name in ((ground, "a"), (Ground(seed=1), "b"))]
    before, after = (SceneSpec(paths=(str(path),), sensor="sentinel-2-l2a-harmonised") for path in scenes)
    map_change(ChangeSpec(before=before, after=after, run=run, model=str(model)), progress)
    np.testing.assert_array_equal(mapped(tmp_path), np.where(kinds == CLOUD, 255, 0))


def test_filled_holes_keep_the_values_of_their_classes(tmp_path: Path) -> None:
    """Water is 0 here, and the background 1: what is filled becomes 0 in the raster."""
    kinds = lake()
    kinds[88:92, 88:92] = BARE
    ground = Ground(kinds=kinds)
    model = write_item(tmp_path / "model", [WATER, LAND], named((0, "water"), (1, "background")))
    segment(scene(tmp_path, ground), model, tmp_path, fill_holes=10_000.0)
    expected = np.where(ground.water, 0, 1)
    expected[88:92, 88:92] = 0
    np.testing.assert_array_equal(mapped(tmp_path), expected)
    (row,) = polygons(tmp_path).to_dict("records")
    assert (row["class"], row["label"], row["pixels"]) == (0, "water", ground.water.sum() + 16)


def test_flood_takes_the_class_that_is_not_the_background(tmp_path: Path) -> None:
    ground = Ground()
    place = SceneSpec(paths=(str(scene(tmp_path, ground)),), sensor="sentinel-2-l2a-harmonised")
    run = RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif", overwrite=True, min_area=0)
    for number, listed in enumerate((named((1, "water"), (2, "land")), named((0, "water"), (1, "other")))):
        model = write_item(tmp_path / f"model-{number}", [WATER, LAND], listed)
        map_flood(FloodSpec(scene=place, run=run, model=str(model)), progress)
        np.testing.assert_array_equal(mapped(tmp_path) == 1, ground.water)
    unsaid = write_item(tmp_path / "unsaid", [WATER, LAND], named((1, "a"), (2, "b")))
    with pytest.raises(UsageError, match="does not name the class \\(a or b\\) that is not water"):
        map_flood(FloodSpec(scene=place, run=run, model=str(unsaid)), progress)


def test_change_compares_classes_in_any_order(tmp_path: Path) -> None:
    """From land to water, whichever is listed first."""
    dry = lake()
    dry[dry == WATER] = BARE
    scenes = [scene(tmp_path, item, name) for item, name in ((Ground(kinds=dry), "a"), (Ground(seed=1), "b"))]
    before, after = (SceneSpec(paths=(str(path),), sensor="sentinel-2-l2a-harmonised") for path in scenes)
    run = RunSpec(output=tmp_path / "map.gpkg", overwrite=True, min_area=0)
    model = write_item(tmp_path / "model", [WATER, LAND], named((0, "water"), (3, "land")))
    map_change(ChangeSpec(before=before, after=after, run=run, model=str(model)), progress)
    (row,) = polygons(tmp_path, "change").to_dict("records")
    assert (row["from_class"], row["from_label"], row["to_class"], row["to_label"]) == (3, "land", 0, "water")
    assert row["pixels"] == Ground().water.sum()


def test_what_is_written_again_says_the_same(tmp_path: Path) -> None:
    from geoseg.bundles.find import write_bundle  # noqa: PLC0415 - beside what it is compared with

    classes = [*named((1, "water"), (2, "land")), {"value": 0, "name": "no data", "nodata": True}]
    said = {"geoseg:background": "land", "geoseg:atmosphere": "toa"}
    model = write_item(
        tmp_path / "model", [WATER, LAND, CLOUD], classes, order=CHANNELS_LAST, tile=64, said=said
    )
    spec = find_model(str(model))
    again = write_bundle(tmp_path / "again", spec)
    assert find_model(str(tmp_path / "again")) == again
    for name in ("dim_order", "output_dim_order", "background", "nodata", "planes", "classes", "atmosphere"):
        assert getattr(again, name) == getattr(spec, name)
