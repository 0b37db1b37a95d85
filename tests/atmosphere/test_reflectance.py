"""One bundle, one map: dark-object subtraction depends on the model and the scene, never on the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.atmosphere.reflectance import for_method, for_model
from geoseg.bundles.find import find_model
from geoseg.grid import Window
from geoseg.learn.samples import find_samples, read_chip, sample_windows
from geoseg.learn.samples.sample_spec import DataSpec
from geoseg.run_record import RunRecord
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.dark_object_scene import (
    as_trained,
    corrected,
    level_of,
    measured_path,
    toa_wavelengths,
    worth_subtracting,
)
from geoseg.spec import (
    Atmosphere,
    ChangeSpec,
    FacilitiesSpec,
    FloodSpec,
    RunSpec,
    SceneSpec,
    SegmentSpec,
)
from geoseg.spec.presets import sensors
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.methane.facility_map import map_facilities
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.classifiers import SENTINEL_2, mean_classifier
from tests.messages import Messages, progress
from tests.methods.dark_objects import dark_object
from tests.products.ground import CRS, write_raster
from tests.tasks.flood.network_bundles import bundle

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
WAVES = np.array((0.4924, 0.5598, 0.6646, 0.8328, 1.6137, 2.2024))
TOA, SURFACE = "sentinel-2-l1c-harmonised", "sentinel-2-l2a-harmonised"
STREETS = (0.04, 0.04, 0.045, 0.055, 0.06, 0.055)
WATER = (0.05, 0.04, 0.02, 0.012, 0.01, 0.01)
FIELDS = (0.05, 0.08, 0.08, 0.28, 0.22, 0.14)
LAKE = 3600
"""Pixels of water."""


def _cube() -> NDArray[np.float64]:
    """Fields, streets in low sun and a lake of 60 x 60 pixels, in surface reflectance (6, 256, 256)."""
    cube = np.empty((6, 256, 256))
    cube[:] = np.array(FIELDS)[:, None, None]
    cube[:, :, 128:] = np.array(STREETS)[:, None, None]
    cube[:, 30:90, 30:90] = np.array(WATER)[:, None, None]
    return cube * np.random.default_rng(0).normal(1, 0.03, cube.shape)


def _scene(
    folder: Path, sensor: str, path: float, name: str = "", bands: tuple[str, ...] = BANDS
) -> SceneSpec:
    """Write bands of the cube with path reflectance, as it is in blue."""
    file = folder / f"{name or f'{sensor}-{path}'}.tif"
    added = path * (WAVES[0] / WAVES) ** 4
    stored = np.rint((_cube() + added[:, None, None]) * 10_000).astype(np.uint16)
    write_raster(file, stored[[BANDS.index(band) for band in bands]], descriptions=bands)
    return SceneSpec(paths=(str(file),), sensor=sensor)


def _open(spec: SceneSpec) -> Scene:
    return open_scene(spec, sensors())


def _run(folder: Path, **options: Any) -> RunSpec:
    return RunSpec(
        output=folder / "map.gpkg", raster=folder / "map.tif", overwrite=True, min_area=0, **options
    )


def _model(folder: Path, atmosphere: Atmosphere | None) -> str:
    """Water where green is above SWIR: by surface reflectance streets are none."""
    path = folder / f"water-{atmosphere}"
    return str(path if path.exists() else bundle(path, ("green", "swir16"), atmosphere=atmosphere))


def test_path_reflectance_is_subtracted(tmp_path: Path, messages: Messages) -> None:
    with _open(_scene(tmp_path, TOA, 0.08)) as above, _open(_scene(tmp_path, SURFACE, 0.0)) as surface:
        clear = for_method(above)
        window = Window(row=0, col=0, height=256, width=256)
        found, expected = (item.read(window, BANDS).physical() for item in (clear, surface))
    # Streets are the dark object: of their own blue, 0.04, all but 0.01 is subtracted too.
    assert (expected[0] - found[0]).mean() == pytest.approx(0.028, abs=0.003)
    assert (expected[0] - found[0]).std() < 1e-4
    np.testing.assert_allclose(found[3:], expected[3:], atol=0.006)
    (note,) = messages.notes
    assert "top-of-atmosphere reflectance, dark-object subtraction (Chavez 1988): blue 0.1" in note


def test_surface_reflectance_stays_as_it_is(tmp_path: Path) -> None:
    with _open(_scene(tmp_path, SURFACE, 0.08)) as scene:
        assert level_of(scene) == "surface"
        assert measured_path(scene) == {}
        assert corrected(scene) is scene
        assert for_method(scene) is scene


def test_what_is_subtracted_is_that_of_the_whole_scene(tmp_path: Path) -> None:
    """A pixel has one value, whatever is cropped."""
    with _open(_scene(tmp_path, TOA, 0.08)) as scene:
        part = scene.clip(bbox=(500_300, 5_499_100, 500_900, 5_499_700), bbox_crs=CRS)
        assert part.grid.height < 70
        assert measured_path(part) == measured_path(scene)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_each_band_is_measured_where_it_is_valid(interleave: str, tmp_path: Path) -> None:
    """However a file orders its values, and whatever is missing in its other bands."""
    stored = np.rint((_cube() + 0.08) * 10_000).astype(np.uint16)
    stored = np.tile(stored, (1, 3, 3))
    stored[1, :, 100:] = 0
    file = write_raster(
        tmp_path / "scene.tif", stored, descriptions=BANDS, nodata=0, interleave=interleave, tiled=True,
        blockxsize=256, blockysize=256,
    )  # fmt: skip
    darkest = {
        band: dark_object(np.where(values == 0, np.nan, values * np.float32(1e-4)).astype(np.float32))
        for band, values in zip(BANDS, stored, strict=True)
    }
    with _open(SceneSpec(paths=(str(file),), sensor=TOA)) as scene:
        expected = worth_subtracting(darkest, toa_wavelengths(scene, BANDS))
        assert measured_path(scene) == pytest.approx(expected, abs=1e-6)


CASES: dict[str, tuple[str, Atmosphere | None, bool, str]] = {
    # The scene, what the model was trained on, whether streets stay dry, and what is told.
    "surface model, toa scene": (TOA, "surface", True, "dark-object subtraction (Chavez 1988)"),
    "surface model, surface scene": (SURFACE, "surface", False, ""),
    "toa model, toa scene": (TOA, "toa", False, ""),
    "toa model, surface scene": (SURFACE, "toa", False, "trained on top-of-atmosphere reflectance: give"),
    "any": (TOA, "any", False, ""),
    "not said": (TOA, None, False, "does not say whether it was trained on surface or top-of-atmosphere"),
}
COMMANDS = ("segment", "flood", "change")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_maps_alike(command: str, case: str, tmp_path: Path, messages: Messages) -> None:
    sensor, atmosphere, dry, what = CASES[case]
    scene, model = _scene(tmp_path, sensor, 0.08), _model(tmp_path, atmosphere)
    run = _run(tmp_path)
    if command == "segment":
        record = map_segments(SegmentSpec(scene=scene, run=run, model=model), progress)
    elif command == "flood":
        record = map_flood(FloodSpec(scene=scene, run=run, model=model), progress)
    else:
        later = _scene(tmp_path, sensor, 0.08, "later")
        record = map_change(ChangeSpec(before=scene, after=later, run=run, model=model), progress)
    assert isinstance(record, RunRecord)
    if command == "change":
        (water,) = (row for row in record.tables["gain_loss"] if row["label"] == "water")
        pixels = float(water["before_ha"]) * 100
        assert not record.classes
    else:
        pixels = float(record.classes[0].pixels)
    assert pixels == pytest.approx(LAKE if dry else LAKE + 256 * 128, rel=0.02)
    texts = [*messages.notes, *messages.warnings]
    wanted = 2 if command == "change" and what else 1
    if what:
        assert sum(what in text for text in texts) == wanted
    else:
        assert not any("dark-object" in text or "trained on" in text for text in texts)


@pytest.mark.parametrize("bbox", [None, (500_200, 5_498_000, 501_500, 5_499_800)])
def test_segment_and_flood_draw_the_same_polygons(
    bbox: tuple[float, float, float, float] | None, tmp_path: Path
) -> None:
    """Whole and cropped, with the defaults of both commands."""
    scene, model = _scene(tmp_path, TOA, 0.08), _model(tmp_path, "surface")
    run = RunSpec(output=tmp_path / "map.gpkg", overwrite=True, bbox=bbox, bbox_crs=CRS)
    map_segments(SegmentSpec(scene=scene, run=run, model=model), progress)
    one = geopandas.read_file(run.output, layer="segments")
    map_flood(FloodSpec(scene=scene, run=run, model=model), progress)
    other = geopandas.read_file(run.output, layer="flood")
    assert len(one) == 1
    assert one.geometry.geom_equals(other.geometry).all()
    assert (one[["pixels", "area_m2"]] == other[["pixels", "area_m2"]]).all(axis=None)


def test_the_network_that_auto_takes_is_given_what_model_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the subtraction streets would be water."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "own"))
    bundle(tmp_path / "own" / "made", ("green", "swir16"), mean=0.02, atmosphere="surface")
    scene = _scene(tmp_path, TOA, 0.08, bands=("green", "swir16"))
    record = map_flood(FloodSpec(scene=scene, run=_run(tmp_path)), progress)
    assert isinstance(record, RunRecord)
    assert record.model is not None
    assert record.model["name"] == "made"
    assert record.classes[0].pixels == pytest.approx(LAKE, rel=0.1)


@pytest.mark.parametrize("atmosphere", ["surface", "toa"])
def test_facilities_are_scored_by_what_the_model_knows(
    atmosphere: Atmosphere, tmp_path: Path, messages: Messages
) -> None:
    given = {**SENTINEL_2, "atmosphere": atmosphere, "bands": [{"name": "blue"}]}
    model = mean_classifier(tmp_path / "mean", [given], gains=[1.0] * 6)
    spec = FacilitiesSpec(
        scene=_scene(tmp_path, TOA, 0.08),
        run=RunSpec(output=tmp_path / "map.gpkg", scores=tmp_path / "scores.tif", overwrite=True),
        model=str(model.weights.parent),
    )
    map_facilities(spec, progress)
    with rasterio.open(tmp_path / "scores.tif") as file:
        mean = float(np.nanmean(file.read(1)))
    blue = _cube()[0, :220, :220].mean()
    expected = blue + 0.08 - (0.108 if atmosphere == "surface" else 0)
    assert mean == pytest.approx(expected, abs=0.004)
    assert any("dark-object" in text for text in messages.notes) == (atmosphere == "surface")


def test_chips_are_read_as_maps_are_made(tmp_path: Path) -> None:
    """What a network trained for surface reflectance sees in training is what it is given later."""
    scene = _scene(tmp_path / "image", TOA, 0.08, "1")
    write_raster(tmp_path / "label" / "1.tif", np.zeros((256, 256), np.uint8))
    data = DataSpec.model_validate(
        {
            "root": tmp_path,
            "images": [{"files": "image/{id}.tif", "sensor": TOA}],
            "labels": {"files": "label/{id}.tif"},
        }
    )
    (place,) = sample_windows(find_samples(data), data)
    with _open(scene) as opened:
        window = opened.grid.window
        for atmosphere in ("surface", "toa", None):
            chip = read_chip(place, data, BANDS, atmosphere)
            expected = as_trained(opened, atmosphere).read(window, BANDS).physical()
            np.testing.assert_array_equal(chip.pixels, expected)
        assert not np.array_equal(expected, read_chip(place, data, BANDS, "surface").pixels)


def test_the_zoo_says_what_it_was_trained_on() -> None:
    assert find_model("water-optical").atmosphere == "surface"
    assert find_model("flood-sar").atmosphere is None


def _water(spec: SceneSpec, folder: Path) -> float:
    """Pixels of water by MNDWI above zero."""
    run = RunSpec(output=folder / "map.gpkg", overwrite=True)
    record = map_flood(FloodSpec(scene=spec, method="mndwi", threshold=0.0, run=run), progress)
    assert isinstance(record, RunRecord)
    return float(record.classes[0].pixels)


def test_methods_take_streets_for_streets(tmp_path: Path) -> None:
    lake = _water(_scene(tmp_path, SURFACE, 0.0), tmp_path)
    assert lake == pytest.approx(LAKE, rel=0.02)
    assert _water(_scene(tmp_path, TOA, 0.08), tmp_path) == pytest.approx(lake, rel=0.05)
    assert _water(_scene(tmp_path, SURFACE, 0.08), tmp_path) > 5 * lake


def test_a_low_sun_is_told_by_every_command(tmp_path: Path, messages: Messages) -> None:
    """The time in the file's name gives the sun's height: December at 45 degrees north."""
    scene = _scene(tmp_path, TOA, 0.08, "S2A_MSIL1C_20231221T103451_x")
    model = find_model(_model(tmp_path, "surface"))
    with _open(scene) as opened:
        messages.clear()
        for_model(opened, model)
        assert any("sun elevation" in text for text in messages.warnings)
        messages.clear()
        for_method(opened)
        assert any("sun elevation" in text for text in messages.warnings)


@pytest.mark.parametrize("command", ["flood", "segment"])
def test_a_city_in_winter(command: str, data_dir: Path, tmp_path: Path, messages: Messages) -> None:
    """There is hardly any water; without the subtraction the network floods a quarter of it."""
    folder = data_dir / "change-s2" / "paris" / "before"
    if not folder.is_dir():
        pytest.skip("the Sentinel-2 pairs are not there")
    scene, run = SceneSpec(paths=(str(folder),), clouds="none"), RunSpec(output=tmp_path / "map.gpkg")
    if command == "flood":
        record = map_flood(FloodSpec(scene=scene, run=run, model="water-optical"), progress)
    else:
        record = map_segments(SegmentSpec(scene=scene, run=run, model="water-optical"), progress)
    assert isinstance(record, RunRecord)
    assert any("the sun elevation was 17 degrees: shadows" in item.text for item in record.warnings)
    assert record.classes[0].area_m2 == pytest.approx(0.95e6, rel=0.02)


def test_auto_leaves_a_city_in_winter_to_a_method(data_dir: Path, tmp_path: Path, messages: Messages) -> None:
    folder = data_dir / "change-s2" / "paris" / "before"
    if not folder.is_dir():
        pytest.skip("the Sentinel-2 pairs are not there")
    run = RunSpec(output=tmp_path / "map.gpkg")
    record = map_flood(FloodSpec(scene=SceneSpec(paths=(str(folder),), clouds="none"), run=run), progress)
    assert isinstance(record, RunRecord)
    assert record.model is None
    assert "MNDWI > 0" in record.method
    assert not any("next to open water" in text for text in messages.notes)
    assert record.classes[0].area_m2 is not None
    assert record.classes[0].area_m2 < 2e5
