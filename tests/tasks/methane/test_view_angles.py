"""Angles of sun and view: of the product, of time and place, of the satellite's usual hour, or asked for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from geoseg.errors import SceneError
from geoseg.methods.sun import solar_zenith
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import satellite, sensors
from geoseg.tasks.methane.view_angles import acquisition_time, angles_of
from tests.satellites import write_band, write_safe

S2A, EMIT = satellite("sentinel-2a"), satellite("emit")


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def test_of_the_product(tmp_path: Path) -> None:
    with scene(write_safe(tmp_path)) as opened:
        found = angles_of(opened, S2A)
        assert (found.sun_zenith, found.view_zenith) == (40, 6)
        assert found.source.count("MTD_TL.xml") == 2
        # 1/cos 40 + 1/cos 6
        assert found.air_mass_factor == pytest.approx(1.3054073 + 1.0055083)


def test_asked_for_wins(tmp_path: Path) -> None:
    with scene(write_safe(tmp_path)) as opened:
        found = angles_of(opened, S2A, sun_zenith=60, view_zenith=0)
        assert (found.sun_zenith, found.view_zenith) == (60, 0)
        assert found.air_mass_factor == pytest.approx(3)
        assert "--sun-zenith" in found.source
        assert "--view-zenith" in found.source


def test_from_time_and_place(tmp_path: Path) -> None:
    path = write_band(tmp_path / "T32TNR_20230506T101031_B12.tif")
    with scene(path) as opened:
        assert opened.centre == pytest.approx((9.0015, 45.152), abs=1e-3)
        found = angles_of(opened, S2A)
    # By coarser equations: Cooper's declination of day 126, noon 3.4 minutes early in the first week of May.
    declination, lat = (
        math.radians(23.45 * math.sin(math.radians(360 / 365 * (284 + 126)))),
        math.radians(45.152),
    )
    hour = math.radians((10 + (10.5 + 3.4) / 60) * 15 + 9.0015 - 180)
    sine = math.sin(lat) * math.sin(declination) + math.cos(lat) * math.cos(declination) * math.cos(hour)
    assert found.sun_zenith == pytest.approx(90 - math.degrees(math.asin(sine)), abs=0.3)
    assert found.view_zenith == 0
    assert "2023-05-06 10:10 UTC" in found.source
    assert "assumed nadir" in found.source


def test_only_the_day_is_known(tmp_path: Path) -> None:
    path = write_band(tmp_path / "T32TNR_20230506_B12.tif")
    with scene(path, sensor="sentinel-2-l1c", bands={"swir22": ":1"}) as opened:
        found = acquisition_time(opened, S2A)
        assert found is not None
        # 11:05 mean local solar time at 45 N, 36 minutes behind which lies universal time at 9 E.
        assert (found[0].hour, found[0].minute) in {(10, 28), (10, 29), (10, 30)}
        assert "only the date is known" in found[1]
        angles = angles_of(opened, S2A)
        assert 29 < angles.sun_zenith < 32
        assert "mean local solar time" in angles.source
        # The space station keeps no hour.
        assert acquisition_time(opened, EMIT) is None
        with pytest.raises(SceneError, match=r"time of day is unknown.*`--sun-zenith DEGREES`"):
            angles_of(opened, EMIT)


def test_nothing_is_known(tmp_path: Path) -> None:
    path = write_band(tmp_path / "swir22.tif")
    with scene(path) as opened:
        with pytest.raises(SceneError, match=r"its date is unknown.*`--sun-zenith DEGREES`") as caught:
            angles_of(opened, S2A)
        assert caught.value.exit_code == 3
        assert angles_of(opened, S2A, sun_zenith=30).sun_zenith == 30


def test_no_place(tmp_path: Path) -> None:
    path = write_band(tmp_path / "T32TNR_20230506T101031_B12.tif", crs=None)
    with scene(path) as opened:
        assert opened.centre is None
        with pytest.raises(SceneError, match=r"its location is unknown.*`--sun-zenith DEGREES`"):
            angles_of(opened, S2A)


def test_night(tmp_path: Path) -> None:
    path = write_band(tmp_path / "T32TNR_20230506T221031_B12.tif")
    with scene(path) as opened, pytest.raises(SceneError, match=r"22:10 UTC.*needs less than 85"):
        angles_of(opened, S2A)


def test_real_landsat_agrees_with_the_computed_sun(data_dir: Path) -> None:
    with scene(data_dir / "landsat8-l1") as opened:
        told = angles_of(opened, satellite("landsat-8"))
        place = opened.centre
        assert opened.time is not None
        assert place is not None
        computed = solar_zenith(opened.time, *place)
    assert told.sun_zenith == pytest.approx(25.25639068)
    assert (told.view_zenith, "nadir" in told.source) == (0, True)
    # The files are a crop; the metadata tell the sun at the centre of the whole scene, up to a degree away.
    assert computed == pytest.approx(told.sun_zenith, abs=1)
