"""Clouds are told where they are, and not where they are not."""

from __future__ import annotations

from pathlib import Path

from geoseg.catalog.presets import sensors
from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.tasks.clouds import cloud_warning


def test_a_cloudy_scene_is_told(data_dir: Path) -> None:
    with open_scene(SceneSpec(paths=(str(data_dir / "landsat8-l1"),)), sensors()) as scene:
        text = cloud_warning(scene)
    assert text is not None
    assert "cloud" in text


def test_a_clear_scene_is_not(data_dir: Path) -> None:
    folder = data_dir / "change-s2" / "nantes" / "after"
    with open_scene(SceneSpec(paths=(str(folder),)), sensors()) as scene:
        assert cloud_warning(scene) is None


def test_radar_has_no_clouds(data_dir: Path) -> None:
    with open_scene(SceneSpec(paths=(str(data_dir / "sar-dem" / "test_features"),)), sensors()) as scene:
        assert cloud_warning(scene) is None
