"""The wind that the test fields hold at a place and time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from geoseg.scenes.wind_fields import Wind, WindFile
from tests.products.wind import (
    START,
    u_field,
    v_field,
)


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def expected(hour: float, lon: float, lat: float) -> tuple[float, float]:
    """Speed and direction of the fields."""
    one = [np.array(value, float) for value in (hour, lat, lon)]
    u, v = float(u_field(*one)), float(v_field(*one))
    return math.hypot(u, v), (180 + math.degrees(math.atan2(u, v))) % 360


def read_wind(path: Path, time: datetime | None, lon: float, lat: float) -> Wind:
    with WindFile(path) as file:
        return file.at(time, lon, lat)


def check(wind: Wind, hour: float, lon: float, lat: float, *, tolerance: float = 2e-3) -> None:
    speed, direction = expected(hour, lon, lat)
    assert wind.speed == pytest.approx(speed, abs=tolerance)
    assert wind.direction_from == pytest.approx(direction, abs=0.05)
