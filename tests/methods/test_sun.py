"""The sun's place against published examples, known days and a real scene's metadata."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from geoseg.methods.sun import air_mass_factor, at_local_hour, local_hour, solar_zenith, sun_at


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_meeus_examples_25a_and_28a() -> None:
    declination, equation_of_time = sun_at(utc(1992, 10, 13))
    assert declination == pytest.approx(-7.78507, abs=0.001)
    # +13 min 42.6 s
    assert equation_of_time == pytest.approx(3.427351, abs=0.003)


def test_example_of_the_solar_position_algorithm() -> None:
    # Reda and Andreas 2004, doi:10.1016/j.solener.2003.12.003, table A5.1: elevation before refraction.
    zenith = solar_zenith(utc(2003, 10, 17, 19, 30, 30), -105.1786, 39.742476)
    assert zenith == pytest.approx(90 - 39.872046, abs=0.01)


def test_a_landsat_scene_says_the_same() -> None:
    # LC80200392015216LGN00, SUN_ELEVATION at the centre of its corners.
    time = utc(2015, 8, 4, 16, 19, 21) + timedelta(microseconds=791742)
    assert solar_zenith(time, -87.01, 30.296) == pytest.approx(90 - 64.74360932, abs=0.02)


def test_equinox_and_solstices_at_noon() -> None:
    def noon(day: datetime, lat: float) -> float:
        return solar_zenith(day - timedelta(minutes=4 * sun_at(day)[1]), 0, lat)

    # 20 March 2024, 03:06 UTC: by noon the sun is 0.15 degrees north.
    assert noon(utc(2024, 3, 20, 12), 0) == pytest.approx(0.147, abs=0.01)
    assert noon(utc(2024, 6, 20, 12), 23.4374) == pytest.approx(0, abs=0.02)
    assert noon(utc(2024, 12, 21, 12), -23.4364) == pytest.approx(0, abs=0.02)
    assert noon(utc(2024, 12, 21, 12), 45) == pytest.approx(68.436, abs=0.02)
    # Midnight sun at the north cape: 90 - (declination - (90 - lat)).
    assert solar_zenith(utc(2024, 6, 21, 0), 0, 71) == pytest.approx(90 - (23.437 - 19), abs=0.05)


def test_zones_and_longitudes_count() -> None:
    east = datetime(2023, 5, 6, 14, 0, tzinfo=timezone(timedelta(hours=4)))
    assert solar_zenith(east, 50, 20) == solar_zenith(utc(2023, 5, 6, 10), 50, 20)
    assert solar_zenith(utc(2023, 5, 6, 10), 190, 20) == pytest.approx(solar_zenith(east, -170, 20))
    morning, evening = (solar_zenith(utc(2023, 5, 6, hour), 0, 20) for hour in (7, 12))
    assert morning > evening + 50


def test_local_hour_of_a_sun_synchronous_orbit() -> None:
    assert local_hour(10.5, 98.62, 0) == 10.5
    # The same scene: its time and longitude, 10:31 local.
    assert local_hour(10.2, 98.2, 30.296) == pytest.approx(16 + 19 / 60 + 22 / 3600 - 87.01 / 15, abs=0.02)
    assert local_hour(10.5, 98.62, -30) < 10.5 < local_hour(10.5, 98.62, 30)
    # Nothing passes farther north than the orbit turns.
    assert local_hour(10.5, 98.62, 89) == 16.5


def test_local_hour_as_universal_time() -> None:
    day = utc(2023, 5, 6)
    assert at_local_hour(day, 10.5, 0) == utc(2023, 5, 6, 10, 30)
    assert at_local_hour(day, 10.5, -90) == utc(2023, 5, 6, 16, 30)
    # East of 157 degrees the satellite passed before midnight; the day in the name is that of UTC.
    assert at_local_hour(day, 10.5, 165) == utc(2023, 5, 6, 23, 30)


def test_air_mass_factor() -> None:
    assert air_mass_factor(0, 0) == 2
    assert air_mass_factor(60, 0) == pytest.approx(3)
    assert air_mass_factor(0, 45) == pytest.approx(1 + math.sqrt(2))
