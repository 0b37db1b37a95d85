"""Bands of radar without names are named by darkness, and by the polarisations in the file's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import BandError
from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import write_raster

IW = "S1A_IW_GRDH_1SDV_20230507T111213_20230507T111238_048426_05D34F_1A2B_TC.tif"
EW = IW.replace("IW_GRDH_1SDV", "EW_GRDM_1SDH")


def names_of(path: Path, stored: Any, *levels: float) -> tuple[str, ...]:
    """Write bands of some levels in dB, and return the names that they are read by."""
    noise = np.random.default_rng(1).normal(0, 1.5, (len(levels), 48, 48))
    db = np.array(levels)[:, None, None] + noise
    values = {"db": db, "power": 10 ** (db / 10), "amplitude": 10 ** (db / 20)}[stored]
    write_raster(path, values.astype(np.float32))
    with open_scene(SceneSpec(paths=(str(path),), sar_units=stored), sensors()) as scene:
        assert any("have no names and are read in the usual order" in item.text for item in scene.messages)
        return scene.band_names


@pytest.mark.parametrize("stored", ["db", "power", "amplitude"])
@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ((-10, -17), ("vv", "vh")),
        ((-17, -10), ("vh", "vv")),
        # Open water with waves.
        ((-25, -18), ("vh", "vv")),
        # Calm water: both are the noise of the instrument.
        ((-24, -23.8), ("vv", "vh")),
        ((-23.8, -24), ("vv", "vh")),
    ],
)
def test_the_clearly_darker_of_two_polarisations_is_vh(
    tmp_path: Path, stored: str, levels: tuple[float, float], names: tuple[str, str]
) -> None:
    assert names_of(tmp_path / IW, stored, *levels) == names


@pytest.mark.parametrize("name", [EW, "ice_HH_HV.tif", "gamma0_hh-hv_db.tif"])
def test_names_of_files_state_horizontal_polarisation(tmp_path: Path, name: str) -> None:
    assert names_of(tmp_path / name, "db", -10, -17) == ("hh", "hv")
    assert names_of(tmp_path / name, "db", -17, -10) == ("hv", "hh")


@pytest.mark.parametrize("sensor", [None, "sentinel-1"])
@pytest.mark.parametrize(
    ("levels", "options"),
    [
        ((-12,), "name its polarisation with `--band vv=:1` or `--band vh=:1`"),
        ((-12, -17, 5), "name the polarisations with `--band vv=:1 --band vh=:2`"),
        ((-12, -17, -5, -6), "name the polarisations with `--band vv=:1 --band vh=:2`"),
    ],
)
def test_the_option_that_names_the_polarisation_is_told(
    tmp_path: Path, sensor: str | None, levels: tuple[float, ...], options: str
) -> None:
    noise = np.random.default_rng(1).normal(0, 1.5, (len(levels), 48, 48))
    data = (np.array(levels)[:, None, None] + noise).astype(np.float32)
    path = str(write_raster(tmp_path / "a.tif", data))
    with pytest.raises(BandError) as raised:
        open_scene(SceneSpec(paths=(path,), sensor=sensor), sensors())
    assert options in str(raised.value)
    assert "naip" not in str(raised.value)
    with open_scene(SceneSpec(paths=(path,), sensor=sensor, bands={"vv": ":1"}), sensors()) as scene:
        assert scene.band_names == ("vv",)


def test_8_bits_of_radar_are_told_as_vv(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(20, 200, (1, 48, 48)).astype(np.uint8)
    path = str(write_raster(tmp_path / "a.tif", data))
    with pytest.raises(BandError, match=r"`--band vv=:1` or .*8-bit pictures are vv"):
        open_scene(SceneSpec(paths=(path,), sensor="sentinel-1"), sensors())


def test_indices_without_names_are_no_radar(tmp_path: Path) -> None:
    data = np.random.default_rng(1).normal(-0.3, 0.1, (1, 48, 48)).astype(np.float32)
    with pytest.raises(BandError, match="the name does not identify the band"):
        open_scene(SceneSpec(paths=(str(write_raster(tmp_path / "a.tif", data)),)), sensors())
