"""Maps of scenes with clouds, shadows and layover: not observed there, and right everywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.grid import Window
from geoseg.learn.samples import DataSpec, ImageSpec, LabelSpec
from geoseg.learn.samples.chips import SampleWindow, read_chip
from geoseg.learn.samples.sample_files import find_samples
from geoseg.run_record import RunRecord
from geoseg.spec import NOT_MAPPED, ChangeSpec, FloodSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import Messages, progress
from tests.products.ground import CLOUD, EAST, NORTH, SIDE, WATER, Ground, lake, write_raster
from tests.products.quality import LAYOUTS, Layout, Says, conditions

BY_KIND = {layout.kind: layout for layout in LAYOUTS}
MASKED = ("landsat-qa-pixel", "sentinel-2-scl", "hls-fmask", "planet-udm2", "landsat-bqa")


def clouded(says: Says, seed: int = 0) -> Ground:
    """A lake among fields under bright clouds; cloud shadows and saturated pixels are as dark as water."""
    kinds = lake()
    kinds[says == "cloud"] = CLOUD
    kinds[np.isin(says, ["shadow", "saturated"])] = WATER
    return Ground(kinds=kinds, seed=seed)


def hidden(says: Says) -> NDArray[np.bool_]:
    return np.isin(says, NOT_MAPPED)


def run(folder: Path, **more: Any) -> RunSpec:
    return RunSpec.model_validate(
        {
            "output": folder / "map.gpkg",
            "raster": folder / "map.tif",
            "min_area": 0,
            "overwrite": True,
            **more,
        }
    )


def classes(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Class values and where they were observed."""
    with rasterio.open(folder / "map.tif") as file:
        return file.read(1).astype(np.int64), file.read_masks(1) != 0


@pytest.mark.parametrize("kind", MASKED)
@pytest.mark.parametrize("clouds", ["auto", "product"])
def test_water_under_clouds_is_not_observed(
    kind: str, clouds: str, tmp_path: Path, messages: Messages
) -> None:
    layout = BY_KIND[kind]
    says = conditions(layout.names)
    scene = SceneSpec.model_validate(
        {"paths": (str(layout.write(tmp_path, clouded(says), says)),), "clouds": clouds}
    )
    record = map_flood(FloodSpec(scene=scene, method="classical", run=run(tmp_path)), progress)
    assert isinstance(record, RunRecord)
    found, seen = classes(tmp_path)
    np.testing.assert_array_equal(seen, ~hidden(says))
    assert record.valid_share == pytest.approx(1 - hidden(says).mean())
    water = (lake() == WATER) & seen
    assert ((found == 1) & water).sum() >= 0.98 * ((found == 1) & seen | water).sum()
    assert any("cloud or cloud shadow, not mapped" in note for note in messages.notes)
    assert not any("looks like cloud" in text for text in messages.warnings)
    assert record.inputs[0]["quality"]["shares"]["cloud"] == pytest.approx(400 / SIDE**2, abs=1e-4)  # type: ignore[index,call-overload]


def test_radar_layover_is_not_observed(tmp_path: Path, messages: Messages) -> None:
    layout = BY_KIND["hyp3-ls-map"]
    says = conditions(layout.names)
    scene = SceneSpec(paths=(str(layout.write(tmp_path, Ground(), says)),))
    map_flood(FloodSpec(scene=scene, run=run(tmp_path)), progress)
    np.testing.assert_array_equal(classes(tmp_path)[1], ~hidden(says))
    assert any("layover or radar shadow, not mapped" in note for note in messages.notes)


def test_clouds_do_not_move_the_threshold(tmp_path: Path) -> None:
    layout = BY_KIND["landsat-qa-pixel"]
    says = np.full((SIDE, SIDE), "clear", object)
    says[:70] = "cloud"
    thresholds = []
    for name, ground, mask in (
        ("clear", Ground(), np.full_like(says, "clear")),
        ("cloudy", clouded(says), says),
    ):
        scene = SceneSpec(paths=(str(layout.write(tmp_path / name, ground, mask)),))
        record = map_flood(FloodSpec(scene=scene, method="mndwi", run=run(tmp_path)), progress)
        assert isinstance(record, RunRecord)
        thresholds.append(float(str(record.runtime["threshold"])))
    assert thresholds[0] == pytest.approx(thresholds[1], abs=0.03)


def change(root: Path, layout: Layout, *says: Says) -> RunRecord:
    """Map the change of one ground between two dates, each under its own clouds."""
    scenes = [
        SceneSpec(paths=(str(layout.write(root / str(seed), clouded(mask, seed), mask)),))
        for seed, mask in enumerate(says)
    ]
    record = map_change(ChangeSpec(before=scenes[0], after=scenes[1], run=run(root)), progress)
    assert isinstance(record, RunRecord)
    return record


@pytest.mark.parametrize("kind", MASKED)
@pytest.mark.parametrize("date", ["before", "after"])
def test_clouds_of_either_date_are_no_change(kind: str, date: str, tmp_path: Path) -> None:
    layout = BY_KIND[kind]
    says, clear = conditions(layout.names), conditions(())
    record = change(tmp_path, layout, says if date == "before" else clear, says if date == "after" else clear)
    assert isinstance(record, RunRecord)
    found, seen = classes(tmp_path)
    np.testing.assert_array_equal(seen, ~hidden(says))
    snow = says == "snow"  # mapped, and the same ground on both dates
    assert (found[seen & ~snow] != 0).mean() < 0.005


def test_both_dates_hide_their_own_clouds(tmp_path: Path) -> None:
    layout = BY_KIND["hls-fmask"]
    first, second = conditions(("cloud",)), np.roll(conditions(("shadow",)), 90, axis=0)
    change(tmp_path, layout, first, second)
    np.testing.assert_array_equal(classes(tmp_path)[1], ~(hidden(first) | hidden(second)))


@pytest.mark.parametrize("kind", ["landsat-qa-pixel", "sentinel-2-scl"])
def test_networks_do_not_see_through_clouds(kind: str, tmp_path: Path) -> None:
    layout = BY_KIND[kind]
    says = conditions(layout.names)
    stack = layout.write(tmp_path, clouded(says), says)
    scene = SceneSpec(paths=(str(stack),))
    with pytest.raises(Exception, match="swir22"):
        map_segments(SegmentSpec(scene=scene, model="water-optical", run=run(tmp_path)), progress)
    for path in stack.iterdir():
        if "B6." in path.name or "B11" in path.name:
            name = path.name.replace("B6.", "B7.").replace("B11", "B12")
            (stack / name).write_bytes(path.read_bytes())
    map_segments(SegmentSpec(scene=scene, model="water-optical", run=run(tmp_path)), progress)
    np.testing.assert_array_equal(classes(tmp_path)[1], ~hidden(says))


def test_hidden_pixels_are_neither_trained_on_nor_judged(tmp_path: Path) -> None:
    layout = BY_KIND["hls-fmask"]
    says = conditions(layout.names)
    layout.write(tmp_path / "image", clouded(says), says)
    write_raster(tmp_path / "label" / f"{layout.folder}.tif", (lake() == WATER).astype(np.uint8), pixel=30)
    for clouds, expected in (("auto", ~hidden(says)), ("none", np.ones((SIDE, SIDE), np.bool_))):
        data = DataSpec(
            root=tmp_path,
            images=(ImageSpec.model_validate({"files": "image/{id}", "clouds": clouds}),),
            labels=LabelSpec(files="label/{id}.tif"),
        )
        (sample,) = find_samples(data)
        place = SampleWindow(
            sample=sample, window=Window(row=0, col=0, height=SIDE, width=SIDE), centre=(0.0, 0.0)
        )
        chip = read_chip(place, data, ("green", "swir16"))
        np.testing.assert_array_equal(chip.label != 255, expected)


@pytest.mark.parametrize(("east", "covered"), [(400_000.0, "0%"), (90 * 30.0, "50%"), (0.0, "")])
def test_a_layer_that_does_not_cover_the_scene_is_warned_of(
    east: float, covered: str, tmp_path: Path, messages: Messages
) -> None:
    layout = BY_KIND["landsat-qa-pixel"]
    folder = layout.write(tmp_path, Ground(), conditions(()))
    codes = np.full((SIDE, SIDE), layout.codes["clear"], np.uint16)
    place = Affine(30, 0, EAST + east, 0, -30, NORTH)
    write_raster(folder / layout.layer, codes, transform=place)
    map_flood(FloodSpec(scene=SceneSpec(paths=(str(folder),)), method="mndwi", run=run(tmp_path)), progress)
    warned = [text for text in messages.warnings if "QA_PIXEL: a layer covers only" in text]
    assert len(warned) == bool(covered)
    assert all(f"only {covered} of the scene" in text for text in warned)
