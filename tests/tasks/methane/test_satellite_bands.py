"""Which satellite's tables count: told, asked for, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geoseg.errors import SceneError, UsageError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.methane.satellite_bands import known_satellite, satellite_of
from tests.satellites import write_band, write_safe


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


@pytest.mark.parametrize("letter", ["A", "B"])
def test_metadata_tell_it(tmp_path: Path, letter: str) -> None:
    with scene(write_safe(tmp_path, letter=letter)) as opened:
        name = f"sentinel-2{letter.lower()}"
        assert satellite_of(opened, None).name == name
        assert satellite_of(opened, name.upper()).name == name


def test_another_than_told_is_refused(tmp_path: Path) -> None:
    with (
        scene(write_safe(tmp_path, letter="A")) as opened,
        pytest.raises(
            SceneError, match=r"Sentinel-2A MSI, not from Sentinel-2B MSI; leave `--satellite` out"
        ),
    ):
        satellite_of(opened, "sentinel-2b")


def test_names_that_do_not_tell_ask_for_it(tmp_path: Path) -> None:
    path = write_band(tmp_path / "T50QKK_20180323T024539_B12.tif")
    with scene(path) as opened:
        with pytest.raises(SceneError, match=r"`--satellite NAME` \(.*sentinel-2a, sentinel-2b\)") as caught:
            satellite_of(opened, None)
        assert caught.value.exit_code == 3
        assert satellite_of(opened, "sentinel-2b").swir22 == (2093.2, 2278.2)
        with pytest.raises(UsageError, match="did you mean sentinel-2") as wrong:
            satellite_of(opened, "sentinel-2c")
        assert wrong.value.exit_code == 2


def test_a_satellite_without_a_table(tmp_path: Path) -> None:
    with scene(write_safe(tmp_path, letter="C")) as opened:
        assert known_satellite(opened) is None
        with pytest.raises(SceneError, match=r"sentinel-2c.*no methane absorption table.*`--satellite NAME`"):
            satellite_of(opened, None)
        assert satellite_of(opened, "sentinel-2a").name == "sentinel-2a"
    path = write_band(tmp_path / "LE07_L1TP_193029_20030506_20160926_01_T1_B7.TIF")
    with scene(path) as opened, pytest.raises(SceneError, match=r"landsat-7.*no methane absorption table"):
        satellite_of(opened, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LC08_L1TP_193029_20230506_20230508_02_T1_B7.TIF", "landsat-8"),
        ("LC09_L1TP_193029_20230506_20230508_02_T1_B7.TIF", "landsat-9"),
        ("S2B_OPER_MSI_L1C_TL_EPA__20161227T091305_A001222_T22LHH_B12.tif", "sentinel-2b"),
    ],
)
def test_file_names_tell_it(tmp_path: Path, name: str, expected: str) -> None:
    with scene(write_band(tmp_path / name)) as opened:
        assert satellite_of(opened, None).name == expected


@pytest.mark.parametrize(
    "name",
    [
        "EMIT_L1B_RAD_001_20220815T042838.tif",
        "PRS_L1_STD_OFFL_20200915102100_20200915102105_0001.tif",
        "ENMAP01-____L1B-DT0000001234_20221006T101501Z_001_V010110.tif",
        "ang20190922t192642_rdn.tif",
    ],
)
def test_spectrometers(tmp_path: Path, name: str) -> None:
    with scene(write_band(tmp_path / name), bands={"w2310": ":1"}) as opened:
        assert satellite_of(opened, None).kind == "spectrometer"


@pytest.mark.parametrize("sensor", ["landsat-8-l1", "emit"])
def test_a_sensor_of_one_satellite_tells_it(tmp_path: Path, sensor: str) -> None:
    with scene(write_band(tmp_path / "a.tif"), sensor=sensor, bands={"swir22": ":1"}) as opened:
        assert satellite_of(opened, None).name == sensor.removesuffix("-l1")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("LC08_L2SP_193029_20230506_20230508_02_T1_SR_B7.TIF", "level 1 product"),
        ("HLS.S30.T32TQM.2023126T101031.v2.0.B12.tif", "L1C product"),
        ("HLS.L30.T32TQM.2023126T101031.v2.0.B07.tif", "level 1 product"),
        ("EMIT_L2A_RFL_001_20220815T042838.tif", "level 1 product"),
        ("T32TQM_20230506T101031_B12_20m.tif", "L1C product"),
    ],
)
def test_surface_reflectance_is_refused(tmp_path: Path, name: str, told: str) -> None:
    path = write_band(tmp_path / name)
    with scene(path, bands={"swir22": ":1"}) as opened:
        with pytest.raises(SceneError, match=f"surface reflectance.*give the {told}") as caught:
            satellite_of(opened, "sentinel-2a")
        assert caught.value.exit_code == 3


def test_level_2a_is_refused_whoever_asks(tmp_path: Path) -> None:
    with scene(write_safe(tmp_path, level="2A")) as opened:
        for asked in (None, "sentinel-2a"):
            with pytest.raises(SceneError, match="give the L1C product"):
                satellite_of(opened, asked)


def test_real_landsat(data_dir: Path) -> None:
    with scene(data_dir / "landsat8-l1") as opened:
        assert satellite_of(opened, None).name == "landsat-8"
