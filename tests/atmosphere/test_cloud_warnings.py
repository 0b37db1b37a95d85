"""Clouds are told where they are, and not where they are not."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoseg.atmosphere.cloud_warnings import cloud_warning, warn_of_low_sun
from geoseg.run_record import RunRecord
from geoseg.scenes import open_scene
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.flood.flood_map import map_flood
from tests.messages import Messages, progress


def test_a_cloudy_scene_is_told(data_dir: Path) -> None:
    with open_scene(SceneSpec(paths=(str(data_dir / "landsat8-l1"),)), sensors()) as scene:
        text = cloud_warning(scene)
    assert text is not None
    assert "cloud" in text


@pytest.mark.parametrize("clouds", ["auto", "none"])
def test_clouds_are_masked_by_the_product_or_warned_of(
    data_dir: Path, tmp_path: Path, clouds: Literal["auto", "none"]
) -> None:
    scene = SceneSpec(paths=(str(data_dir / "landsat8-l1"),), clouds=clouds)
    record = map_flood(
        FloodSpec(scene=scene, model="water-optical", run=RunSpec(output=tmp_path / "a.gpkg")), progress
    )
    assert isinstance(record, RunRecord)
    assert record.method.startswith("network water-optical: ")
    warned = any("looks like cloud" in item.text for item in record.warnings)
    told = any("cloud or cloud shadow, not mapped" in text for text in record.notes)
    assert (warned, told) == ((False, True) if clouds == "auto" else (True, False))
    assert (record.valid_share < 0.7) == (clouds == "auto")


def test_a_map_without_a_crs_is_told_once(data_dir: Path, tmp_path: Path, messages: Messages) -> None:
    scene = SceneSpec(paths=(str(data_dir / "water-hls" / "image" / "0.tif"),), sensor="hls")
    map_flood(FloodSpec(scene=scene, run=RunSpec(output=tmp_path / "a.gpkg")), progress)
    assert sum("no CRS" in text for text in messages.warnings) == 1


def test_a_clear_scene_is_not(data_dir: Path) -> None:
    folder = data_dir / "change-s2" / "nantes" / "after"
    with open_scene(SceneSpec(paths=(str(folder),)), sensors()) as scene:
        assert cloud_warning(scene) is None


def test_radar_has_no_clouds(data_dir: Path) -> None:
    with open_scene(SceneSpec(paths=(str(data_dir / "sar-dem" / "test_features"),)), sensors()) as scene:
        assert cloud_warning(scene) is None


WINTER, NOON = datetime(2016, 11, 30, 11, tzinfo=UTC), datetime(2016, 6, 21, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "low"),
    [
        (WINTER, True),
        (datetime(2016, 11, 30, tzinfo=UTC), True),  # the day alone
        (NOON, False),
        (NOON.replace(hour=20), False),  # the hour of processing
    ],
)
def test_a_low_sun_is_told(moment: datetime, low: bool, tmp_path: Path, messages: Messages) -> None:
    path = tmp_path / "scene.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 8, "width": 8, "dtype": "uint16"}
    place = Affine(10, 0, 450_000, 0, -10, 5_411_000)
    with rasterio.open(path, "w", crs="EPSG:32631", transform=place, **profile) as file:
        file.write(np.ones((1, 8, 8), np.uint16))
    with open_scene(SceneSpec(paths=(str(path),), bands={"blue": str(path)}), sensors()) as opened:
        opened.time = moment
        warn_of_low_sun(opened)
    assert messages.codes == ["low-sun"] * low
    assert all(re.search("the sun elevation was 1[79] degrees", text) for text in messages.warnings)
