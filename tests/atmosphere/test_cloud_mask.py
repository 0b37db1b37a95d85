"""Clouds masked by a network: made once, used like a quality layer, in every command alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.atmosphere.cloud_mask import mask_grid, with_cloud_mask
from geoseg.atmosphere.cloud_network import cloud_network_for
from geoseg.engine import plan
from geoseg.engine.plan import Plan
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.grid import Grid
from geoseg.run_record import RunRecord
from geoseg.scenes import Scene, open_scene
from geoseg.spec import ChangeSpec, CloudSpec, FacilitiesSpec, FloodSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.methane.facility_map import map_facilities
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.classifiers import SENTINEL_2, mean_classifier
from tests.cloud_package import FOUR, PACKAGE, SHADOW, SIX, SURFACE, TOA, cloud_package, cloudy, cloudy_scene
from tests.messages import Messages, progress
from tests.products.ground import BARE, CLOUD, VEGETATION, WATER, write_raster
from tests.third_party import write_item

SIDE = 120


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CloudSpec:
    return cloud_package(tmp_path / "site", monkeypatch)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where masks lie; nothing is left there, whatever a map came to."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


def _run(folder: Path, **options: Any) -> RunSpec:
    return RunSpec(
        output=folder / "map.gpkg", raster=folder / "map.tif", overwrite=True, min_area=0, **options
    )


def _request(path: Path, clouds: str = "auto", sensor: str = TOA, **options: Any) -> SceneSpec:
    return SceneSpec.model_validate({"paths": (str(path),), "sensor": sensor, "clouds": clouds, **options})


def _hidden(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((kinds == CLOUD) | (kinds == SHADOW))


def _unseen(folder: Path) -> NDArray[np.bool_]:
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1) == file.nodata)


def _masked(scene: Path, folder: Path, **options: Any) -> NDArray[np.bool_]:
    """Where a scene is observed once a network has masked it."""
    run = {key: options.pop(key) for key in ("bbox", "bbox_crs", "max_memory", "aoi") if key in options}
    request = _request(scene, **options)
    with ExitStack() as stack:
        opened = stack.enter_context(open_scene(request, sensors()))
        view = with_cloud_mask(opened, request, _run(folder, **run), stack, progress)
        return np.array(view.read(view.grid.window, ("green",)).valid)


@pytest.mark.parametrize("command", ["flood by a method", "flood", "segment", "change", "change by a method"])
def test_every_command_leaves_out_what_the_network_hides(
    command: str, package: CloudSpec, tmp_path: Path, messages: Messages
) -> None:
    kinds = cloudy(SIDE)
    scene, run = _request(cloudy_scene(tmp_path, kinds)), _run(tmp_path)
    classes = [{"value": 0, "name": "land"}, {"value": 1, "name": "water"}]
    item = {"geoseg:atmosphere": "toa"}
    model = str(write_item(tmp_path / "model", [(VEGETATION, BARE, CLOUD), WATER], classes, said=item))
    later = cloudy_scene(tmp_path, np.where(kinds == WATER, WATER, VEGETATION), name="later", seed=1)
    if command == "flood":
        record = map_flood(FloodSpec(scene=scene, run=run, model=model), progress)
    elif command == "flood by a method":
        record = map_flood(FloodSpec(scene=scene, run=run, method="mndwi"), progress)
    elif command == "segment":
        record = map_segments(SegmentSpec(scene=scene, run=run, model=model), progress)
    else:
        own = {"model": model} if command == "change" else {"method": "cva"}
        spec = ChangeSpec.model_validate({"before": scene, "after": _request(later), "run": run, **own})
        record = map_change(spec, progress)
    assert isinstance(record, RunRecord)
    np.testing.assert_array_equal(_unseen(tmp_path), _hidden(kinds))
    assert record.valid_share == pytest.approx(1 - _hidden(kinds).mean())
    assert any("clouds and cloud shadow by Made clouds, 6-toa" in text for text in messages.notes)
    share = f"{_hidden(kinds).mean():.0%} cloud or cloud shadow, not mapped (UKIS-CSMASK)"
    assert any(share in text for text in messages.notes)
    quality: Any = record.inputs[0]["quality"]
    assert quality["layers"][0]["network"]["sha256"] == package.networks[0].sha256
    assert quality["shares"]["cloud"] == pytest.approx((kinds == CLOUD).mean(), abs=1e-4)
    assert quality["shares"]["shadow"] == pytest.approx((kinds == SHADOW).mean(), abs=1e-4)


def test_facilities_leave_out_windows_under_clouds(package: CloudSpec, tmp_path: Path) -> None:
    kinds = np.full((288, 288), VEGETATION, np.uint8)
    kinds[:144] = CLOUD
    model = mean_classifier(tmp_path / "mean", [{**SENTINEL_2, "bands": [{"name": "blue"}]}], gains=[1.0] * 6)
    run = RunSpec(output=tmp_path / "map.gpkg", scores=tmp_path / "scores.tif", overwrite=True)
    scene = _request(cloudy_scene(tmp_path, kinds, pixel=10), sensor=TOA)
    map_facilities(FacilitiesSpec(scene=scene, run=run, model=str(model.weights.parent)), progress)
    with rasterio.open(tmp_path / "scores.tif") as file:
        scores = file.read(1)
    assert np.isnan(scores[:2]).all()
    assert np.isfinite(scores[-2:]).all()


@pytest.mark.parametrize(
    ("bands", "sensor", "file"),
    [(SIX, TOA, "6-toa"), (SIX, SURFACE, "6-surface"), (FOUR, TOA, "4-toa"), (FOUR, SURFACE, "4-surface")],
)
def test_bands_and_level_choose_the_network(
    bands: tuple[str, ...], sensor: str, file: str, package: CloudSpec, tmp_path: Path, messages: Messages
) -> None:
    kinds = cloudy(SIDE)
    found = _masked(cloudy_scene(tmp_path, kinds, bands=bands), tmp_path, sensor=sensor)
    # Those of the surface call nothing a shadow.
    hidden = _hidden(kinds) if sensor == TOA else kinds == CLOUD
    np.testing.assert_array_equal(found, ~hidden)
    assert any(f"Made clouds, {file}, on pixels of 30 m" in text for text in messages.notes)


def test_one_near_infrared_stands_for_the_other(package: CloudSpec, tmp_path: Path) -> None:
    kinds = cloudy(SIDE)
    bands = ("blue", "green", "red", "nir08", "swir16", "swir22")
    scene = cloudy_scene(tmp_path, kinds, bands=bands)
    np.testing.assert_array_equal(_masked(scene, tmp_path, sensor="landsat-8-l1"), ~_hidden(kinds))


@pytest.mark.parametrize(("pixel", "block"), [(10.0, 3), (3.0, 10), (20.0, 2), (60.0, 1), (15.0, 2)])
def test_pixels_are_brought_near_to_those_of_the_network(
    pixel: float, block: int, package: CloudSpec, tmp_path: Path, messages: Messages
) -> None:
    """A cloud of whole blocks is masked to the pixel."""
    kinds = np.full((20 * block + 1, 31 * block), VEGETATION, np.uint8)
    kinds[5 * block : 12 * block, 3 * block : 9 * block] = CLOUD
    scene = cloudy_scene(tmp_path, kinds, pixel=pixel)
    np.testing.assert_array_equal(_masked(scene, tmp_path, clouds="network"), kinds != CLOUD)
    assert any(f"on pixels of {pixel * block:.3g} m" in text for text in messages.notes)


def test_blocks_follow_the_size_of_pixels_along_each_axis() -> None:
    """In degrees, pixels are narrower than high."""
    whole = Grid(crs=CRS(4326), transform=Affine(1e-4, 0, 10, 0, -1e-4, 60), height=1000, width=1000)
    grid = mask_grid(whole, whole, 30.0)
    down, right = grid.pixel_size_m
    assert 25 < down < 36
    assert 25 < right < 36
    assert grid.transform.a > 1.5 * -grid.transform.e


@pytest.mark.parametrize("pixel", [30.0, 10.0])
def test_only_the_area_that_is_mapped_is_looked_at(pixel: float, package: CloudSpec, tmp_path: Path) -> None:
    side = round(1200 * 10 / pixel)
    kinds = np.full((side, side), VEGETATION, np.uint8)
    kinds[::6] = CLOUD
    kinds[1::6] = CLOUD
    kinds[2::6] = CLOUD
    scene = cloudy_scene(tmp_path, kinds, pixel=pixel)
    whole = _masked(scene, tmp_path)
    part = _masked(scene, tmp_path, bbox=(503_000, 5_496_000, 504_000, 5_497_000), bbox_crs="EPSG:32633")
    rows, cols = (slice(round(a / pixel), round(b / pixel)) for a, b in ((3000, 4000), (3000, 4000)))
    np.testing.assert_array_equal(part[rows, cols], whole[rows, cols])
    assert not whole[rows, cols].all()
    # Far from it nothing was looked at.
    assert part[-1].all()
    assert part[:, -1].all()


def test_column_bands_do_not_change_the_mask(
    package: CloudSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "WIDEST", 1)
    kinds = np.full((300, 1500), VEGETATION, np.uint8)
    kinds[100:200, 200:1300] = CLOUD
    scene = cloudy_scene(tmp_path, kinds)
    np.testing.assert_array_equal(_masked(scene, tmp_path), kinds != CLOUD)


def test_auto_asks_no_network_where_the_product_tells_clouds(
    package: CloudSpec, tmp_path: Path, messages: Messages
) -> None:
    """And `network` asks it all the same: what the product says of clouds is left out."""
    kinds = cloudy(SIDE)
    scene = cloudy_scene(tmp_path, kinds, name="S2A_scene_B")
    scl = np.full((SIDE, SIDE), 4, np.uint8)
    scl[:10] = 9
    write_raster(tmp_path / "S2A_scene_SCL.tif", scl, pixel=30, nodata=0)
    paths = (str(scene), str(tmp_path / "S2A_scene_SCL.tif"))
    expected = {"auto": scl != 9, "product": scl != 9, "network": ~_hidden(kinds), "none": scl > 0}
    for clouds, observed in expected.items():
        messages.clear()
        found = _masked(scene, tmp_path, clouds=clouds, paths=paths)
        np.testing.assert_array_equal(found, observed)
        assert any("Made clouds" in text for text in messages.notes) == (clouds == "network")


def test_masks_of_the_user_are_kept_beside_the_network(package: CloudSpec, tmp_path: Path) -> None:
    """They are not looked through: the network sees what lies under them, too."""
    kinds = cloudy(SIDE)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[100:] = 1
    file = write_raster(tmp_path / "mask.tif", mask, pixel=30)
    found = _masked(cloudy_scene(tmp_path, kinds), tmp_path, mask=str(file), mask_dilate=1)
    grown = np.zeros((SIDE + 2, SIDE + 2), np.bool_)
    for row in range(3):
        for col in range(3):
            grown[row : row + SIDE, col : col + SIDE] |= _hidden(kinds) | (mask == 1)
    np.testing.assert_array_equal(found, ~grown[1:-1, 1:-1])


def test_small_scenes_are_not_left_to_a_network_unasked(
    package: CloudSpec, tmp_path: Path, messages: Messages
) -> None:
    kinds = cloudy(60)
    path = cloudy_scene(tmp_path, kinds)
    assert _masked(path, tmp_path).all()
    assert any("60 x 60 pixels of about 30 m are too few" in text for text in messages.notes)
    np.testing.assert_array_equal(_masked(path, tmp_path, clouds="network"), ~_hidden(kinds))


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "no blue": ({"bands": ("green", "red", "nir", "swir16")}, "need blue, green, red, nir as reflectance"),
    "no CRS": ({"crs": None}, "without a CRS the pixel size is unknown"),
    "a sensor that is not known": ({"sensor": "generic"}, "the sensor is unknown: name it"),
    "counts": ({"sensor": "naip"}, "the sensor is unknown: name it"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_scenes_that_no_network_fits(
    case: str, package: CloudSpec, tmp_path: Path, messages: Messages
) -> None:
    options, what = dict(UNFIT[case][0]), UNFIT[case][1]
    sensor = options.pop("sensor", TOA)
    path = cloudy_scene(tmp_path, cloudy(SIDE), **options)
    with pytest.raises(ModelError, match=what) as caught:
        _masked(path, tmp_path, clouds="network", sensor=sensor)
    assert caught.value.exit_code == 4
    messages.clear()
    assert _masked(path, tmp_path, sensor=sensor).all()
    # Of a scene that clouds may hide it is said why the network does not mask them.
    assert any(what in text for text in messages.notes) == (sensor == TOA)


def test_radar_has_no_clouds(package: CloudSpec, tmp_path: Path, messages: Messages) -> None:
    path = write_raster(tmp_path / "sar.tif", np.full((1, 64, 64), -12, np.float32), descriptions=["vv"])
    request = _request(path, sensor="sentinel-1")
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(request, sensors()))
        messages.clear()
        assert with_cloud_mask(scene, request, _run(tmp_path), stack, progress) is scene
        assert not messages.notes


def test_without_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: Messages) -> None:
    spec = cloud_package(tmp_path / "site", monkeypatch)
    missing = spec.model_copy(update={"package": f"{PACKAGE}_that_is_not_there"})
    monkeypatch.setattr("geoseg.atmosphere.cloud_network.cloud_networks", lambda: (missing,))
    path = cloudy_scene(tmp_path, cloudy(SIDE))
    with pytest.raises(RuntimeMissingError, match=r"pip install 'geoseg\[clouds\]'") as caught:
        _masked(path, tmp_path, clouds="network")
    assert caught.value.exit_code == 5
    assert _masked(path, tmp_path).all()
    assert not messages.notes
    # Then the plain screen warns.
    map_flood(FloodSpec(scene=_request(path), run=_run(tmp_path), method="mndwi"), progress)
    assert any("looks like cloud or snow" in text for text in messages.warnings)


@pytest.mark.parametrize("fault", ["another file", "no file"])
def test_a_package_that_holds_something_else(
    fault: str, package: CloudSpec, tmp_path: Path, messages: Messages
) -> None:
    file = tmp_path / "site" / PACKAGE / "6-toa.onnx"
    file.unlink()
    if fault == "another file":
        file.write_bytes((tmp_path / "site" / PACKAGE / "6-surface.onnx").read_bytes())
    what = "SHA-256 is" if fault == "another file" else "pip install 'geoseg-made-clouds>=1'"
    path = cloudy_scene(tmp_path, cloudy(SIDE))
    with pytest.raises(ModelError, match=what):
        _masked(path, tmp_path, clouds="network")
    assert _masked(path, tmp_path).all()
    assert any(what in text for text in (*messages.notes, *messages.warnings))


def test_a_dry_run_makes_no_mask(package: CloudSpec, tmp_path: Path, messages: Messages) -> None:
    spec = FloodSpec(scene=_request(cloudy_scene(tmp_path, cloudy(SIDE))), run=_run(tmp_path))
    assert isinstance(map_flood(spec, progress, dry_run=True), Plan)
    assert any(
        "Made clouds masks clouds first; the plan does not include it" in text for text in messages.notes
    )
    assert not any("network runs on" in text and text.startswith("clouds:") for text in messages.notes)


def test_a_mask_is_gone_when_the_map_fails(package: CloudSpec, tmp_path: Path) -> None:
    """The fixture looks at what is left."""
    scene = _request(cloudy_scene(tmp_path, cloudy(SIDE)))
    with pytest.raises(ModelError):
        map_segments(SegmentSpec(scene=scene, run=_run(tmp_path), model="no-such-model-at-all"), progress)
    wrong = write_item(
        tmp_path / "model", [WATER, VEGETATION], [{"value": 0}, {"value": 1}], said={"geoseg:units": "db"}
    )
    with pytest.raises(ModelError):
        map_segments(SegmentSpec(scene=scene, run=_run(tmp_path), model=str(wrong)), progress)


def test_the_code_of_the_package_is_not_imported(package: CloudSpec, tmp_path: Path) -> None:
    """It would raise."""
    request = _request(cloudy_scene(tmp_path, cloudy(SIDE)))
    with open_scene(request, sensors()) as scene:
        assert isinstance(scene, Scene)
        _, model = cloud_network_for(scene)
    assert model.weights == tmp_path / "site" / PACKAGE / "6-toa.onnx"
