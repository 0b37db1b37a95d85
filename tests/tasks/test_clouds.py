"""Clouds are told where they are, and not where they are not."""

from __future__ import annotations

from pathlib import Path

from geoseg.catalog.presets import sensors
from geoseg.report import RunRecord
from geoseg.scenes import open_scene
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.clouds import cloud_warning
from geoseg.tasks.flood import map_flood
from tests.told import Told


def test_a_cloudy_scene_is_told(data_dir: Path) -> None:
    with open_scene(SceneSpec(paths=(str(data_dir / "landsat8-l1"),)), sensors()) as scene:
        text = cloud_warning(scene)
    assert text is not None
    assert "cloud" in text


def test_a_network_does_not_see_through_clouds(data_dir: Path, tmp_path: Path) -> None:
    scene = SceneSpec(paths=(str(data_dir / "landsat8-l1"),))
    record = map_flood(
        FloodSpec(scene=scene, model="water-optical", run=RunSpec(output=tmp_path / "a.gpkg")), Told()
    )
    assert isinstance(record, RunRecord)
    assert record.method.startswith("network water-optical: ")
    assert any("looks like cloud" in text for text in record.warnings)


def test_a_map_without_a_crs_is_told_once(data_dir: Path, tmp_path: Path) -> None:
    scene = SceneSpec(paths=(str(data_dir / "water-hls" / "image" / "0.tif"),), sensor="hls")
    told = Told()
    map_flood(FloodSpec(scene=scene, run=RunSpec(output=tmp_path / "a.gpkg")), told)
    assert sum("no CRS" in text for text in told.warnings) == 1


def test_a_clear_scene_is_not(data_dir: Path) -> None:
    folder = data_dir / "change-s2" / "nantes" / "after"
    with open_scene(SceneSpec(paths=(str(folder),)), sensors()) as scene:
        assert cloud_warning(scene) is None


def test_radar_has_no_clouds(data_dir: Path) -> None:
    with open_scene(SceneSpec(paths=(str(data_dir / "sar-dem" / "test_features"),)), sensors()) as scene:
        assert cloud_warning(scene) is None
