"""Scenes from above the atmosphere are mapped as they would be on the ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.catalog.presets import sensors
from geoseg.grid import Window
from geoseg.report import RunRecord
from geoseg.scenes import Scene, open_scene
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.air import cleared, wavelengths_from_above
from geoseg.tasks.flood import map_flood
from geoseg.tasks.mapping import Ledger
from tests.told import Told

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
WAVES = np.array((0.4924, 0.5598, 0.6646, 0.8328, 1.6137, 2.2024))
ABOVE, GROUND = "sentinel-2-l1c-harmonised", "sentinel-2-l2a-harmonised"
STREETS = (0.04, 0.04, 0.045, 0.055, 0.06, 0.055)
WATER = (0.05, 0.04, 0.02, 0.012, 0.01, 0.01)
FIELDS = (0.05, 0.08, 0.08, 0.28, 0.22, 0.14)


def _cube() -> NDArray[np.float64]:
    """Fields, streets in low sun and a lake of 60 x 60 pixels, in reflectance of the ground (6, 256, 256)."""
    cube = np.empty((6, 256, 256))
    cube[:] = np.array(FIELDS)[:, None, None]
    cube[:, :, 128:] = np.array(STREETS)[:, None, None]
    cube[:, 30:90, 30:90] = np.array(WATER)[:, None, None]
    return cube * np.random.default_rng(0).normal(1, 0.03, cube.shape)


def _scene(folder: Path, sensor: str, air: float) -> SceneSpec:
    """Write the cube with the light of the air, as it is in blue."""
    path = folder / f"{sensor}-{air}.tif"
    light = air * (WAVES[0] / WAVES) ** 4
    stored = np.rint((_cube() + light[:, None, None]) * 10_000).astype(np.uint16)
    place = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    profile = {"driver": "GTiff", "count": 6, "height": 256, "width": 256, "dtype": "uint16"}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=place, **profile) as file:
        file.write(stored)
        file.descriptions = BANDS
    return SceneSpec(paths=(str(path),), sensor=sensor)


def _open(spec: SceneSpec) -> Scene:
    return open_scene(spec, sensors())


def test_what_the_air_adds_is_taken_off(tmp_path: Path) -> None:
    told = Told()
    with _open(_scene(tmp_path, ABOVE, 0.08)) as above, _open(_scene(tmp_path, GROUND, 0.0)) as ground:
        clear = cleared(above, Ledger(told))
        window = Window(row=0, col=0, height=256, width=256)
        found, expected = (item.read(window, BANDS).physical() for item in (clear, ground))
    # Streets are the darkest: of their own blue, 0.04, all but 0.01 is taken for air too.
    assert (expected[0] - found[0]).mean() == pytest.approx(0.028, abs=0.003)
    assert (expected[0] - found[0]).std() < 1e-4
    np.testing.assert_allclose(found[3:], expected[3:], atol=0.006)
    (note,) = told.notes
    assert "from above the atmosphere; the air's light is taken off (blue 0.1" in note


def test_what_is_of_the_ground_is_left(tmp_path: Path) -> None:
    with _open(_scene(tmp_path, GROUND, 0.08)) as ground:
        assert wavelengths_from_above(ground, BANDS) == {}
        assert cleared(ground, Ledger(Told())) is ground


def _water(spec: SceneSpec, folder: Path) -> float:
    """Pixels of water by MNDWI above zero."""
    run = RunSpec(output=folder / "map.gpkg", overwrite=True)
    record = map_flood(FloodSpec(scene=spec, method="mndwi", threshold=0.0, run=run), Told())
    assert isinstance(record, RunRecord)
    return float(record.classes[0].pixels)


def test_streets_are_no_water_from_above(tmp_path: Path) -> None:
    lake = _water(_scene(tmp_path, GROUND, 0.0), tmp_path)
    assert lake == pytest.approx(3600, rel=0.02)
    assert _water(_scene(tmp_path, ABOVE, 0.08), tmp_path) == pytest.approx(lake, rel=0.05)
    assert _water(_scene(tmp_path, GROUND, 0.08), tmp_path) > 5 * lake


def test_a_city_in_winter(data_dir: Path, tmp_path: Path) -> None:
    """There is hardly any water; left to themselves, network and method took a quarter and more for it."""
    folder = data_dir / "change-s2" / "paris" / "before"
    if not folder.is_dir():
        pytest.skip("the Sentinel-2 pairs are not there")
    told = Told()
    run = RunSpec(output=tmp_path / "map.gpkg")
    record = map_flood(FloodSpec(scene=SceneSpec(paths=(str(folder),)), run=run), told)
    assert isinstance(record, RunRecord)
    assert record.model is None
    assert any("the sun stood 17 degrees high, and it takes shadows for water" in text for text in told.notes)
    assert any("the sun stood 17 degrees high: shadows" in text for text in record.warnings)
    assert record.classes[0].area_m2 is not None
    assert record.classes[0].area_m2 < 2e5
