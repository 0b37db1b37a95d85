"""A plume put into a scene: found again by the retrieval, nothing else touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.learn.evaluate.methane.plume_injection import Release, band_transmittance, inject
from geoseg.methods.gas_absorption import methane
from geoseg.methods.methane_column import response
from geoseg.methods.plume_model import KG_PER_PPM_M, GaussianPlume
from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import satellite, sensors
from geoseg.tasks.methane.band_ratio import BandRatioFit
from geoseg.tasks.methane.choose import two_band_methods
from tests.learn.evaluate.methane.pairs import SIDE, write_date
from tests.satellites import write_safe

AIR_MASS = 2.6
LON, LAT = 3.0102, 31.9874
"""In the middle of the scene of `write_date`."""


def release(**options: Any) -> Release:
    told = {"rate_kg_h": 2000.0, "wind_m_s": 3.0, "towards": 90.0, "age_s": 200.0}
    return Release(lon=LON, lat=LAT, plume=GaussianPlume(**(told | options)))


def band(folder: Path, name: str) -> np.ndarray:
    (path,) = folder.rglob(f"*_{name}.*")
    with rasterio.open(path) as file:
        return np.asarray(file.read(1), np.float64)


@pytest.mark.parametrize("name", ["sentinel-2a", "sentinel-2b", "landsat-8"])
def test_the_column_is_retrieved_as_it_was_put_in(tmp_path: Path, name: str) -> None:
    """By the change of the very pixels, so that the ground's own colours take no part."""
    scene, own = SceneSpec(paths=(str(write_date(tmp_path / "a", "20190621")),)), satellite(name)
    made = inject(scene, own, AIR_MASS, release(), tmp_path / "out")
    after = {key: band(tmp_path / "out", key) / band(tmp_path / "a", key) for key in ("B11", "B12")}
    table = methane()
    fit = BandRatioFit(
        method=two_band_methods()["mbsp"],
        c=1.0,
        reference_c=(),
        ppm_m=table.ppm_m,
        response=response(table, own.swir22 or (0, 0), own.swir16),
        air_mass=AIR_MASS,
    )
    found = fit.enhancement(after["B12"] / after["B11"] - 1)
    with open_scene(scene, sensors()) as opened:
        window, column = release().over(opened.grid)
        areas = opened.grid.pixel_areas(*(np.mgrid[0:SIDE, 0:SIDE] + 0.5))
    expected = np.zeros((SIDE, SIDE))
    expected[window.slices(opened.grid.window)] = column
    assert expected.max() > 5000
    assert made.beyond_pixels == 0
    # Whole numbers of about 3500 are right to 1.4e-4, which is about 60 ppm·m here.
    assert np.abs(found - expected).max() < 300
    assert (found * areas).sum() * KG_PER_PPM_M == pytest.approx(made.mass_kg, rel=0.02)
    assert made.mass_kg == pytest.approx(release().plume.mass_kg(), rel=0.01)


def test_one_satellites_plume_is_wrong_by_anothers_table() -> None:
    ratios = [band_transmittance(satellite(f"sentinel-2{letter}"), 2.0).ratio["swir22"][4] for letter in "ab"]
    assert (1 - ratios[1]) / (1 - ratios[0]) == pytest.approx(0.8, abs=0.06)


def test_nothing_else_changes(tmp_path: Path) -> None:
    before = write_date(tmp_path / "a", "20190621")
    made = inject(SceneSpec(paths=(str(before),)), satellite("sentinel-2a"), 2.0, release(), tmp_path / "out")
    folder = Path(made.scene.paths[0])
    assert sorted(item.name for item in folder.iterdir()) == sorted(item.name for item in before.iterdir())
    for name in ("B02", "B03", "B04", "B08"):
        (path,) = folder.glob(f"*_{name}.tif")
        assert path.is_symlink()
    for name in ("B11", "B12"):
        (path,) = folder.glob(f"*_{name}.tif")
        with rasterio.open(path) as file, rasterio.open(before / path.name) as original:
            assert "plume" in file.tags()["SIMULATED"]
            assert file.tags()["ORIGIN"] == "a test"
            assert file.profile["dtype"] == "uint16"
            assert (file.crs, file.transform, file.nodata) == (
                original.crs, original.transform, original.nodata,
            )  # fmt: skip
            new, old = file.read(1), original.read(1)
        # Upwind, and well beside the plume.
        assert (new[:, : SIDE // 2 - 2] == old[:, : SIDE // 2 - 2]).all()
        assert (new[:12] == old[:12]).all()
        assert (new < old).any()
        assert (new <= old).all()
    with open_scene(made.scene, sensors()) as scene:
        assert scene.sensor is not None
        assert scene.sensor.name == "sentinel-2-l1c"
        assert set(scene.band_names) >= {"blue", "green", "red", "nir", "swir16", "swir22"}


def test_the_offset_of_stored_values_counts(tmp_path: Path) -> None:
    """Radiance is dimmed, and not the thousand that baseline 04.00 adds to it."""
    path = str(write_date(tmp_path / "a", "20190621"))
    for sensor, offset in (("sentinel-2-l1c", 0), ("sentinel-2-l1c-offset", 1000)):
        scene = SceneSpec(paths=(path,), sensor=sensor)
        made = inject(scene, satellite("sentinel-2a"), 2.0, release(rate_kg_h=9000.0), tmp_path / sensor)
        assert made.scene.sensor == sensor
        new, old = (band(folder, "B12") for folder in (tmp_path / sensor, tmp_path / "a"))
        transmittance = band_transmittance(satellite("sentinel-2a"), 2.0)
        with open_scene(scene, sensors()) as opened:
            window, column = release(rate_kg_h=9000.0).over(opened.grid)
        part = window.slices(opened.grid.window)
        expected = (old[part] - offset) * transmittance("swir22", column) + offset
        assert np.abs(new[part] - expected).max() <= 0.5


def test_beyond_the_table_is_its_end_and_counted(tmp_path: Path) -> None:
    scene = SceneSpec(paths=(str(write_date(tmp_path / "a", "20190621")),))
    own = satellite("sentinel-2a")
    made = inject(scene, own, 2.0, release(rate_kg_h=200_000.0), tmp_path / "out")
    assert made.beyond_pixels > 10
    assert 0.1 < made.beyond_share < 0.9
    least = (band(tmp_path / "out", "B12") / band(tmp_path / "a", "B12")).min()
    assert least == pytest.approx(band_transmittance(own, 2.0).ratio["swir22"][-1], abs=3e-4)


def test_absorption_may_go_on_beyond_the_table() -> None:
    """Smoothly, ever darker, and by less than in proportion."""
    own = satellite("sentinel-2a")
    end, on = (band_transmittance(own, 2.0, extend=extend) for extend in (False, True))
    amounts = np.array([4000.0, 16_000.0, 16_001.0, 32_000.0, 500_000.0])
    capped, dimmed = (transmittance("swir22", amounts) for transmittance in (end, on))
    np.testing.assert_array_equal(capped[:2], dimmed[:2])
    assert dimmed[2] == pytest.approx(dimmed[1], abs=1e-5)
    assert (np.diff(dimmed) < 0).all()
    assert 1.7 < np.log(dimmed[3]) / np.log(dimmed[1]) < 2
    assert capped[2:].tolist() == [capped[1]] * 3
    assert end.end_signal(single=False) == pytest.approx(0.03476 / 0.00124 * 500, rel=0.03)
    assert on.end_signal(single=False) == np.inf


def test_nodata_stays(tmp_path: Path) -> None:
    folder = write_date(tmp_path / "a", "20190621")
    (path,) = folder.glob("*_B12.tif")
    with rasterio.open(path, "r+") as file:
        values = file.read(1)
        values[SIDE // 2 - 1 : SIDE // 2 + 2] = 0
        file.write(values, 1)
    inject(SceneSpec(paths=(str(folder),)), satellite("sentinel-2a"), 2.0, release(), tmp_path / "out")
    assert (band(tmp_path / "out", "B12") == 0).sum() == 3 * SIDE


def test_products_keep_their_metadata(tmp_path: Path) -> None:
    product = write_safe(tmp_path)
    source = Release(
        lon=9.0015, lat=45.152, plume=GaussianPlume(rate_kg_h=9000, wind_m_s=2, towards=0, age_s=100)
    )
    made = inject(SceneSpec(paths=(str(product),)), satellite("sentinel-2a"), 2.0, source, tmp_path / "out")
    with open_scene(made.scene, sensors()) as scene:
        assert scene.platform == "sentinel-2a"
        assert scene.geometry is not None
        assert scene.geometry.sun_zenith == 40
    assert band(tmp_path / "out", "B12").min() < 3000


def test_files_and_bands_said_by_hand(tmp_path: Path) -> None:
    folder = write_date(tmp_path / "a", "20190621")
    strong, weak = (str(next(folder.glob(f"*_{name}.tif"))) for name in ("B12", "B11"))
    request = SceneSpec(
        paths=(strong, weak), sensor="sentinel-2-l1c", bands={"swir22": f"{strong}:1", "swir16": weak}
    )
    made = inject(request, satellite("sentinel-2a"), 2.0, release(), tmp_path / "out")
    assert all(str(tmp_path / "out") in path for path in (*made.scene.paths, *made.scene.bands.values()))
    with open_scene(made.scene, sensors()) as scene:
        assert set(scene.band_names) == {"swir22", "swir16"}


def test_what_is_refused(tmp_path: Path) -> None:
    scene = SceneSpec(paths=(str(write_date(tmp_path / "a", "20190621")),))
    with pytest.raises(UsageError, match="emit"):
        inject(scene, satellite("emit"), 2.0, release(), tmp_path / "out")
    away = Release(lon=3.5, lat=LAT, plume=release().plume)
    with pytest.raises(SceneError, match="too far"):
        inject(scene, satellite("sentinel-2a"), 2.0, away, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    inject(scene, satellite("sentinel-2a"), 2.0, release(), tmp_path / "out")
    with pytest.raises(OutputError, match="is not empty"):
        inject(scene, satellite("sentinel-2a"), 2.0, release(), tmp_path / "out")
