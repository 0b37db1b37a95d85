"""Where the sun stands, from time and place; how long light travels through the air.

Low-precision solar coordinates of Meeus, Astronomical Algorithms (2nd ed., 1998), chapters 12, 25 and 28, as
in the solar calculator of NOAA's Global Monitoring Laboratory: good to 0.01 degrees between 1950 and 2050.
Zenith angles are geometric: neither refraction (below 0.05 degrees where the sun is higher than 20 degrees)
nor parallax.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
CENTURY = 36525.0
"""Days."""
DEGREES_AN_HOUR = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """Apparent position of the sun, in degrees."""

    declination: float
    equation_of_time: float
    """By how much the sun is ahead of mean time."""


def sun_at(time: datetime) -> Sun:
    """Return the sun's declination and the equation of time.

    The difference between universal and terrestrial time (about a minute) moves neither by 0.001 degrees.

    Args:
        time: aware, of any zone.
    """
    t = (time - J2000) / timedelta(days=1) / CENTURY
    longitude = 280.46646 + t * (36000.76983 + t * 0.0003032)
    anomaly = math.radians(357.52911 + t * (35999.05029 - t * 0.0001537))
    eccentricity = 0.016708634 - t * (0.000042037 + t * 0.0000001267)
    centre = (
        (1.914602 - t * (0.004817 + t * 0.000014)) * math.sin(anomaly)
        + (0.019993 - t * 0.000101) * math.sin(2 * anomaly)
        + 0.000289 * math.sin(3 * anomaly)
    )
    # The moon's node: nutation and aberration together.
    node = math.radians(125.04 - 1934.136 * t)
    apparent = math.radians(longitude + centre - 0.00569 - 0.00478 * math.sin(node))
    tilt = math.radians(
        23
        + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60
        + 0.00256 * math.cos(node)
    )
    y = math.tan(tilt / 2) ** 2
    mean = math.radians(longitude)
    equation = (
        y * math.sin(2 * mean)
        - 2 * eccentricity * math.sin(anomaly)
        + 4 * eccentricity * y * math.sin(anomaly) * math.cos(2 * mean)
        - 0.5 * y * y * math.sin(4 * mean)
        - 1.25 * eccentricity**2 * math.sin(2 * anomaly)
    )
    return Sun(
        declination=math.degrees(math.asin(math.sin(tilt) * math.sin(apparent))),
        equation_of_time=math.degrees(equation),
    )


def solar_zenith(time: datetime, lon: float, lat: float) -> float:
    """Return the angle between the sun and the vertical in degrees, 0..180.

    Args:
        time: aware, of any zone.
        lon: degrees east.
        lat: degrees north, geodetic.
    """
    sun = sun_at(time)
    utc = time.astimezone(UTC)
    hours = (utc - utc.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(hours=1)
    hour_angle = math.radians(hours * DEGREES_AN_HOUR + lon + sun.equation_of_time - 180)
    phi, delta = math.radians(lat), math.radians(sun.declination)
    cosine = math.sin(phi) * math.sin(delta) + math.cos(phi) * math.cos(delta) * math.cos(hour_angle)
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def local_hour(node_hour: float, inclination: float, lat: float) -> float:
    """Return the mean local solar time in hours at which a sun-synchronous satellite passes southwards.

    From the spherical triangle of orbit, equator and meridian (Capderou, Handbook of Satellite Orbits, 2014,
    chapter 10): north of the equator it passes later than at the node. Beyond the orbit's turn: as at it.

    Args:
        node_hour: the time at the equator.
        inclination: of the orbit in degrees, above 90.
        lat: degrees north.
    """
    sine = math.tan(math.radians(lat)) / -math.tan(math.radians(inclination))
    return node_hour + math.degrees(math.asin(max(-1.0, min(1.0, sine)))) / DEGREES_AN_HOUR


def at_local_hour(day: datetime, hour: float, lon: float) -> datetime:
    """Return when on a day of universal time it is a mean local solar time at a longitude.

    Args:
        day: any time of the day, aware.
        hour: mean local solar time.
        lon: degrees east.
    """
    start = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start + timedelta(hours=(hour - lon / DEGREES_AN_HOUR) % 24)


def air_mass_factor(sun_zenith: float, view_zenith: float) -> float:
    """Return 1/cos(sun zenith) + 1/cos(view zenith): how often light passes a flat atmosphere's column.

    Args:
        sun_zenith: degrees, below 90.
        view_zenith: degrees, below 90.
    """
    return 1 / math.cos(math.radians(sun_zenith)) + 1 / math.cos(math.radians(view_zenith))
