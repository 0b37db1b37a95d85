"""Wind from GRIB by its own metadata."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.errors import SceneError
from tests.products.wind import (
    Message,
    constant,
    winds,
    write_grib,
)
from tests.scenes.wind_at_places import (
    at,
    check,
    read_wind,
)


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("v_first", [False, True])
def test_grib_by_its_own_metadata(tmp_path: Path, edition: int, v_first: bool) -> None:
    messages = winds()
    if v_first:
        messages.reverse()
    messages.insert(1, Message(element="t", at=constant(280)))
    path = write_grib(tmp_path / "era5.grib", messages, edition=edition)
    wind = read_wind(path, at(0.4), 9.1, 45.6)
    check(wind, 0.4, 9.1, 45.6)
    assert wind.source == "era5.grib, between 2023-05-06 10:00 UTC and 2023-05-06 11:00 UTC"
    for hour in (-3.1, 5.1, -24 * 365):
        with pytest.raises(SceneError, match=r"era5\.grib holds 2023-05-06 10:00 to .*`--wind`") as caught:
            read_wind(path, at(hour), 9.1, 45.6)
        assert caught.value.exit_code == 3
    with pytest.raises(SceneError, match="does not cover"):
        read_wind(path, at(0), 12, 45.6)


def test_grib_keeps_its_metadata_in_a_copy(tmp_path: Path) -> None:
    path = write_grib(tmp_path / "w.grib", list(reversed(winds([0]))))
    with rasterio.open(path) as file:
        profile = {**file.profile, "driver": "GTiff"}
        with rasterio.open(tmp_path / "w.tif", "w", **profile) as copy:
            copy.write(file.read())
            for band in (1, 2):
                copy.update_tags(band, **file.tags(band))
    check(read_wind(tmp_path / "w.tif", at(0), 9.1, 45.6), 0, 9.1, 45.6)
    with pytest.raises(SceneError, match=r"w\.tif holds 2023-05-06 10:00 UTC"):
        read_wind(tmp_path / "w.tif", at(48), 9.1, 45.6)


def test_grib_of_ten_metres_among_other_heights(tmp_path: Path) -> None:
    others = [replace(item, height=100, at=constant(20)) for item in winds([0])]
    check(read_wind(write_grib(tmp_path / "w.grib", [*others, *winds([0])]), at(0), 9, 45.5), 0, 9, 45.5)
    with pytest.raises(SceneError, match=r"no U and V of wind 10 m above ground.*UGRD 100-HTGL"):
        read_wind(write_grib(tmp_path / "high.grib", others), at(0), 9, 45.5)


def test_grib_forecasts_and_ensembles(tmp_path: Path) -> None:
    def wrong(part: Message) -> Message:
        return replace(part, at=constant(30), hour=part.hour - 6, ahead=6)

    # Of two forecasts of one time the one that started last counts.
    path = write_grib(tmp_path / "f.grib", [item for part in winds([1]) for item in (wrong(part), part)])
    check(read_wind(path, at(1), 9, 45.5), 1, 9, 45.5)
    forecast = write_grib(tmp_path / "g.grib", [replace(part, hour=-2, ahead=3) for part in winds([0])])
    check(read_wind(forecast, at(1), 9, 45.5), 1, 9, 45.5)
    ensemble = write_grib(tmp_path / "e.grib", [*winds([0]), *winds([0])])
    with pytest.raises(SceneError, match=r"2 messages UGRD of 2023-05-06 10:00 UTC, as an ensemble"):
        read_wind(ensemble, at(0), 9, 45.5)


def test_grib_of_one_component(tmp_path: Path) -> None:
    u, v = winds([0])
    with pytest.raises(SceneError, match="no U and V"):
        read_wind(write_grib(tmp_path / "u.grib", [u]), at(0), 9, 45.5)
    with pytest.raises(SceneError, match="no time with both"):
        read_wind(write_grib(tmp_path / "uv.grib", [u, replace(v, hour=2)]), at(0), 9, 45.5)


@pytest.mark.parametrize("edition", [1, 2])
def test_grib_of_the_globe_counted_from_0_to_360(tmp_path: Path, edition: int) -> None:
    lats, lons = np.arange(90, -90.1, -10), np.arange(0, 360, 10.0)

    def east(hour: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Any:
        return 10 * np.cos(np.radians(lon)) + 0 * lat

    parts = [
        Message(element="u", at=east, lats=lats, lons=lons),
        Message(element="v", at=constant(0), lats=lats, lons=lons),
    ]
    path = write_grib(tmp_path / "w.grib", parts, edition=edition)
    for lon in (-60, 300):
        assert read_wind(path, at(0), lon, 5).speed == pytest.approx(5, abs=0.01)
